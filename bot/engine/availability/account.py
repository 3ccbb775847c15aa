"""
Pause creates while the image API's account needs the operator, and resume them automatically.

After a pause, a single create is sent as a probe. The other creates follow once the probe was accepted.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from datetime import timedelta
from typing import Final

import structlog

from bot.engine.availability.alerts import OperatorAlerts
from bot.engine.ports import ImageAPI
from bot.errors import AccountRefused, Reason, Refused, ServiceError
from storage.stores import Stores

FACT: Final = "creates_paused"
CHECK_EVERY: Final = timedelta(minutes=1)

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pause:
    reason: Reason
    since: int
    """Time (ms)."""
    credits: float | None
    """Credits when the pause began or, if they could not be read then, at the first check that could; None until
    then."""


class AccountMonitor:
    """Decide whether the account allows creates: not after the image API rejected the key or found too few credits,
    until the operator seems to have acted or `probe_after` has passed. The pause is stored, so it survives a
    restart."""

    def __init__(
        self,
        *,
        stores: Stores,
        api: ImageAPI,
        operator: OperatorAlerts,
        clock: Callable[[], int],
        probe_after: timedelta,
    ) -> None:
        self._stores = stores
        self._api = api
        self._operator = operator
        self._clock = clock
        self._probe_after = probe_after
        self._between_checks = _ms(min(CHECK_EVERY, probe_after))
        self._pause: Pause | None = None
        self._check_at = 0
        self._probing = False
        self._out: set[str] = set()
        """Ids of the tasks whose create is in flight."""

    @property
    def paused(self) -> Reason | None:
        """Why creates are paused; None if they are not."""
        return self._pause.reason if self._pause else None

    @property
    def takes_creates(self) -> bool:
        """Whether a create may start: never during a pause; after a pause or an outage only one at a time, until one
        was accepted."""
        return not self.paused and not (self._probing and self._out)

    def probe(self) -> None:
        """Let a single create begin at a time until one is accepted. Also called after an outage of the image API."""
        self._probing = True

    def begun(self, task_id: str) -> None:
        """Record that the task's create is in flight."""
        self._out.add(task_id)

    def ended(self, task_id: str, *, accepted: bool) -> None:
        """Record that the task's create is no longer in flight here: it was answered, it will never be answered, or
        another worker owns the task. `accepted` ends the time of one create at a time. Idempotent."""
        self._out.discard(task_id)
        if accepted:
            self._probing = False

    async def load(self) -> None:
        """Load the pause that an earlier process stored."""
        stored = await self._stores.key_values.get(FACT)
        if stored is not None:
            values = json.loads(stored)
            self._pause = Pause(
                reason=Reason(values["reason"]), since=min(values["since"], self._clock()), credits=values["credits"]
            )

    async def refused(self, refused: Refused) -> None:
        """Handle what a refusal says about the account. If the API key is rejected or the balance is too small, pause
        creates and alert the operator, unless they are paused for that reason already. If a quota of the account is
        reached, only alert the operator. Do nothing for any other refusal."""
        if isinstance(refused, AccountRefused):
            await self._stop(refused.reason)
        elif refused.reason is Reason.ACCOUNT_QUOTA:
            await self._operator.alert(refused.reason)

    async def _stop(self, reason: Reason) -> None:
        if self._pause is not None and self._pause.reason is reason:
            return
        log.error("creates paused: the image API's account needs the operator", reason=reason.value)
        self._pause = begun = Pause(reason=reason, since=self._clock(), credits=None)
        self._check_at = self._clock() + self._between_checks
        balance = await self._balance()
        if self._pause is begun:
            await self._keep(replace(begun, credits=balance))
        await self._operator.alert(reason)

    async def check(self) -> None:
        """End the pause if the account seems to be in order again, or after `probe_after`, to find out with a probe.
        Reads the credits at most once a minute, or once per `probe_after` if that is shorter; repeats the operator's
        alert once a day."""
        pause, now = self._pause, self._clock()
        if pause is None or now < self._check_at:
            return
        self._check_at = now + self._between_checks
        await self._operator.alert(pause.reason)
        balance = await self._balance()
        if self._pause is not pause:
            return  # another pause has begun during the request; the balance says nothing about it
        if _put_right(pause, balance) or now - pause.since >= _ms(self._probe_after):
            log.info("creates resumed after a pause, one at a time until one is accepted", reason=pause.reason.value)
            self._pause = None
            self.probe()
            await self._stores.key_values.set(FACT, None)
        elif pause.credits is None and balance is not None:
            await self._keep(replace(pause, credits=balance))

    async def _keep(self, pause: Pause) -> None:
        self._pause = pause
        await self._stores.key_values.set(FACT, json.dumps(asdict(pause)))

    async def _balance(self) -> float | None:
        try:
            return await self._api.credits()
        except ServiceError as error:
            log.debug("reading the account's credits failed, they count as unknown", error=str(error))
            return None


def _put_right(pause: Pause, balance: float | None) -> bool:
    """Return whether the operator seems to have acted: there are more credits than when the pause began or, after a
    rejected key, the credits can be read. False also if they are unknown."""
    if balance is None:
        return False
    if pause.reason is Reason.ACCOUNT_CREDIT:
        return pause.credits is not None and balance > pause.credits
    return True


def _ms(duration: timedelta) -> int:
    return int(duration.total_seconds() * 1000)
