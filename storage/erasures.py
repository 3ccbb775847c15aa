"""
Erasing what is remembered of a person, up to the moment they asked: a little at a time, in an order in which a crash
loses nothing but time.

Files go before the rows that name them. What has to be counted for a day goes on counting as a number alone
(`spendings`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import sqlalchemy as sa

from storage.community import Erasure
from storage.database import Database
from storage.limits import DAY_MS
from storage.models import OPEN_STATES, TaskState, new_task_id
from storage.rows import values
from storage.schema import (
    batches,
    creates,
    drafts,
    erasures,
    pictures,
    postings,
    reference_sets,
    references,
    reported,
    reports,
    set_pictures,
    setting_changes,
    spendings,
    styles,
    tasks,
)
from storage.transactions import Transaction

NOBODY: Final = 0
"""In the place of a person who was erased, where a server's own record stays."""
CREATE_COUNTS_MS: Final = 20_000
"""A create counts against the image API's limits for 11 s; its row stays a little longer."""
BLANKED: Final = (
    (styles.c.changed_by, styles.c.changed_at),
    (setting_changes.c.by, setting_changes.c.at),
    (tasks.c.removed_by, tasks.c.removed_at),
    (reported.c.decided_by, reported.c.decided_at),
    (postings.c.asked_by, postings.c.asked_at),
)
"""What others' rows say of somebody, and since when."""


class ErasureStore:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def ask(self, person_id: int, *, removes: bool, locale: str, token: str, now: int) -> tuple[Erasure, bool]:
        """Due now; while one is under way that one, and False. One that was given up is taken up again."""
        async with self._database.write(hurried=True) as connection:
            await self._database.serialize(connection, f"erasures of {person_id}")
            if found := await _where(connection, _under_way(person_id)):
                given_up = sa.and_(erasures.c.id == found[0].id, erasures.c.due_at.is_(None))
                await connection.execute(sa.update(erasures).where(given_up).values(due_at=now))
                return found[0], False
            fresh = {
                "id": new_task_id(),
                "person_id": person_id,
                "asked_at": now,
                "removes": removes,
                "locale": locale,
                "interaction_token": token,
                "due_at": now,
                "counts": {},
            }
            stored = await connection.execute(sa.insert(erasures).values(fresh).returning(erasures))
            return values(Erasure, stored)[0], True

    async def of_person(self, person_id: int) -> Erasure | None:
        """The newest that is under way, or that they were not told of."""
        async with self._database.read() as connection:
            found = await _where(connection, erasures.c.person_id == person_id)
        return found[-1] if found else None

    async def due(self, *, now: int, limit: int) -> tuple[Erasure, ...]:
        async with self._database.read() as connection:
            return (await _where(connection, erasures.c.due_at <= now))[:limit]

    async def begin(self, erasure: Erasure, *, until: int) -> bool:
        """Ours alone `until` then. False where somebody else has it."""
        as_read = sa.and_(erasures.c.id == erasure.id, erasures.c.due_at == erasure.due_at)
        async with self._database.write() as connection:
            changed = await connection.execute(sa.update(erasures).where(as_read).values(due_at=until))
            return bool(changed.rowcount)

    async def later(self, erasure: Erasure, *, due: int | None) -> None:
        await self._change(erasure, {"due_at": due})

    async def done(self, erasure: Erasure, *, now: int) -> Erasure:
        """All is erased; the person is to be told."""
        return await self._change(erasure, {"done_at": now, "due_at": now})

    async def told(self, erasure: Erasure) -> None:
        """Nobody can be told from it any more whose it was."""
        await self._change(erasure, {"person_id": None, "interaction_token": None, "due_at": None})

    # -- tasks ---------------------------------------------------------------------------------------------------
    async def mark(self, erasure: Erasure, *, now: int) -> None:
        """None of their tasks is shown to anybody from now on, and what is settled is not posted any more. With
        `removes`, the messages are to go; that is asked for once."""
        fresh = sa.and_(_theirs(erasure), tasks.c.removed_at.is_(None))
        marks: dict[str, Any] = {"removed_at": now, "removed_by": erasure.person_id}
        if erasure.removes:
            marks["upkeep_at"] = now
        async with self._database.write() as connection:
            shared = sa.select(tasks.c.batch_id).where(fresh, tasks.c.batch_id.is_not(None))
            touched = (await connection.execute(shared)).scalars().all()
            await connection.execute(sa.update(tasks).where(fresh).values(marks))
            if touched and erasure.removes:
                await connection.execute(sa.update(batches).where(batches.c.id.in_(touched)).values(due_at=now))
            kept = sa.and_(_theirs(erasure), tasks.c.state == TaskState.SETTLED, tasks.c.due_at > now)
            await connection.execute(sa.update(tasks).where(kept).values(due_at=now))

    async def queued(self, erasure: Erasure) -> tuple[str, ...]:
        """What can still be taken back."""
        async with self._database.read() as connection:
            found = sa.select(tasks.c.id).where(_theirs(erasure), tasks.c.state == TaskState.QUEUED)
            return tuple((await connection.execute(found)).scalars())

    async def open(self, erasure: Erasure) -> int:
        """How many of their tasks are not over, or are over and still there."""
        async with self._database.read() as connection:
            count = sa.select(sa.func.count()).select_from(tasks).where(_theirs(erasure))
            return int((await connection.execute(count)).scalar_one())

    async def ready(self, erasure: Erasure, *, now: int, patient: bool, limit: int) -> tuple[str, ...]:
        """Tasks that are over and may go. `patient`: not before their messages are gone."""
        recent = sa.select(creates.c.task_id).where(creates.c.at > now - CREATE_COUNTS_MS)
        these = [_theirs(erasure), tasks.c.state.not_in(OPEN_STATES), tasks.c.id.not_in(recent)]
        if patient:
            busy = sa.select(batches.c.id).where(batches.c.due_at.is_not(None))
            these += [
                tasks.c.upkeep_at.is_(None),
                sa.or_(tasks.c.batch_id.is_(None), tasks.c.batch_id.not_in(busy)),
            ]
        async with self._database.read() as connection:
            found = sa.select(tasks.c.id).where(*these).order_by(tasks.c.created_at).limit(limit)
            return tuple((await connection.execute(found)).scalars())

    async def copies(self, task_ids: Sequence[str]) -> tuple[str, ...]:
        """The keys of their files."""
        async with self._database.read() as connection:
            keys: list[str] = []
            for table in (references, pictures):
                these = sa.and_(table.c.task_id.in_(task_ids), table.c.key.is_not(None))
                keys += (await connection.execute(sa.select(table.c.key).where(these))).scalars()
            return tuple(keys)

    async def forget_tasks(self, erasure: Erasure, task_ids: Sequence[str], *, copies: int, now: int) -> None:
        """With all that belongs to them. Those of the last day go on counting."""
        counting = sa.and_(tasks.c.id.in_(task_ids), tasks.c.charged, tasks.c.created_at > now - DAY_MS)
        spent = sa.select(tasks.c.asker_id, tasks.c.created_at, tasks.c.variants).where(counting)
        async with self._database.write() as connection:
            await connection.execute(sa.insert(spendings).from_select(["person_id", "at", "pictures"], spent))
            gone = (await connection.execute(sa.delete(tasks).where(tasks.c.id.in_(task_ids)))).rowcount
            await _count(connection, erasure, {"tasks": gone, "copies": copies})

    # -- everything else -----------------------------------------------------------------------------------------
    async def set_copies(self, erasure: Erasure) -> tuple[str, ...]:
        """The keys of the files of their sets."""
        sets = sa.select(reference_sets.c.id).where(_of_person(reference_sets.c.owner_id, erasure))
        sets = sets.where(reference_sets.c.created_at <= erasure.asked_at)
        async with self._database.read() as connection:
            keys = await connection.execute(sa.select(set_pictures.c.key).where(set_pictures.c.set_id.in_(sets)))
            return tuple(keys.scalars())

    async def forget_rest(self, erasure: Erasure, *, copies: int) -> None:
        """Sets, forms, batches and reports go; where others' rows name them, nobody stands."""
        theirs: Mapping[str, tuple[sa.Table, sa.ColumnElement[bool]]] = {
            "sets": (reference_sets, _upto(reference_sets.c.owner_id, reference_sets.c.created_at, erasure)),
            "drafts": (drafts, _upto(drafts.c.person_id, drafts.c.at, erasure)),
            "batches": (batches, _upto(batches.c.asker_id, batches.c.created_at, erasure)),
            "reports": (reports, _upto(reports.c.reporter_id, reports.c.at, erasure)),
        }
        async with self._database.write() as connection:
            counts = {"copies": copies}
            for kind, (table, these) in theirs.items():
                counts[kind] = (await connection.execute(sa.delete(table).where(these))).rowcount
            counts["changes"] = 0
            for who, at in BLANKED:
                blanked = sa.update(who.table).where(_upto(who, at, erasure)).values({who.name: NOBODY})
                counts["changes"] += (await connection.execute(blanked)).rowcount
            await _count(connection, erasure, counts)

    async def sweep(self, *, now: int, untold_for: int) -> None:
        """Numbers that count no longer, and whose erasure it was after so long (ms) without being told."""
        untold = sa.and_(erasures.c.done_at < now - untold_for, erasures.c.person_id.is_not(None))
        nobody = {"person_id": None, "interaction_token": None, "due_at": None}
        async with self._database.write() as connection:
            await connection.execute(sa.delete(spendings).where(spendings.c.at <= now - DAY_MS))
            await connection.execute(sa.update(erasures).where(untold).values(nobody))

    async def resume(self, *, now: int) -> None:
        """At start, where one process has the file."""
        if not self._database.alone:
            return
        async with self._database.write() as connection:
            await connection.execute(sa.update(erasures).where(erasures.c.due_at > now).values(due_at=now))

    async def _change(self, erasure: Erasure, changes: dict[str, Any]) -> Erasure:
        async with self._database.write() as connection:
            changed = sa.update(erasures).where(erasures.c.id == erasure.id).values(changes)
            return values(Erasure, await connection.execute(changed.returning(erasures)))[0]


async def _where(connection: Transaction, these: sa.ColumnElement[bool]) -> tuple[Erasure, ...]:
    """Oldest first."""
    return values(Erasure, await connection.execute(sa.select(erasures).where(these).order_by(erasures.c.asked_at)))


async def _count(connection: Transaction, erasure: Erasure, more: Mapping[str, int]) -> None:
    """Added to what is counted already: in the same transaction, so that nothing is counted twice."""
    this = erasures.c.id == erasure.id
    counted: dict[str, int] = (await connection.execute(sa.select(erasures.c.counts).where(this))).scalar_one()
    kinds = {*counted, *more}
    total = {kind: counted.get(kind, 0) + more.get(kind, 0) for kind in sorted(kinds)}
    await connection.execute(sa.update(erasures).where(this).values(counts=total))


def _under_way(person_id: int) -> sa.ColumnElement[bool]:
    return sa.and_(erasures.c.person_id == person_id, erasures.c.done_at.is_(None))


def _theirs(erasure: Erasure) -> sa.ColumnElement[bool]:
    return _upto(tasks.c.asker_id, tasks.c.created_at, erasure)


def _upto(person: sa.Column[Any], at: sa.Column[Any], erasure: Erasure) -> sa.ColumnElement[bool]:
    """What was there when they asked."""
    return sa.and_(_of_person(person, erasure), at <= erasure.asked_at)


def _of_person(column: sa.Column[Any], erasure: Erasure) -> sa.ColumnElement[bool]:
    return sa.and_(column == erasure.person_id, column.is_not(None))
