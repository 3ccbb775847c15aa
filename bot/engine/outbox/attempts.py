"""Run outbox work that may end the process: count each attempt before it begins, and give the work up after
`MOST_ATTEMPTS` deaths."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from enum import StrEnum

import structlog

from bot.engine.availability.alerts import OperatorAlerts
from bot.engine.work.quarantine import MOST_ATTEMPTS, Quarantine, Subject
from bot.errors import Reason
from storage.attempts import AttemptStore

log = structlog.get_logger(__name__)


class WorkKind(StrEnum):
    """Kinds of work whose attempts are counted here. Attempts of a task are counted in the task's row."""

    BATCH = "batch"
    REPOST = "repost"
    REPORT = "report"
    MESSAGE_SYNC = "message_sync"
    ERASURE = "erasure"
    LATE_PICTURE = "late_picture"


class Attempts:
    def __init__(
        self,
        *,
        store: AttemptStore,
        quarantine: Quarantine,
        operator: OperatorAlerts,
        owner: str,
        clock: Callable[[], int],
    ) -> None:
        self._store = store
        self._quarantine = quarantine
        self._operator = operator
        self._owner = owner
        self._clock = clock

    async def start(self) -> None:
        """Add the work that was running when an earlier process died to the quarantine."""
        kinds = set(WorkKind)
        for kind, subject, deaths in await self._store.left(now=self._clock()):
            if kind in kinds:
                self._quarantine.suspect((kind, subject), deaths)

    async def attempt(
        self, kind: WorkKind, subject: str, do: Callable[[], Awaitable[None]], give_up: Callable[[], Awaitable[None]]
    ) -> None:
        """
        Call `do`; if the process died during each of the last `MOST_ATTEMPTS` attempts, call `give_up` instead, which
        drops, postpones or simplifies the work, and alert the operator, at most once a day. Do nothing while the
        quarantine holds this work back or another process may be doing it: the row of the work is left as it is.

        Raises what the called function raises.
        """
        this: Subject = (kind, subject)
        if not self._quarantine.may_begin(this):
            return
        self._quarantine.begin(this)
        try:
            counted = await self._store.begin(kind, subject, owner=self._owner, now=self._clock())
            if counted is None:
                return
            await self._ended(this, do if counted <= MOST_ATTEMPTS else self._giving_up(this, give_up))
        finally:
            self._quarantine.end(this)

    def _giving_up(self, this: Subject, give_up: Callable[[], Awaitable[None]]) -> Callable[[], Awaitable[None]]:
        async def given_up() -> None:
            kind, subject = this
            log.error(
                "outbox work given up, postponed or simplified: process died on every attempt, the operator is alerted "
                "at most once a day",
                kind=kind,
                subject=subject,
                attempts=MOST_ATTEMPTS,
            )
            await give_up()
            await self._operator.alert(Reason.WORK_GIVEN_UP)

        return given_up

    async def _ended(self, this: Subject, do: Callable[[], Awaitable[None]]) -> None:
        """Call `do`, then delete the row of the attempt, also if `do` fails or is cancelled by an orderly stop. Only
        the death of the process leaves the row."""
        try:
            await do()
        except (Exception, asyncio.CancelledError):
            await self._store.end(*this)
            raise
        await self._store.end(*this)
