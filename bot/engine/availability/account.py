"""
Pause creates while the image API's account needs the operator, and resume them automatically.

After a pause, a single create is sent as a probe. The other creates follow once the probe was accepted.

Several processes on one database share a pause: once it is stored, none of them begins a create (`CreateStore.begin`),
and each learns of it at its next check. After it, one create at a time begins over all processes.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import timedelta
from typing import Final

import structlog

from bot.engine.availability.alerts import OperatorAlerts
from bot.engine.ports import ImageAPI
from bot.errors import AccountRefused, Reason, Refused, ServiceError
from storage.availability import DatabaseAway
from storage.creates import PAUSED_FACT, PROBING_FACT
from storage.stores import Stores

TURN: Final = "account_check"
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
        self._shared = not stores.key_values.alone
        """Whether other processes work on the database."""
        self._api = api
        self._operator = operator
        self._clock = clock
        self._probe_after = probe_after
        self._between_checks = _ms(min(CHECK_EVERY, probe_after))
        self._pause: Pause | None = None
        self._is_stored = True
        """Whether the pause was stored, so that other processes know of it."""
        self._unstored: Reason | None = None
        """Why creates are paused here, if the database was away when that was to be stored."""
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

    async def probe(self) -> None:
        """Let a single create begin at a time until one is accepted, over all processes on the database. Also called
        after an outage of the image API."""
        self._probing = True
        if self._shared:
            await self._stores.key_values.set(PROBING_FACT, str(self._clock()))

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
        self._pause = self._read(await self._stores.key_values.get(PAUSED_FACT))

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
        self._pause = begun = Pause(reason=reason, since=self._clock(), credits=None)
        self._check_at = self._clock() + self._between_checks
        if self._shared and not await self._is_first(begun):
            return
        log.error("creates paused: the image API's account needs the operator", reason=reason.value)
        balance = await self._balance()
        if self._pause is begun:
            await self._keep(replace(begun, credits=balance))
        await self._operator.alert(reason)

    async def _is_first(self, begun: Pause) -> bool:
        """Store the pause at once, so that no process begins a create. Return False if another process has stored one
        for the same reason, which then holds here too: it also alerts the operator."""
        self._is_stored = False
        try:
            others = self._read(await self._stores.key_values.get(PAUSED_FACT))
            if others is not None and others.reason is begun.reason:
                self._pause = others
                return False
            await self._stores.key_values.set(PAUSED_FACT, json.dumps(asdict(begun)))
        except DatabaseAway:
            self._unstored = begun.reason
            raise
        finally:
            self._is_stored = True
        return True

    async def check(self) -> None:
        """End the pause if the account seems to be in order again, or after `probe_after`, to find out with a probe.
        Reads the credits at most once a minute, or once per `probe_after` if that is shorter, whatever the number of
        processes; repeats the operator's alert once a day."""
        pause, now = self._pause, self._clock()
        if pause is None or now < self._check_at:
            return
        self._check_at = now + self._between_checks
        if self._shared and await self._stores.key_values.take_turn(
            TURN, clock=self._clock, every_ms=self._between_checks
        ):
            return
        await self._operator.alert(pause.reason)
        balance = await self._balance()
        if self._pause is not pause:
            return  # another pause has begun during the request; the balance says nothing about it
        if _put_right(pause, balance) or now - pause.since >= _ms(self._probe_after):
            log.info("creates resumed after a pause, one at a time until one is accepted", reason=pause.reason.value)
            self._pause = None
            await self.probe()
            await self._stores.key_values.set(PAUSED_FACT, None)
        elif pause.credits is None and balance is not None:
            await self._keep(replace(pause, credits=balance))

    async def learn(self, stored: Mapping[str, str]) -> None:
        """Take over what the other processes have stored: a pause, its end, and whether one create at a time begins. A
        pause of this process that could not be stored is stored first."""
        if (reason := self._unstored) is not None:
            self._unstored = self._pause = None
            await self._stop(reason)
        elif self._is_stored:
            pause = self._read(stored.get(PAUSED_FACT))
            if pause is not None and self._pause is None:
                log.warning("creates paused: another process found that the account needs the operator")
                self._check_at = self._clock() + self._between_checks
            elif pause is None and self._pause is not None:
                log.info("creates resumed after a pause: another process has ended it")
            self._pause = pause
        since = stored.get(PROBING_FACT)
        if since is not None and await self._stores.creates.accepted_since(int(since)):
            await self._stores.key_values.set(PROBING_FACT, since := None)
        self._probing = since is not None

    def _read(self, stored: str | None) -> Pause | None:
        if stored is None:
            return None
        values = json.loads(stored)
        since = min(values["since"], self._clock())
        return Pause(reason=Reason(values["reason"]), since=since, credits=values["credits"])

    async def _keep(self, pause: Pause) -> None:
        self._pause = pause
        await self._stores.key_values.set(PAUSED_FACT, json.dumps(asdict(pause)))

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
