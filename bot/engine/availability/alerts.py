"""Alert the operator about problems that only the operator can solve, without repeating the same alert often."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from datetime import timedelta
from typing import Final

import structlog

from bot.engine.ports import Delivery
from bot.errors import Reason, ServiceError
from storage.stores import Stores

SENT_FACT: Final = "operator_told"
TODAY_FACT: Final = "operator_told_today"
"""Followed by a reason. The times of its alerts about subjects outlive `forget`, so that a subject whose problem comes
and goes is counted each time."""
ALERT_AGAIN_AFTER: Final = timedelta(hours=24)
SENT_WITHIN: Final = timedelta(minutes=1)
"""How long a process has to send an alert before another one may send the same."""
NOTED_AGAIN_AFTER: Final = timedelta(hours=1)
"""How long noted alerts wait after one of them could not be sent."""
SUBJECTS_A_DAY: Final = 10
"""Most alerts of one reason about single subjects (host names) in a day. Other people choose the host names, and must
not be able to flood the operator's channel."""
MOST_REMEMBERED: Final = 100
"""Most alerts that are remembered as sent (the newest), and most that wait to be sent (further ones are dropped)."""
NOT_SENT: Final = (
    "operator alert not sent, tried again when its reason recurs or, about a host, in an hour: unless Discord was only "
    "unavailable, let OPERATOR_CHANNEL_ID name a channel that the bot may see and write in, or let the application's "
    "owner accept direct messages from the bot"
)

log = structlog.get_logger(__name__)


class OperatorAlerts:
    """Send the alert for a reason at most once a day, and the alert about a single subject once until `forget`. The
    times of the alerts are stored, so this holds across restarts."""

    def __init__(self, *, stores: Stores, delivery: Delivery, clock: Callable[[], int]) -> None:
        self._stores = stores
        self._delivery = delivery
        self._clock = clock
        self._sending = asyncio.Lock()
        self._noted: dict[str, tuple[Reason, dict[str, str | int]]] = {}
        """Alerts to send by `check`, by name."""
        self._noted_due_at = 0
        """Time (ms) from which noted alerts are sent: later than now after one could not be sent."""

    async def check(self) -> None:
        """Alert the operator about the current delivery problem, if any, and send the noted alerts. If one cannot be
        sent, all that are left wait for `NOTED_AGAIN_AFTER`. One that exceeds `SUBJECTS_A_DAY` is dropped until it is
        noted again."""
        if reason := self._delivery.operator.trouble():
            await self.alert(reason)
        for name, (noted, parameters) in list(self._noted.items()):
            if self._clock() < self._noted_due_at:
                return
            if await self._alert_once(noted, parameters, name):
                self._noted.pop(name, None)
            else:
                self._noted_due_at = self._clock() + int(NOTED_AGAIN_AFTER.total_seconds() * 1000)

    async def alert(self, reason: Reason) -> None:
        """Alert the operator, unless the same alert was sent within `ALERT_AGAIN_AFTER`. Never raises ServiceError: an
        alert that could not be sent is tried again at the next call for this reason."""
        async with self._sending:
            sent = await self._sent()
            now = self._clock()
            if 0 <= now - sent.get(reason.value, 0) < ALERT_AGAIN_AFTER.total_seconds() * 1000:
                return
            if not await self._is_ours(reason.value):
                return
            await self._send(reason, {}, reason.value, sent)

    def note(self, reason: Reason, subject: str, **parameters: str | int) -> None:
        """Schedule an alert about one subject (a host), unless `MOST_REMEMBERED` wait already, and return at once. The
        alert is not repeated until `forget`, and at most `SUBJECTS_A_DAY` are sent for a reason in 24 hours; `check`
        drops the others."""
        if len(self._noted) < MOST_REMEMBERED:
            self._noted[_name(reason, subject)] = (reason, parameters)

    async def forget(self, reason: Reason, subject: str) -> None:
        """Record that a problem is solved, so that its next occurrence causes an alert again."""
        self._noted.pop(_name(reason, subject), None)
        if _name(reason, subject) not in await self._sent():
            return  # do not wait for an alert that is being sent now
        async with self._sending:
            sent = await self._sent()
            if sent.pop(_name(reason, subject), None) is not None:
                await self._stores.key_values.set(SENT_FACT, json.dumps(sent))

    async def _alert_once(self, reason: Reason, parameters: dict[str, str | int], name: str) -> bool:
        """Send an alert about a subject if it is to be sent. Return False if that failed."""
        async with self._sending:
            sent = await self._sent()
            today = await self._today(reason)
            if name in sent or len(today) >= SUBJECTS_A_DAY or not await self._is_ours(name):
                return True
            if not await self._send(reason, parameters, name, sent):
                return False
            await self._stores.key_values.set(_name(TODAY_FACT, reason), json.dumps([*today, self._clock()]))
            return True

    async def _is_ours(self, name: str) -> bool:
        """Return whether this process is to send the alert: not if another one began to a moment ago."""
        turns = self._stores.key_values
        within = int(SENT_WITHIN.total_seconds() * 1000)
        return turns.alone or await turns.take_turn(f"alert {name}", clock=self._clock, every_ms=within) == 0

    async def _send(self, reason: Reason, parameters: dict[str, str | int], name: str, sent: dict[str, int]) -> bool:
        """Send an alert and remember it. Return False if it could not be sent."""
        try:
            await self._delivery.operator.send(reason, parameters)
        except ServiceError as error:
            log.error(NOT_SENT, reason=reason.value, **parameters, error=str(error))  # noqa: TRY400  # no traceback needed
            return False
        newest = sorted({**sent, name: self._clock()}.items(), key=lambda entry: entry[1])[-MOST_REMEMBERED:]
        await self._stores.key_values.set(SENT_FACT, json.dumps(dict(newest)))
        return True

    async def _sent(self) -> dict[str, int]:
        """Return the time (ms) of each remembered alert, by name."""
        sent: dict[str, int] = json.loads(await self._stores.key_values.get(SENT_FACT) or "{}")
        return sent

    async def _today(self, reason: Reason) -> list[int]:
        """Return the times (ms) of the alerts about subjects that were sent for a reason within a day."""
        day = self._clock() - ALERT_AGAIN_AFTER.total_seconds() * 1000
        times: list[int] = json.loads(await self._stores.key_values.get(_name(TODAY_FACT, reason)) or "[]")
        return [at for at in times if at > day]


def _name(first: str, second: str) -> str:
    return f"{first} {second}"
