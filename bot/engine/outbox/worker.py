"""
Work through outbox rows of one kind (reposts, reports, …), one row at a time or a few.

The way of a row: it is due; its attempt is counted, in case the work ends the process (`Attempts`); the row is claimed;
the work is done; the row is finished, postponed, or retried later. The claim ends by itself if the process dies.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager, nullcontext
from datetime import timedelta
from functools import partial
from typing import Final, Generic, TypeVar

import structlog

from bot.engine.clock import Clock, is_doubtful
from bot.engine.outbox.attempts import Attempts, WorkKind
from bot.engine.timing.schedule import backoff
from bot.errors import ServiceError
from storage.outbox import Outbox
from storage.shards import Shards

CLAIM_MS: Final = 120_000
"""ms. Longer than Discord takes to respond in its worst minutes."""
AT_ONCE: Final = 20
"""Most rows of one kind in one step."""
GIVE_UP_AFTER: Final = timedelta(hours=24)

log = structlog.get_logger(__name__)

Row = TypeVar("Row")


def again_at(now: int, failures: int) -> int:
    """Return when (ms) to retry after a failure that follows `failures` earlier ones."""
    return now + int(backoff(failures + 1) * 1000)


def is_hopeless(clock: Clock, since: int) -> bool:
    """Return whether work requested at `since` (ms) is to be given up: it is older than `GIVE_UP_AFTER`, and the clock
    is not doubtful."""
    return clock() - since >= GIVE_UP_AFTER.total_seconds() * 1000 and not is_doubtful(clock)


class OutboxWorker(Generic[Row]):
    """
    Do the work of one kind of outbox rows. One worker at a time works on a row.

    `work` does the work for a claimed row. It returns None when the row is done, or when (ms) the row is due again. If
    it raises a ServiceError or an unexpected exception, the row is retried at the time (ms) that `retry_at` returns;
    None gives up. Errors in `final` end the row at once: `work` has settled it.

    `give_up` settles a row during which the process died too often. `subject` names the row among its kind. `turn`
    bounds the rows that are in work at the same time; without it, one row follows the other.
    """

    def __init__(
        self,
        kind: WorkKind,
        rows: Outbox[Row],
        *,
        subject: Callable[[Row], str],
        work: Callable[[Row], Awaitable[int | None]],
        retry_at: Callable[[Row, Exception], int | None],
        give_up: Callable[[Row], Awaitable[None]],
        attempts: Attempts,
        clock: Callable[[], int],
        final: tuple[type[Exception], ...] = (),
        turn: Callable[[Row], AbstractAsyncContextManager[None]] | None = None,
    ) -> None:
        self.kind = kind
        self.rows = rows
        self._subject = subject
        self._work = work
        self._retry_at = retry_at
        self._give_up = give_up
        self._attempts = attempts
        self._clock = clock
        self._final = final
        self._turn = turn

    async def resume(self) -> None:
        """Make due what an earlier process left claimed or postponed, unless other processes share the database."""
        await self.rows.resume(now=self._clock())

    async def step(self, shards: Shards | None = None) -> None:
        """Do the work for the rows of these shards (None: of all) that are due, at most `AT_ONCE`, once. A row that
        fails does not stop the others."""
        try:
            due = await self.rows.due(now=self._clock(), limit=AT_ONCE, shards=shards)
        except Exception:
            log.exception("reading due outbox rows failed, will retry", kind=self.kind)
            return
        if self._turn is not None:
            await asyncio.gather(*[self._step(row, self._turn(row)) for row in due])
        else:
            for row in due:
                await self._step(row, nullcontext())

    async def do(self, row: Row) -> None:
        """Claim the row, do its work and settle it. Do nothing if another worker has claimed it or it is no longer due.
        Raises what `work` raises, except ServiceErrors that are not final; after an error that is not final, raised or
        not, the row is retried or given up, as `retry_at` says."""
        now = self._clock()
        claimed = await self.rows.claim(row, now=now, until=now + CLAIM_MS)
        if claimed is None:
            return
        try:
            due = await self._work(claimed)
        except self._final:
            raise
        except Exception as error:
            retry_at = self._retry_at(claimed, error)
            await self.rows.retry(claimed, due=retry_at)
            if not isinstance(error, ServiceError):
                raise
            named = {"kind": self.kind, "subject": self._subject(row), "error": str(error)}
            if retry_at is None:
                log.warning("outbox work given up: it failed for too long", **named)
            else:
                log.info("outbox work failed, will retry", **named)
            return
        if due is None:
            await self.rows.finish(claimed)
        else:
            await self.rows.postpone(claimed, due=due)

    async def _step(self, row: Row, turn: AbstractAsyncContextManager[None]) -> None:
        subject = self._subject(row)
        try:
            async with turn:
                await self._attempts.attempt(self.kind, subject, partial(self.do, row), partial(self._give_up, row))
        except self._final as error:
            log.warning(
                "outbox work dropped: its route is closed or its subject is gone",
                kind=self.kind,
                subject=subject,
                error=str(error),
            )
        except Exception:
            log.exception("outbox work failed: unexpected error, will retry", kind=self.kind, subject=subject)
