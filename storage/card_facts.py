"""Read what the waiting card of a task, and its outcome, show in addition to the task: in the transaction that stores
the task, or without one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa

from storage import fair_queue
from storage.database import Database
from storage.models import Reference, Task, TaskState
from storage.prepared import Prepared
from storage.references import REFERENCES
from storage.schema import batches, tasks
from storage.transactions import Transaction

KEPT_TASK: Final = sa.and_(tasks.c.state == TaskState.SETTLED, tasks.c.undelivered_at.is_not(None))
KEPT_BATCH: Final = sa.and_(batches.c.undelivered_at.is_not(None), batches.c.closed_at.is_(None))
OFFERED_TASK: Final = sa.and_(KEPT_TASK, tasks.c.collect_token.is_(None))
OFFERED_BATCH: Final = sa.and_(KEPT_BATCH, batches.c.collect_at.is_(None))
"""Kept for the asker, who is not coming for it now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CardFacts:
    place: int | None
    """Place among the tasks that wait for a create, from 1; None unless the task is queued and prepared."""
    references: tuple[Reference, ...]
    undelivered: tuple[str, ...]
    """Ids of the asker's tasks whose outcomes could not be delivered, newest first."""
    undelivered_batches: tuple[str, ...]


class CardFactStore:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def of(self, task: Task) -> CardFacts:
        found = await self._database.rows(_facts_of(task), {"of": task.id, "asker": task.asker_id})
        return _sorted(found, await self._database.values(Reference, REFERENCES, {"of": task.id}))


async def card_facts(connection: Transaction, task: Task, *, pictured: bool = True) -> CardFacts:
    """`pictured`: whether the task may have input pictures."""
    found = await _facts_of(task).rows(connection, {"of": task.id, "asker": task.asker_id})
    return _sorted(found, await REFERENCES.values(Reference, connection, {"of": task.id}) if pictured else ())


def _sorted(found: Sequence[Sequence[Any]], pictures: tuple[Reference, ...]) -> CardFacts:
    # Sorted here, because SQLite sorts by reading all tasks of the asker in the order of an index.
    newest = sorted(found, key=lambda fact: (fact[2], fact[1]), reverse=True)
    return CardFacts(
        place=next((moment for kind, _, moment in found if kind == "place"), None),
        references=pictures,
        undelivered=tuple(kept_id for kind, kept_id, _ in newest if kind == "task"),
        undelivered_batches=tuple(kept_id for kind, kept_id, _ in newest if kind == "batch"),
    )


def _facts(*, placed: bool) -> Prepared:
    """Select facts in one statement, each as its kind, an id, and a number: when it was created (ms), or the place."""
    asker = sa.bindparam("asker", type_=sa.BigInteger)
    kind = sa.literal("task", sa.Text).label("kind")
    facts = [
        sa.select(kind, tasks.c.id, tasks.c.created_at).where(tasks.c.asker_id == asker, OFFERED_TASK),
        sa.select(sa.literal("batch", sa.Text), batches.c.id, batches.c.created_at).where(
            batches.c.asker_id == asker, OFFERED_BATCH
        ),
    ]
    if placed:
        place = fair_queue.PLACE.subquery()
        facts.append(sa.select(sa.literal("place", sa.Text), sa.literal("", sa.Text), place.c.turn))
    return Prepared(sa.union_all(*facts))


PLACED: Final = _facts(placed=True)
UNPLACED: Final = _facts(placed=False)


def _facts_of(task: Task) -> Prepared:
    return PLACED if task.state is TaskState.QUEUED and task.prepared_at is not None else UNPLACED
