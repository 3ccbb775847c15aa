"""
Hear of the changes that other processes commit on a PostgreSQL server (LISTEN, NOTIFY).

One connection of each process listens. Every `CHECK_SECONDS` the process sends itself a notice by another connection:
while that does not arrive, because the network hangs or a pooler lies between, the process does not count on hearing
of every change.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from typing import Any, Final

import structlog

from storage.notices import Notices

CHANNEL: Final = "atelier"
CHECK_SECONDS: Final = 10.0
ARRIVES_WITHIN_SECONDS: Final = 5.0
"""A notice that has not arrived after this time counts as lost."""
AGAIN_SECONDS: Final = 2.0
"""Pause after a connection was lost."""
ECHO: Final = "heard by "
"""Followed by a token that only the process which sends the notice knows."""

log = structlog.get_logger(__name__)


class NotHeard(Exception):
    """A notice was sent, and did not arrive."""


class Listening:
    """Pass on to `notices` what processes tell. `connect` opens a connection of asyncpg, `send` sends a notice."""

    def __init__(
        self,
        notices: Notices,
        *,
        connect: Callable[[], Awaitable[Any]],
        send: Callable[[str], Awaitable[None]],
    ) -> None:
        self._notices = notices
        self._connect = connect
        self._send = send
        self._echo = ECHO + secrets.token_hex(8)
        self._echoed = asyncio.Event()
        self._warned = False

    async def run(self) -> None:
        """Listen until cancelled, and connect again whenever the connection is lost."""
        while True:
            try:
                await self._listen()
            except NotHeard:
                self._warn()
            except Exception as error:  # noqa: BLE001  # whatever ended it, the next attempt follows
                log.debug("connection that listens lost, will retry", error=str(error) or type(error).__name__)
            finally:
                self._notices.complete = False
            await asyncio.sleep(AGAIN_SECONDS)

    async def _listen(self) -> None:
        """Listen until the connection is lost or a notice of this process does not arrive; raises then."""
        connection = await self._connect()
        lost = asyncio.Event()
        try:
            connection.add_termination_listener(lambda _: lost.set())
            await connection.add_listener(CHANNEL, self._heard)
            while not lost.is_set():
                await self._check()
                if not self._notices.complete:
                    self._notices.hear_all()
                    self._warned = False
                try:
                    async with asyncio.timeout(CHECK_SECONDS):
                        await lost.wait()
                except TimeoutError:
                    pass
            raise ConnectionError("the connection was closed")
        finally:
            connection.terminate()

    async def _check(self) -> None:
        self._echoed.clear()
        async with asyncio.timeout(ARRIVES_WITHIN_SECONDS):
            await self._send(self._echo)
        try:
            async with asyncio.timeout(ARRIVES_WITHIN_SECONDS):
                await self._echoed.wait()
        except TimeoutError:
            raise NotHeard from None

    def _heard(self, _connection: object, _process: int, _channel: str, subject: str) -> None:
        if subject == self._echo:
            self._echoed.set()
        elif not subject.startswith(ECHO):
            self._notices.tell(subject)

    def _warn(self) -> None:
        """Log once that notices do not arrive although the server can be reached."""
        if not self._warned:
            self._warned = True
            log.warning(
                "changes of other processes are not heard of: values are read each time, and work for this process is "
                "found within seconds. Give the bot a connection to the server itself if a pooler lies between"
            )
