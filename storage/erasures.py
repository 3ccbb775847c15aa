"""
Erase the data about a person that existed when they asked, in small steps, in an order in which a crash loses nothing
but time.

Files are deleted before the rows that name them. Pictures that count towards a limit per day are still counted for
that day, as a mere number (`spendings`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import sqlalchemy as sa

from storage.community import Erasure, ReportCase
from storage.curation import update_asked
from storage.database import Database
from storage.limits import DAY_MS
from storage.models import NO_USER, OPEN_STATES, UNNAMED, TaskState, new_id
from storage.outbox import Outbox
from storage.preferences import changes_of
from storage.rows import values
from storage.schema import (
    batches,
    creates,
    drafts,
    erasures,
    pictures,
    preferences,
    reference_sets,
    references,
    report_cases,
    reports,
    reposts,
    set_pictures,
    setting_changes,
    spendings,
    styles,
    tasks,
)
from storage.transactions import Transaction

PAUSE_MS: Final = 24 * 60 * 60 * 1000
"""ms. How long an erasure is postponed after the process died during each of its attempts."""
CREATE_COUNTS_MS: Final = 20_000
"""ms. A create counts against the image API's rate limit for 10.5 s after its answer; its row is kept a little
longer."""
BLANKED: Final = (
    (styles.c.changed_by, styles.c.changed_at),
    (setting_changes.c.by, setting_changes.c.at),
    (tasks.c.removed_by, tasks.c.removed_at),
    (report_cases.c.decided_by, report_cases.c.decided_at),
    (reposts.c.asked_by, reposts.c.asked_at),
)
"""Columns of other people's rows that name a person, each with the column of the time when the person was named."""
_ERASED: Final[dict[str, Any]] = {
    "url": "",
    "filename": UNNAMED,
    "stored_key": None,
    "key": None,
    "uploaded_url": None,
    "uploaded_at": None,
    "owner_id": NO_USER,
}
"""Values of a reference in another person's request after the owner of the picture was erased."""


class ErasureStore:
    def __init__(self, database: Database) -> None:
        self._database = database
        self.outbox = Outbox(
            database,
            erasures.c.due_at,
            key=lambda erasure: erasures.c.id == erasure.id,
            select=sa.select(erasures),
            read=Erasure,
        )

    async def ask(self, person_id: int, *, removes: bool, locale: str, token: str, now: int) -> tuple[Erasure, bool]:
        """Store an erasure that is due now; return it and True. The person's defaults are deleted in the same
        transaction, so that they are in no later request. If the person has an unfinished erasure, store nothing and
        return that one, with its own `removes`, locale and token, and False; a paused one is made due now."""
        async with self._database.write(priority=True, changing=changes_of(person_id)) as connection:
            await self._database.serialize(connection, f"erasures of {person_id}")
            if found := await _where(connection, _under_way(person_id)):
                paused = sa.and_(erasures.c.id == found[0].id, erasures.c.due_at > now + PAUSE_MS // 2)
                await connection.execute(sa.update(erasures).where(paused).values(due_at=now))
                return found[0], False
            theirs = sa.delete(preferences).where(preferences.c.person_id == person_id)
            gone = (await connection.execute(theirs)).rowcount
            fresh = {
                "id": new_id(),
                "person_id": person_id,
                "asked_at": now,
                "removes": removes,
                "locale": locale,
                "interaction_token": token,
                "due_at": now,
                "counts": {"preferences": gone} if gone else {},
            }
            stored = await connection.execute(sa.insert(erasures).values(fresh).returning(erasures))
            return values(Erasure, stored)[0], True

    async def of_person(self, person_id: int) -> Erasure | None:
        """Return the person's newest erasure that is unfinished or whose receipt is not delivered yet."""
        async with self._database.read() as connection:
            found = await _where(connection, erasures.c.person_id == person_id)
        return found[-1] if found else None

    async def done(self, erasure: Erasure, *, now: int) -> Erasure:
        """Mark the erasure as done. It stays claimed: the same worker sends the receipt."""
        return await self._change(erasure, {"done_at": now})

    async def receipt_seen(self, erasure: Erasure) -> None:
        """Anonymise the erasure record once its person got the receipt; the erasure is no longer due."""
        await self._change(erasure, {"person_id": None, "interaction_token": None, "due_at": None})

    # -- tasks ---------------------------------------------------------------------------------------------------
    async def mark(self, erasure: Erasure, *, now: int) -> None:
        """Mark the person's tasks as removed: no other person can look them up, and their settled outcomes become due
        and are not posted. With `removes`, also make the messages of these tasks due for deletion. The first such call
        includes tasks that were removed before, because fewer messages were deleted then, and makes messages about
        other people that name the person due for an update."""
        fresh = sa.and_(_of_asker(erasure), tasks.c.removed_at.is_(None))
        marks: dict[str, Any] = {"removed_at": sa.func.coalesce(tasks.c.removed_at, now)}
        marks["removed_by"] = erasure.person_id
        if erasure.removes:
            marks |= update_asked(now)
        async with self._database.write() as connection:
            unmarked = sa.and_(erasures.c.id == erasure.id, erasures.c.marked_at.is_(None))
            if (await connection.execute(sa.update(erasures).where(unmarked).values(marked_at=now))).rowcount:
                fresh = _of_asker(erasure) if erasure.removes else fresh
                await _mark_others(connection, erasure, now=now)
            shared = sa.select(tasks.c.batch_id).where(fresh, tasks.c.batch_id.is_not(None))
            touched = (await connection.execute(shared)).scalars().all()
            await connection.execute(sa.update(tasks).where(fresh).values(marks))
            if touched and erasure.removes:
                await connection.execute(sa.update(batches).where(batches.c.id.in_(touched)).values(due_at=now))
            kept = sa.and_(_of_asker(erasure), tasks.c.state == TaskState.SETTLED, tasks.c.due_at > now)
            await connection.execute(sa.update(tasks).where(kept).values(due_at=now))

    async def queued(self, erasure: Erasure) -> tuple[str, ...]:
        """Return the ids of the person's queued tasks, which can still be cancelled."""
        async with self._database.read() as connection:
            found = sa.select(tasks.c.id).where(_of_asker(erasure), tasks.c.state == TaskState.QUEUED)
            return tuple((await connection.execute(found)).scalars())

    async def open(self, erasure: Erasure) -> int:
        """Return how many of the person's tasks of the erasure still have a row, in any state."""
        async with self._database.read() as connection:
            count = sa.select(sa.func.count()).select_from(tasks).where(_of_asker(erasure))
            return int((await connection.execute(count)).scalar_one())

    async def ready(self, erasure: Erasure, *, now: int, patient: bool, limit: int) -> tuple[str, ...]:
        """Return the ids of the person's closed and cancelled tasks that may be deleted, oldest first; not those with a
        create that was answered in the last `CREATE_COUNTS_MS`, or sent in that time and not answered. `patient`: also
        skip tasks whose messages, or those of their batch, still wait for an update, and tasks that messages to
        moderators or other people's results still name."""
        recent = sa.select(creates.c.task_id).where(
            sa.func.coalesce(creates.c.answered_at, creates.c.at) > now - CREATE_COUNTS_MS
        )
        these = [_of_asker(erasure), tasks.c.state.not_in(OPEN_STATES), tasks.c.id.not_in(recent)]
        if patient:
            busy = sa.select(batches.c.id).where(batches.c.due_at.is_not(None))
            these += [
                tasks.c.sync_at.is_(None),
                sa.or_(tasks.c.batch_id.is_(None), tasks.c.batch_id.not_in(busy)),
                tasks.c.id.not_in(_reported()),
                tasks.c.id.not_in(_named_by_others(erasure)),
            ]
        async with self._database.read() as connection:
            found = sa.select(tasks.c.id).where(*these).order_by(tasks.c.created_at).limit(limit)
            return tuple((await connection.execute(found)).scalars())

    async def copies(self, task_ids: Sequence[str]) -> tuple[str, ...]:
        """Return the keys of the files of these tasks."""
        async with self._database.read() as connection:
            keys: list[str] = []
            for table in (references, pictures):
                these = sa.and_(table.c.task_id.in_(task_ids), table.c.key.is_not(None))
                keys += (await connection.execute(sa.select(table.c.key).where(these))).scalars()
            return tuple(keys)

    async def forget_tasks(self, erasure: Erasure, task_ids: Sequence[str], *, copies: Sequence[str], now: int) -> None:
        """Delete these tasks with all their rows, after the files with the keys `copies` were deleted. Skip tasks for
        which a file was stored since. Charged tasks of the last 24 hours keep counting towards the limits per day."""
        async with self._database.write() as connection:
            kept = set[str]()
            for table in (references, pictures):
                these = sa.and_(table.c.task_id.in_(task_ids), table.c.key.is_not(None), table.c.key.not_in(copies))
                kept |= {*(await connection.execute(sa.select(table.c.task_id).where(these))).scalars()}
            these = tasks.c.id.in_([task_id for task_id in task_ids if task_id not in kept])
            counting = sa.and_(these, tasks.c.charged, tasks.c.created_at > now - DAY_MS)
            spent = sa.select(tasks.c.asker_id, tasks.c.created_at, tasks.c.variants).where(counting)
            await connection.execute(sa.insert(spendings).from_select(["person_id", "at", "pictures"], spent))
            gone = (await connection.execute(sa.delete(tasks).where(these))).rowcount
            await _count(connection, erasure, {"tasks": gone, "copies": len(copies)})

    # -- the person's pictures in other people's requests --------------------------------------------------------
    async def lent(self, erasure: Erasure) -> tuple[str, ...] | None:
        """Return the keys of the stored copies of the person's pictures in other people's requests, whenever those were
        made; None if there is no such picture, an empty tuple if none has a copy."""
        async with self._database.read() as connection:
            found = (await connection.execute(sa.select(references.c.key).where(_lent(erasure)))).scalars().all()
        return tuple(key for key in found if key is not None) if found else None

    async def forget_lent(self, erasure: Erasure, *, copies: Sequence[str]) -> None:
        """Blank URLs, file name, keys and owner of the person's pictures in other people's requests; the rows are kept.
        Skip rows for which a file was stored since, which `copies` does not name."""
        these = sa.and_(_lent(erasure), sa.or_(references.c.key.is_(None), references.c.key.in_(copies)))
        async with self._database.write() as connection:
            await connection.execute(sa.update(references).where(these).values(_ERASED))

    async def forget_begun(self, erasure: Erasure) -> None:
        """Blank the pictures that name the person, as their owner or in the URL of an avatar, in the stored input of
        other people's forms and batches, whenever these were made."""
        begun = ((drafts, drafts.c.person_id, drafts.c.pictures), (batches, batches.c.asker_id, batches.c.request))
        id_in_it = f"%{erasure.person_id}%"
        async with self._database.write() as connection:
            for table, asker, column in begun:
                these = sa.and_(asker != erasure.person_id, sa.cast(column, sa.Text).like(id_in_it))
                for row in (await connection.execute(sa.select(table.c.id, column.label("stored")).where(these))).all():
                    without = _without(row.stored, erasure.person_id)
                    await connection.execute(
                        sa.update(table).where(table.c.id == row.id).values({column.name: without})
                    )

    # -- messages about other people that name the person --------------------------------------------------------
    async def report_messages(self, erasure: Erasure, *, now: int) -> tuple[ReportCase, ...]:
        """End the due updates of the moderators' messages about the person's results, and return the posted messages
        that then wait for no update. A message with a later due time is left to a later call; one that may exist in
        Discord with an unknown id stays due, because it has to be found first."""
        of_asker = report_cases.c.task_id.in_(sa.select(tasks.c.id).where(_of_asker(erasure)))
        found = sa.or_(report_cases.c.attempted_at.is_(None), report_cases.c.message_id.is_not(None))
        quiet = sa.update(report_cases).where(of_asker, found, report_cases.c.due_at <= now).values(due_at=None)
        messages = sa.select(report_cases).where(
            of_asker, report_cases.c.message_id.is_not(None), report_cases.c.due_at.is_(None)
        )
        async with self._database.write() as connection:
            await connection.execute(quiet)
            return values(ReportCase, await connection.execute(messages))

    async def report_removed(self, of: ReportCase) -> None:
        this = sa.and_(report_cases.c.task_id == of.task_id, report_cases.c.guild_id == of.guild_id)
        nowhere = {"message_id": None, "channel_id": None, "attempted_at": None}
        async with self._database.write() as connection:
            await connection.execute(sa.update(report_cases).where(this).values(nowhere))

    async def names_them(self, erasure: Erasure) -> bool:
        """Return whether a moderators' message that may contain this person's report or name still waits for its
        update. A message that was never sent does not count."""
        waits = sa.and_(report_cases.c.due_at.is_not(None), report_cases.c.attempted_at.is_not(None), _by_them(erasure))
        async with self._database.read() as connection:
            return (
                await connection.execute(sa.select(report_cases.c.task_id).where(waits).limit(1))
            ).first() is not None

    # -- everything else -----------------------------------------------------------------------------------------
    async def set_copies(self, erasure: Erasure) -> tuple[str, ...]:
        """Return the keys of the files of the person's sets."""
        sets = sa.select(reference_sets.c.id).where(_of_person(reference_sets.c.owner_id, erasure))
        sets = sets.where(reference_sets.c.created_at <= erasure.asked_at)
        async with self._database.read() as connection:
            keys = await connection.execute(sa.select(set_pictures.c.key).where(set_pictures.c.set_id.in_(sets)))
            return tuple(keys.scalars())

    async def forget_rest(self, erasure: Erasure, *, copies: int) -> None:
        """Delete the person's sets, drafts, batches, proposals and reports, and replace the person's id in other
        people's rows with `NO_USER`. `copies`: number of deleted files of the sets, for the receipt."""
        these_batches = _upto(batches.c.asker_id, batches.c.created_at, erasure)
        rows_of_person: Mapping[str, tuple[sa.Table, sa.ColumnElement[bool]]] = {
            "sets": (reference_sets, _upto(reference_sets.c.owner_id, reference_sets.c.created_at, erasure)),
            "drafts": (drafts, _upto(drafts.c.person_id, drafts.c.at, erasure)),
            "proposals": (batches, sa.and_(these_batches, batches.c.begun_at.is_(None))),
            "batches": (batches, these_batches),
            "reports": (reports, _upto(reports.c.reporter_id, reports.c.at, erasure)),
        }
        async with self._database.write() as connection:
            counts = {"copies": copies}
            for kind, (table, these) in rows_of_person.items():
                counts[kind] = (await connection.execute(sa.delete(table).where(these))).rowcount
            counts["changes"] = 0
            for who, at in BLANKED:
                blanked = sa.update(who.table).where(_upto(who, at, erasure)).values({who.name: NO_USER})
                counts["changes"] += (await connection.execute(blanked)).rowcount
            await _count(connection, erasure, counts)

    async def sweep(self, *, now: int, unseen_for: int) -> None:
        """Delete the numbers of erased pictures that are older than a day, and anonymise erasures whose receipt could
        not be delivered for `unseen_for` ms."""
        unseen = sa.and_(erasures.c.done_at < now - unseen_for, erasures.c.person_id.is_not(None))
        nobody = {"person_id": None, "interaction_token": None, "due_at": None}
        async with self._database.write() as connection:
            await connection.execute(sa.delete(spendings).where(spendings.c.at <= now - DAY_MS))
            await connection.execute(sa.update(erasures).where(unseen).values(nobody))

    async def _change(self, erasure: Erasure, changes: dict[str, Any]) -> Erasure:
        async with self._database.write() as connection:
            changed = sa.update(erasures).where(erasures.c.id == erasure.id).values(changes)
            return values(Erasure, await connection.execute(changed.returning(erasures)))[0]


async def _mark_others(connection: Transaction, erasure: Erasure, *, now: int) -> None:
    """Make messages due for an update: those about what other people made from the person's tasks, and those to
    moderators that contain the person's report or name. Does nothing without `removes`."""
    if not erasure.removes:
        return
    made_of_theirs = sa.and_(_of_others(erasure), tasks.c.parent_id.in_(_parents(erasure)))
    await connection.execute(sa.update(tasks).where(made_of_theirs).values(update_asked(now)))
    await connection.execute(sa.update(report_cases).where(_by_them(erasure)).values(due_at=now))


def _parents(erasure: Erasure) -> sa.Select[tuple[str]]:
    parents = tasks.alias()
    return sa.select(parents.c.id).where(
        parents.c.asker_id == erasure.person_id, parents.c.created_at <= erasure.asked_at
    )


def _of_others(erasure: Erasure) -> sa.ColumnElement[bool]:
    return sa.and_(tasks.c.asker_id != erasure.person_id, tasks.c.parent_id.is_not(None))


def _reported() -> sa.Select[tuple[str]]:
    """Select the tasks for which a message to moderators exists, or is due to be posted or updated."""
    return sa.select(report_cases.c.task_id).where(
        sa.or_(report_cases.c.message_id.is_not(None), report_cases.c.due_at.is_not(None))
    )


def _named_by_others(erasure: Erasure) -> sa.Select[tuple[str]]:
    """Select the tasks that messages about other people's results still name: those messages are due for an update."""
    children = tasks.alias()
    return sa.select(children.c.parent_id).where(
        children.c.parent_id.is_not(None),
        children.c.asker_id != erasure.person_id,
        children.c.sync_at.is_not(None),
    )


def _by_them(erasure: Erasure) -> sa.ColumnElement[bool]:
    """Match results that the person reported or decided on."""
    reported = sa.exists().where(
        reports.c.task_id == report_cases.c.task_id,
        reports.c.guild_id == report_cases.c.guild_id,
        _upto(reports.c.reporter_id, reports.c.at, erasure),
    )
    return sa.or_(reported, _upto(report_cases.c.decided_by, report_cases.c.decided_at, erasure))


def _lent(erasure: Erasure) -> sa.ColumnElement[bool]:
    of_asker = sa.select(tasks.c.id).where(tasks.c.asker_id == erasure.person_id)
    return sa.and_(_of_person(references.c.owner_id, erasure), references.c.task_id.not_in(of_asker))


def _without(stored: Any, person_id: int | None) -> Any:
    """Return the stored form or batch without this person's pictures; their positions are kept."""
    if isinstance(stored, list):
        return [_emptied(item) if _is_of(item, person_id) else item for item in stored]
    request = stored["request"]
    return stored | {"request": request | {"references": _without(request["references"], person_id)}}


def _is_of(picture: Mapping[str, Any], person_id: int | None) -> bool:
    """Return whether the picture belongs to the person. Rows older than the column `owner_id` name the owner of an
    avatar only in its URL."""
    return picture.get("owner_id") == person_id or f"/{person_id}/" in picture["url"]


def _emptied(picture: dict[str, Any]) -> dict[str, Any]:
    return {name: _ERASED.get(name, value) for name, value in picture.items()}


async def _where(connection: Transaction, these: sa.ColumnElement[bool]) -> tuple[Erasure, ...]:
    """Return the matching erasures, oldest first."""
    return values(Erasure, await connection.execute(sa.select(erasures).where(these).order_by(erasures.c.asked_at)))


async def _count(connection: Transaction, erasure: Erasure, more: Mapping[str, int]) -> None:
    """Add to the stored counts, in the same transaction as the change, so that nothing is counted twice."""
    this = erasures.c.id == erasure.id
    counted: dict[str, int] = (await connection.execute(sa.select(erasures.c.counts).where(this))).scalar_one()
    kinds = {*counted, *more}
    total = {kind: counted.get(kind, 0) + more.get(kind, 0) for kind in sorted(kinds)}
    await connection.execute(sa.update(erasures).where(this).values(counts=total))


def _under_way(person_id: int) -> sa.ColumnElement[bool]:
    return sa.and_(erasures.c.person_id == person_id, erasures.c.done_at.is_(None))


def _of_asker(erasure: Erasure) -> sa.ColumnElement[bool]:
    return _upto(tasks.c.asker_id, tasks.c.created_at, erasure)


def _upto(person: sa.Column[Any], at: sa.Column[Any], erasure: Erasure) -> sa.ColumnElement[bool]:
    """Match rows of the person that existed when they asked."""
    return sa.and_(_of_person(person, erasure), at <= erasure.asked_at)


def _of_person(column: sa.Column[Any], erasure: Erasure) -> sa.ColumnElement[bool]:
    return sa.and_(column == erasure.person_id, column.is_not(None))
