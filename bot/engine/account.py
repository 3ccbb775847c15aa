"""
Creates stop while the image API's account needs its operator, and go on by themselves.

After a pause one create goes first: only when it was accepted do the others follow.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from datetime import timedelta
from typing import Final

import structlog

from bot.engine.operator import Operator
from bot.engine.ports import ImageAPI
from bot.errors import AccountRefused, Reason, Refused, ServiceError
from storage.tasks import TaskStore

FACT: Final = "creates_paused"
CHECK_EVERY: Final = timedelta(minutes=1)

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pause:
    reason: Reason
    since: int
    credits: float | None
    """The balance when it began, where it could be read."""


class Account:
    """The pause is a stored fact: it outlives the process."""

    def __init__(
        self, *, tasks: TaskStore, api: ImageAPI, operator: Operator, clock: Callable[[], int], probe_after: timedelta
    ) -> None:
        self._tasks = tasks
        self._api = api
        self._operator = operator
        self._clock = clock
        self._probe_after = probe_after
        self._between_checks = _ms(min(CHECK_EVERY, probe_after))
        self._pause: Pause | None = None
        self._check_at = 0
        self._probing = False
        self._out: set[str] = set()
        """Tasks whose create is on its way."""

    @property
    def paused(self) -> Reason | None:
        """Why creates are stopped, if they are."""
        return self._pause.reason if self._pause else None

    @property
    def takes_creates(self) -> bool:
        """None while paused; after that one at a time, until one was accepted."""
        return not self.paused and not (self._probing and self._out)

    def probe(self) -> None:
        """After any other pause too, one create goes first."""
        self._probing = True

    def begun(self, task_id: str) -> None:
        """A create is on its way."""
        self._out.add(task_id)

    def ended(self, task_id: str, *, accepted: bool) -> None:
        """It was answered, never will be, or is not in our hands any more. Twice is fine."""
        self._out.discard(task_id)
        if accepted:
            self._probing = False

    async def load(self) -> None:
        """Take up the pause that an earlier process left."""
        stored = await self._tasks.fact(FACT)
        if stored is not None:
            values = json.loads(stored)
            self._pause = Pause(
                reason=Reason(values["reason"]), since=min(values["since"], self._clock()), credits=values["credits"]
            )

    async def refused(self, refused: Refused) -> None:
        """What a refusal says of the account: creates stop where the image API would not have our key, or our balance
        is too small; the operator is told of that, and of a limit of the account's for which they need not stop."""
        if isinstance(refused, AccountRefused):
            await self._stop(refused.reason)
        elif refused.reason is Reason.ACCOUNT_QUOTA:
            await self._operator.tell(refused.reason)

    async def _stop(self, reason: Reason) -> None:
        if self._pause is not None and self._pause.reason is reason:
            return
        log.error("creates stopped until the image API's account is put right", reason=reason.value)
        self._pause = begun = Pause(reason=reason, since=self._clock(), credits=None)
        self._check_at = self._clock() + self._between_checks
        balance = await self._balance()
        if self._pause is begun:
            self._pause = replace(begun, credits=balance)
            await self._tasks.set_fact(FACT, json.dumps(asdict(self._pause)))
        await self._operator.tell(reason)

    async def check(self) -> None:
        """Go on if the account was put right, or, after a while, to see whether it was."""
        pause, now = self._pause, self._clock()
        if pause is None or now < self._check_at:
            return
        self._check_at = now + self._between_checks
        await self._operator.tell(pause.reason)
        balance = await self._balance()
        if self._pause is not pause:
            return  # another one began meanwhile, of which this balance says nothing
        if _put_right(pause, balance) or now - pause.since >= _ms(self._probe_after):
            log.info("creates go on", reason=pause.reason.value)
            self._pause = None
            self.probe()
            await self._tasks.set_fact(FACT, None)
        elif pause.credits is None:
            self._pause = replace(pause, credits=balance)

    async def _balance(self) -> float | None:
        try:
            return await self._api.credits()
        except ServiceError as error:
            log.debug("the balance could not be read", error=str(error))
            return None


def _put_right(pause: Pause, balance: float | None) -> bool:
    if balance is None:
        return False
    if pause.reason is Reason.ACCOUNT_CREDIT:
        return pause.credits is not None and balance > pause.credits
    return True


def _ms(duration: timedelta) -> int:
    return int(duration.total_seconds() * 1000)
