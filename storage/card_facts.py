"""Read what the waiting card of a task, and its outcome, show in addition to the task: in the transaction that stores
the task, or without one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, TypeVar

import sqlalchemy as sa

from storage import fair_queue
from storage.database import Database
from storage.models import OutcomePart, Picture, Reference, Task, TaskState
from storage.prepared import Prepared
from storage.schema import batches, outcome_parts, pictures, references, tasks
from storage.transactions import Transaction
from storage.transitions import WITHDRAWN

KEPT_TASK: Final = sa.and_(tasks.c.state == TaskState.SETTLED, tasks.c.undelivered_at.is_not(None))
KEPT_BATCH: Final = sa.and_(batches.c.undelivered_at.is_not(None), batches.c.closed_at.is_(None))
OFFERED_TASK: Final = sa.and_(KEPT_TASK, tasks.c.collect_token.is_(None))
OFFERED_BATCH: Final = sa.and_(KEPT_BATCH, batches.c.collect_at.is_(None))
"""Kept for the asker, who is not coming for it now."""
KIND_ID_NUMBER: Final = 3
"""Columns of each fact, before those of the tables."""

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True, kw_only=True)
class CardFacts:
    place: int | None
    """Place among the tasks that wait for a create, from 1; None unless the task is queued and prepared."""
    references: tuple[Reference, ...]
    undelivered: tuple[str, ...]
    """Ids of the asker's tasks whose outcomes could not be delivered, newest first."""
    undelivered_batches: tuple[str, ...]


class OutcomeFacts(NamedTuple):
    """What the delivery of an outcome needs, and its messages as far as they are planned."""

    card: CardFacts
    pictures: tuple[Picture, ...]
    parts: tuple[OutcomePart, ...]
    """Of the present outcome, by number."""
    withdrawn: OutcomePart | None
    """The first message of the outcome that an adoption withdrew, if it was sent or may have been."""


class Offered(NamedTuple):
    """What an asker is offered, newest first."""

    tasks: tuple[str, ...] = ()
    batches: tuple[str, ...] = ()


class CardFactStore:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def of(self, task: Task) -> CardFacts:
        return _card(_sorted(await self._database.rows(_facts_of(task), {"of": task.id, "asker": task.asker_id})))

    async def of_outcome(self, task: Task) -> OutcomeFacts:
        """Return in one read what the delivery of a settled task needs."""
        found = _sorted(await self._database.rows(OF_OUTCOME, {"of": task.id, "asker": task.asker_id}))
        behind = len(references.c)
        parts = _values(OutcomePart, outcome_parts, found, at=behind + len(pictures.c))
        return OutcomeFacts(
            card=_card(found),
            pictures=_values(Picture, pictures, found, at=behind),
            parts=tuple(part for part in parts if part.number != WITHDRAWN),
            withdrawn=next((part for part in parts if part.number == WITHDRAWN), None),
        )

    async def offered(self, asker_ids: Iterable[int]) -> Mapping[int, Offered]:
        """Return, by asker, the ids of the tasks and of the batches whose outcomes could not be delivered, and for
        which the asker is not coming now. Askers without any are left out."""
        async with self._database.read() as connection:
            rows = (await connection.execute(OFFERED, {"askers": sorted(set(asker_ids))})).all()
        found = sorted(rows, key=lambda row: (row.created_at, row.id), reverse=True)  # here, as in `_sorted`
        return {
            asker_id: Offered(
                tuple(row.id for row in found if row.asker_id == asker_id and row.kind == "task"),
                tuple(row.id for row in found if row.asker_id == asker_id and row.kind == "batch"),
            )
            for asker_id in {row.asker_id for row in found}
        }


async def card_facts(connection: Transaction, task: Task) -> CardFacts:
    """Return the facts of any task. Of a prepared one in the queue, the place takes most of the time."""
    return _card(_sorted(await _facts_of(task).rows(connection, {"of": task.id, "asker": task.asker_id})))


async def plain_facts(connection: Transaction, task: Task) -> CardFacts:
    """Return the facts of a task without input pictures that is queued and prepared, in less time than `card_facts`
    if sums tell the place."""
    given = {"of": task.id, "asker": task.asker_id, "at": task.created_at, "wanted": task.creates_wanted}
    facts = _card(_sorted(await PLAIN.rows(connection, given)))
    return facts if facts.place else await card_facts(connection, task)


def _sorted(found: Sequence[Sequence[Any]]) -> Sequence[Sequence[Any]]:
    """Sort facts by their number and id, greatest first. SQLite would sort by reading all tasks of the asker in the
    order of an index."""
    return sorted(found, key=lambda fact: (fact[2], fact[1]), reverse=True)


def _card(found: Sequence[Sequence[Any]]) -> CardFacts:
    return CardFacts(
        place=next((number for kind, _, number, *_ in found if kind == "place"), None),
        references=_values(Reference, references, found),
        undelivered=tuple(kept_id for kind, kept_id, *_ in found if kind == "task"),
        undelivered_batches=tuple(kept_id for kind, kept_id, *_ in found if kind == "batch"),
    )


def _values(
    kind: Callable[..., Value], table: sa.Table, found: Sequence[Sequence[Any]], *, at: int = 0
) -> tuple[Value, ...]:
    """Return a value of each row of the table, in their order. Its columns are `at` columns after the facts."""
    names, begin = table.c.keys(), KIND_ID_NUMBER + at
    rows = reversed([row[begin : begin + len(names)] for row in found if row[0] == table.name])
    return tuple(kind(**dict(zip(names, row, strict=True))) for row in rows)


def _offered() -> sa.Select[Any]:
    """Select the asker, the kind, the id and the time of what the `askers` are offered."""
    askers: sa.BindParameter[Any] = sa.bindparam("askers", expanding=True)
    task, batch = sa.literal("task", sa.Text).label("kind"), sa.literal("batch", sa.Text)
    of_tasks = sa.select(tasks.c.asker_id, task, tasks.c.id, tasks.c.created_at)
    of_batches = sa.select(batches.c.asker_id, batch, batches.c.id, batches.c.created_at)
    every = sa.union_all(
        of_tasks.where(tasks.c.asker_id.in_(askers), OFFERED_TASK),
        of_batches.where(batches.c.asker_id.in_(askers), OFFERED_BATCH),
    ).subquery()
    return sa.select(every)


def _facts(*tables: sa.Table, place: sa.Select[int] | None = None) -> Prepared:
    """
    Select facts in one statement, each as its kind, an id and a number: when it was created (ms), or the place. Rows of
    the task in `tables` have the name of the table as their kind, and their position as the number; their columns
    follow, in the order of `tables`.
    """
    asker, this = sa.bindparam("asker", type_=sa.BigInteger), sa.bindparam("of", type_=sa.Text)
    kind = sa.literal("task", sa.Text).label("kind")
    facts = [
        sa.select(kind, tasks.c.id, tasks.c.created_at.label("number")).where(tasks.c.asker_id == asker, OFFERED_TASK),
        sa.select(sa.literal("batch", sa.Text), batches.c.id, batches.c.created_at).where(
            batches.c.asker_id == asker, OFFERED_BATCH
        ),
    ]
    for table in tables:
        rows = sa.select(sa.literal(table.name, sa.Text), table.c.task_id, _position(table))
        facts.append(rows.where(table.c.task_id == this))
    if place is not None:
        facts.append(sa.select(sa.literal("place", sa.Text), sa.literal("", sa.Text), place.subquery().c.turn))
    every = sa.union_all(*facts).subquery()
    found: sa.FromClause = every
    for table in tables:
        is_this = sa.and_(table.c.task_id == every.c.id, _position(table) == every.c.number)
        found = found.outerjoin(table, sa.and_(every.c.kind == table.name, is_this))
    columns = [column.label(f"{table.name}_{column.name}") for table in tables for column in table.c]
    return Prepared(sa.select(every, *columns).select_from(found))


def _position(table: sa.Table) -> sa.ColumnElement[int]:
    return table.c.number if table is outcome_parts else table.c.position


OFFERED: Final = _offered()
PLACED: Final = _facts(references, place=fair_queue.PLACE)
PLAIN: Final = _facts(place=fair_queue.PLACE_BY_SUMS)
UNPLACED: Final = _facts(references)
OF_OUTCOME: Final = _facts(references, pictures, outcome_parts)


def _facts_of(task: Task) -> Prepared:
    return PLACED if task.state is TaskState.QUEUED and task.prepared_at is not None else UNPLACED
