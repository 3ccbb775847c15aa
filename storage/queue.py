"""Read which tasks wait, in which order creates begin, and how long pictures take."""

from __future__ import annotations

from functools import cache, lru_cache
from typing import Any, Final, NamedTuple

import sqlalchemy as sa

from storage import fair_queue
from storage.database import Database
from storage.models import CreateState, Reach, Task, TaskState
from storage.prepared import Prepared
from storage.rows import values
from storage.schema import creates, references, tasks
from storage.shards import KEPT_STATEMENTS, Shards, within

PLACE: Final = Prepared(fair_queue.PLACE)
RECENT: Final = 200
"""Durations from which it is learned how long the pictures of a model take."""
SEARCHED: Final = 1000
"""Most successful tasks of a model that are searched for durations, so that the search stays short where one kind of
request is rare."""
UNDECIDED: Final = (TaskState.QUEUED, TaskState.SUBMITTING, TaskState.GENERATING)
"""States of a task whose outcome is not known yet."""
MOST: Final = sa.bindparam("most", type_=sa.Integer)
COLUMNS: Final = tuple(tasks.c.keys())


class ChangingCards(NamedTuple):
    queued: tuple[tuple[int, Task], ...]
    """Those among the first prepared tasks of all shards, in the order of `waiting`, with their places from 1."""
    generating: tuple[Task, ...]
    """Those that are not overdue, oldest first."""
    expiring: tuple[Task, ...]
    """Unsettled ones whose outcome cannot be posted in the channel (`Reach.ANSWER`), oldest first."""


class QueueStore:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def waiting(self, *, limit: int = 1000) -> tuple[Task, ...]:
        """Return the prepared tasks that wait for a create, in the order in which `CreateStore.begin` takes them while
        nothing else happens. Postponed tasks are included as if they were due."""
        return await self._tasks(fair_queue.queue().limit(limit))

    async def with_changing_cards(
        self, *, limit: int, since: int = 0, until: int = 0, shards: Shards | None = None
    ) -> ChangingCards:
        """Return the tasks of these shards (None: of all) whose cards change without news, in one read, at most `limit`
        of each kind. `since`, `until`: when (ms) the tasks arrived whose cards can soon be edited no longer."""
        parameters = {"most": limit, "since": since, "until": until}
        found = await self._database.rows(_changing_cards(shards), parameters)
        rows = [(kind, number, Task(**dict(zip(COLUMNS, row, strict=True)))) for kind, number, *row in found]
        return ChangingCards(
            queued=tuple((place, task) for kind, place, task in rows if kind == "queued"),
            generating=tuple(task for kind, _, task in rows if kind == "generating"),
            expiring=tuple(task for kind, _, task in rows if kind == "expiring"),
        )

    async def waiting_since(self, before: int, *, limit: int) -> tuple[Task, ...]:
        """Return the prepared tasks that wait for a create and were stored no later than `before` (ms), oldest
        first."""
        old = sa.and_(fair_queue.QUEUED, fair_queue.PREPARED, tasks.c.created_at <= before)
        return await self._tasks(sa.select(tasks).where(old).order_by(*fair_queue.AGE).limit(limit))

    async def count_waiting(self) -> int:
        """Return the number of queued tasks, prepared or not."""
        async with self._database.read() as connection:
            count = sa.select(sa.func.count()).select_from(tasks).where(fair_queue.QUEUED)
            return int((await connection.execute(count)).scalar_one())

    async def with_cards(self, *, limit: int, shards: Shards | None = None) -> tuple[Task, ...]:
        """Return the tasks of these shards (None: of all) that have a card and whose outcome is not known yet, oldest
        first."""
        carded = sa.and_(tasks.c.state.in_(UNDECIDED), tasks.c.card_message_id.is_not(None))
        own = sa.and_(carded, within(shards, tasks.c.guild_id))
        return await self._tasks(sa.select(tasks).where(own).order_by(*fair_queue.AGE).limit(limit))

    async def place_of(self, task: Task) -> int | None:
        """Return the place of the task, from 1, among the tasks that wait for a create, as if the task were prepared;
        None if it is no longer queued."""
        found = await self._database.rows(PLACE, {"of": task.id})
        return int(found[0][0]) if found else None

    async def recent_seconds(self, model: str, *, with_pictures: bool, limit: int = RECENT) -> tuple[float, ...]:
        """Return how long (s) the last successful pictures of a model took, newest first, at most `limit`: of requests
        with input pictures, or without. For a task of one create, the time from `generating_at` to `settled_at`; for a
        task of several, the time of each of them. At most the last `SEARCHED` successful tasks of the model are
        searched."""
        found = await self._database.rows(_recent(with_pictures=with_pictures), {"of": model, "most": limit})
        return tuple([milliseconds / 1000 for (milliseconds,) in found])

    async def models_in_use(self, *, since: int) -> frozenset[str]:
        """Return the models of the requests that were stored since this time (ms); empty if no request waits for its
        outcome now."""
        waits = sa.exists().where(tasks.c.state.in_(UNDECIDED))
        async with self._database.read() as connection:
            found = await connection.execute(
                sa.select(tasks.c.model).where(tasks.c.created_at >= since, waits).distinct()
            )
            return frozenset(found.scalars())

    async def _tasks(self, statement: sa.Select[Any]) -> tuple[Task, ...]:
        async with self._database.read() as connection:
            return values(Task, await connection.execute(statement))


@lru_cache(maxsize=KEPT_STATEMENTS)
def _changing_cards(shards: Shards | None) -> Prepared:
    own = within(shards, tasks.c.guild_id)
    at_work = sa.and_(tasks.c.state == TaskState.GENERATING, tasks.c.overdue_notified_at.is_(None), own)
    arrived = tasks.c.arrived_at.between(
        sa.bindparam("since", type_=sa.BigInteger), sa.bindparam("until", type_=sa.BigInteger)
    )
    expiring = sa.and_(tasks.c.state.in_(UNDECIDED), tasks.c.reach == Reach.ANSWER, arrived, own)
    head = fair_queue.head(MOST, shards).subquery()
    kinds = (
        sa.select(sa.literal("queued").label("kind"), head.c.id, head.c.turn.label("number")),
        _first("generating", at_work, tasks.c.generating_at),
        _first("expiring", expiring, tasks.c.arrived_at),
    )
    every = sa.union_all(*kinds).subquery()
    these = sa.select(every.c.kind, every.c.number, tasks).join(tasks, tasks.c.id == every.c.id)
    return Prepared(these.order_by(every.c.number))


def _first(kind: str, which: sa.ColumnElement[bool], order: sa.Column[Any]) -> sa.Select[Any]:
    first = sa.select(tasks.c.id, order.label("number")).where(which).order_by(order).limit(MOST).subquery()
    return sa.select(sa.literal(kind), first.c.id, first.c.number)


@cache
def _recent(*, with_pictures: bool) -> Prepared:
    done = sa.and_(tasks.c.model == sa.bindparam("of"), tasks.c.settled_at.is_not(None), tasks.c.reason.is_(None))
    columns = (tasks.c.id, tasks.c.creates_wanted, tasks.c.generating_at, tasks.c.settled_at)
    last = sa.select(*columns).where(done).order_by(tasks.c.settled_at.desc()).limit(SEARCHED).subquery()
    of_several = sa.and_(
        creates.c.task_id == last.c.id,
        last.c.creates_wanted > 1,
        creates.c.state == CreateState.DONE,
    )
    alone = sa.and_(last.c.creates_wanted == 1, last.c.generating_at.is_not(None))
    took = sa.case(
        (last.c.creates_wanted > 1, creates.c.ended_at - creates.c.at),
        else_=last.c.settled_at - last.c.generating_at,
    )
    pictured = sa.exists().where(references.c.task_id == last.c.id)
    return Prepared(
        sa.select(took)
        .select_from(last.outerjoin(creates, of_several))
        .where(sa.or_(alone, creates.c.id.is_not(None)), pictured if with_pictures else ~pictured)
        .order_by(last.c.settled_at.desc(), creates.c.ended_at.desc())
        .limit(MOST)
    )
