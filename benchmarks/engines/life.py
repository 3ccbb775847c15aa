"""
What every engine does with a task, and how a process of an engine reaches the image API and the channel.

The life of a task: one create, which may be taken without an answer and is then never sent again; polls by the bot's
own schedule; one message, which is searched for before it is sent again. A cancel ends it while it is queued. A
callback tells the job of a create that was not answered; without one, the message says that the create is unconfirmed.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Final, Protocol

import aiohttp

from bot.engine.timing.schedule import Durations, next_poll
from storage.catalogue import MODELS

MODEL: Final = MODELS["z-image"]
"""The fastest model, so that a picture that is ready after `benchmarks.engines.world.PICTURE_SECONDS` needs about as
many polls as a usual one of a slower model."""
CREATES: Final = 20
WINDOW_SECONDS: Final = 11.0
"""As `bot.engine.policy`: the image API accepts 20 creates in 10 s."""
IN_FLIGHT: Final = 100
LEASE_SECONDS: Final = 30.0
HEARTBEAT_SECONDS: Final = 10.0
"""As `bot.engine.policy`: a process that was not seen for `LEASE_SECONDS` is dead."""
LOOK_SECONDS: Final = 1.0
"""How often the queue libraries look for jobs that have become due. Neither is woken by a job that was put back, so it
is up to this late; PgQueuer waits 30 s by default."""
WORD_SECONDS: Final = 20.0
"""How long a create without an answer waits for its callback. The bot waits ten minutes."""
AGAIN_SECONDS: Final = 2.0
"""The first back-off after a refused create or a message without an answer."""
ASKERS: Final = 10


class Text(StrEnum):
    """What the message of a task says. No engine moves pictures here."""

    MADE = "made"
    UNCONFIRMED = "unconfirmed"


class Throttled(Exception):
    """The create was refused: too many in 10 s."""


class NoAnswer(Exception):
    """The connection broke before the answer: the create, or the message, may have been accepted."""


class Carrier(Protocol):
    """One process of an engine."""

    async def ask(self, number: int) -> None:
        """Store the task, which then is carried on by any process."""

    async def cancel(self, number: int) -> bool:
        """Cancel a queued task; return False if it is too late."""

    async def called_back(self, number: int, token: str, job_id: str) -> None:
        """Handle a callback for the create of the task `number`."""


class World:
    """The image API and the channel, over HTTP, as the process `name` sees them."""

    def __init__(self, session: aiohttp.ClientSession, address: str, name: str) -> None:
        self._session = session
        self._address = address
        self._name = name

    async def create(self, number: int, token: str = "") -> str:
        """Send the create and return its job_id. Raises Throttled, and NoAnswer."""
        return str(await self._ask("POST", "create", task=str(number), token=token))

    async def record(self, job_id: str) -> tuple[int, bool]:
        """Return the number of the job's task, and whether the picture is ready."""
        number, ready = await self._ask("GET", "record", job=job_id)
        return number, ready

    async def post(self, number: int, text: str) -> None:
        """Send the message. Raises NoAnswer."""
        await self._ask("POST", "message", task=str(number), text=text)

    async def is_posted(self, number: int) -> bool:
        return bool(await self._ask("GET", "message", task=str(number)))

    async def _ask(self, method: str, path: str, **values: str) -> Any:
        params = {"worker": self._name, **values}
        try:
            async with self._session.request(method, f"{self._address}/{path}", params=params) as response:
                if response.status == 429:
                    raise Throttled
                return await response.json()
        except aiohttp.ClientError as error:
            raise NoAnswer(str(error)) from error


def wait_after(seconds: float) -> float:
    """Return how long to wait for the next poll, `seconds` after the create was accepted."""
    return next_poll(seconds, Durations(prior_seconds=MODEL.usual_seconds[False]))
