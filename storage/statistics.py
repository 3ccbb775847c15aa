"""
Count tasks, creates and pending work of all people, for `/metrics`.

Open tasks are few and are read; ended tasks are many and are only counted, each count by a scan of one index.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

import sqlalchemy as sa

from storage.card_facts import KEPT_BATCH
from storage.database import Database
from storage.models import ENDED_STATES, OPEN_STATES, CreateState, TaskState
from storage.reports import UNDECIDED
from storage.schema import batches, creates, pictures, report_cases, reposts, tasks

MANY: Final = 500_000
ROWS_PER_SECOND: Final = 50_000


class TaskResult(StrEnum):
    """Result of a create."""

    TAKEN = "taken"
    """The image API gave the create an id, at once or by a callback."""
    REFUSED = "refused"
    """Nothing was accepted: the image API refused the create, failed or could not be reached, or the create was not
    sent."""
    UNCONFIRMED = "unconfirmed"
    """It is unknown whether the create was accepted."""
    UNDER_WAY = "under_way"


@dataclass(frozen=True, slots=True, kw_only=True)
class Statistics:
    """Numbers of one moment."""

    tasks: Mapping[TaskState, int]
    """Every state has an entry."""
    oldest: Mapping[TaskState, int]
    """When (ms) the oldest task of each open state was created; tasks whose outcome is kept for the asker do not
    count. A state without such a task has no entry."""
    queue: int
    """Prepared tasks that wait for a create."""
    unconfirmed: int
    """Tasks whose create was never answered, while a callback may still say that it was accepted."""
    overdue: int
    """Tasks that have been `generating` for longer than expected; they are still polled."""
    undelivered: int
    """Outcomes that are kept until their asker returns; a kept batch counts as one."""
    outcomes: Mapping[str | None, int]
    """Known outcomes by reason, of all tasks that still have a row; None means pictures. An adoption removes one from
    the count."""
    creates: Mapping[TaskResult, int]
    """Creates by result, of all tasks that still have a row; every result has an entry. An adoption turns an
    unconfirmed create into a taken one."""
    reposts: int
    """Results to be reposted."""
    message_sync: int
    """Tasks whose messages are to be updated, for example hidden, shown, removed, or with a picture that was downloaded
    late."""
    reports: int
    """Reported results without a final decision, those hidden included; counted for each server."""
    batches: int
    """Batches that have begun, are not delivered completely, and are not kept for their asker."""
    missing: int
    """Pictures that were delivered as links and whose download is retried."""


class StatisticsStore:
    def __init__(self, database: Database, *, clock: Callable[[], float] = time.monotonic) -> None:
        """`clock` returns seconds."""
        self._database = database
        self._clock = clock
        self._counting = asyncio.Lock()
        self._last: Statistics | None = None
        self._good_until = 0.0

    async def figures(self) -> Statistics:
        """
        Return the figures. They are counted in the database's thread, one count at a time, without blocking the event
        loop.

        The time grows with the number of ended tasks: about 35 ms for 100,000. From `MANY` counted outcomes and creates
        on, the result is reused for about a hundred times as long (`ROWS_PER_SECOND`), so that frequent polling costs
        at most a hundredth of a processor.
        """
        async with self._counting:
            now = self._clock()
            if self._last is None or now >= self._good_until:
                self._last = await self._counted()
                rows = sum(self._last.outcomes.values()) + sum(self._last.creates.values())
                self._good_until = now + (rows / ROWS_PER_SECOND if rows >= MANY else 0)
            return self._last

    async def _counted(self) -> Statistics:
        async with self._database.read(long=True, snapshot=True) as connection:
            still_open = {row.state: row for row in await connection.execute(_still_open())}
            ended = {row.state: row.tasks for row in await connection.execute(_ended())}
            outcomes = {row.reason: row.tasks for row in await connection.execute(_outcomes())}
            sent = (await connection.execute(_creates())).one()
            waiting = (await connection.execute(_curation())).one()
        counted = {state: row.tasks for state, row in still_open.items()} | ended
        return Statistics(
            tasks={state: counted.get(state, 0) for state in TaskState},
            oldest={state: row.oldest for state, row in still_open.items() if row.oldest is not None},
            queue=_sum(still_open, "queue"),
            unconfirmed=_sum(still_open, "unconfirmed"),
            overdue=_sum(still_open, "overdue"),
            undelivered=_sum(still_open, "kept") + waiting.kept_batches,
            outcomes=outcomes,
            reposts=waiting.reposts,
            message_sync=waiting.message_sync,
            reports=waiting.reports,
            batches=waiting.batches,
            missing=waiting.missing,
            creates={
                TaskResult.TAKEN: sent.taken,
                TaskResult.REFUSED: sent.all - sent.taken - sent.under_way - sent.unconfirmed,
                TaskResult.UNCONFIRMED: sent.unconfirmed,
                TaskResult.UNDER_WAY: sent.under_way,
            },
        )


def _sum(by_state: Mapping[TaskState, sa.Row[Any]], column: str) -> int:
    return sum(getattr(row, column) for row in by_state.values())


def _still_open() -> sa.Select[Any]:
    state, undelivered = tasks.c.state, tasks.c.undelivered_at.is_not(None)
    columns = [
        sa.func.count().label("tasks"),
        sa.func.min(sa.case((undelivered, None), else_=tasks.c.created_at)).label("oldest"),
        _number(sa.and_(state == TaskState.QUEUED, tasks.c.prepared_at.is_not(None))).label("queue"),
        _number(sa.and_(state == TaskState.SUBMITTING, tasks.c.unconfirmed_at.is_not(None))).label("unconfirmed"),
        _number(sa.and_(state == TaskState.GENERATING, tasks.c.overdue_notified_at.is_not(None))).label("overdue"),
        _number(sa.and_(state == TaskState.SETTLED, undelivered)).label("kept"),
    ]
    return sa.select(state, *columns).where(state.in_(OPEN_STATES)).group_by(state)


def _ended() -> sa.Select[Any]:
    over = tasks.c.state.in_(ENDED_STATES)
    return sa.select(tasks.c.state, sa.func.count().label("tasks")).where(over).group_by(tasks.c.state)


def _outcomes() -> sa.Select[Any]:
    known = tasks.c.settled_at.is_not(None)
    return sa.select(tasks.c.reason, sa.func.count().label("tasks")).where(known).group_by(tasks.c.reason)


def _creates() -> sa.Select[int, int, int, int]:
    every = sa.select(sa.func.count().label("all"), sa.func.count(creates.c.job_id).label("taken")).select_from(creates)
    return every.add_columns(
        _count(creates, creates.c.state == CreateState.SENT).label("under_way"),
        _count(creates, creates.c.state == CreateState.UNCONFIRMED).label("unconfirmed"),
    )


def _curation() -> sa.Select[int, int, int, int, int, int]:
    incomplete = sa.and_(
        batches.c.begun_at.is_not(None), batches.c.closed_at.is_(None), batches.c.undelivered_at.is_(None)
    )
    due = sa.and_(reposts.c.due_at.is_not(None), reposts.c.removed_at.is_(None))
    return sa.select(
        _count(reposts, due).label("reposts"),
        _count(tasks, tasks.c.sync_at.is_not(None)).label("message_sync"),
        _count(report_cases, report_cases.c.state.in_(UNDECIDED)).label("reports"),
        _count(batches, incomplete).label("batches"),
        _count(batches, KEPT_BATCH).label("kept_batches"),
        _count(pictures, pictures.c.due_at.is_not(None)).label("missing"),
    )


def _count(table: sa.Table, which: sa.ColumnElement[bool]) -> sa.ScalarSelect[int]:
    return sa.select(sa.func.count()).select_from(table).where(which).scalar_subquery()


def _number(which: sa.ColumnElement[bool]) -> sa.ColumnElement[int]:
    return sa.func.sum(sa.case((which, 1), else_=0))
