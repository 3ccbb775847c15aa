"""Tests for erasing rows: every column that names a person is covered, on each supported database."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from storage.community import Batch, Draft, Erasure, Preferences
from storage.database import Database
from storage.models import NewReference, ReferenceKind, TaskState
from storage.personal_data import OF_PERSON
from storage.schema import Positions, metadata
from storage.stores import Stores
from tests.storage.rows import BACKENDS, NOW, opened_stores, request, stored

PERSON, OTHER, MODERATOR = 7, 8, 99
DAY = 24 * 3600 * 1000

PEOPLE = {
    "tasks": {"asker_id", "removed_by"},
    "batches": {"asker_id"},
    "reference_sets": {"owner_id"},
    "drafts": {"person_id"},
    "styles": {"changed_by"},
    "setting_changes": {"by"},
    "reposts": {"asked_by"},
    "report_cases": {"decided_by"},
    "reports": {"reporter_id"},
    "erasures": {"person_id"},
    "spendings": {"person_id"},
    "preferences": {"person_id"},
    "task_references": {"owner_id"},
}
"""The columns with the id of a person, by table."""
KEPT = {"erasures", "spendings"}
"""Rows that an erasure keeps: erasures are anonymised after the receipt, spendings deleted after a day."""
PLACES = {
    *("guild_id", "channel_id", "message_id", "card_message_id", "message_channel_id", "interaction_id"),
    *("ending_message_id", "ending_channel_id"),
    *("gallery_channel_id", "moderators_channel_id", "seen_channel_id", "seen_message_id"),
}
MEASURES = {"upload_limit", "bytes", "declared_bytes", "lease_until"}


@pytest.fixture(params=BACKENDS)
async def stores(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Stores]:
    async with opened_stores(request.param, tmp_path) as opened:
        yield opened


def database_of(stores: Stores) -> Database:
    return stores.erasures._database


async def begun(stores: Stores, *, removes: bool = False, now: int = NOW) -> Erasure:
    erasure, is_new = await stores.erasures.ask(PERSON, removes=removes, locale="en-US", token="t", now=now)
    assert is_new
    return erasure


async def carried_out(stores: Stores, erasure: Erasure, *, now: int = NOW) -> Erasure:
    await stores.erasures.mark(erasure, now=now)
    while ready := await stores.erasures.ready(erasure, now=now, patient=False, limit=2):
        await stores.erasures.forget_tasks(erasure, ready, copies=await stores.erasures.copies(ready), now=now)
    await stores.erasures.forget_lent(erasure, copies=await stores.erasures.lent(erasure) or ())
    await stores.erasures.forget_begun(erasure)
    await stores.erasures.forget_rest(erasure, copies=0)
    return await stores.erasures.done(erasure, now=now)


def test_every_column_that_may_name_a_person_is_known() -> None:
    """A new column has to be added to a set above, and then be erased and exported."""
    for table in metadata.sorted_tables:
        ids = {
            column.name
            for column in table.columns
            if isinstance(column.type, sa.BigInteger) and not (column.name == "at" or column.name.endswith("_at"))
        }
        assert ids - PLACES - MEASURES == PEOPLE.get(table.name, set()), table.name


def test_whatever_is_kept_of_a_person_is_shown_and_exported() -> None:
    exported = {(table.name, column) for table, column, _ in OF_PERSON.values()}
    about_others = {("tasks", "removed_by"), ("report_cases", "decided_by"), ("task_references", "owner_id")}
    named = {(table, column) for table, columns in PEOPLE.items() for column in columns if table not in KEPT}
    assert named - about_others == exported


async def test_after_an_erasure_no_row_names_the_person_and_others_keep_theirs(stores: Stores) -> None:
    await _one_row_of_everything(stores)
    before = await _rows(stores)
    await carried_out(stores, await begun(stores, now=NOW + 10), now=NOW + DAY)
    async with database_of(stores).read() as connection:
        for name, columns in PEOPLE.items():
            for column in columns if name not in KEPT else ():
                table = metadata.tables[name]
                named = sa.select(sa.func.count()).select_from(table).where(table.c[column] == PERSON)
                assert (await connection.execute(named)).scalar_one() == 0, (name, column)
    after = await _rows(stores)
    for name in ("styles", "setting_changes", "guild_settings"):
        assert after[name] == before[name] >= 1, name
    assert (after["tasks"], before["tasks"]) == (1, 2)


async def test_a_persons_defaults_go_in_the_transaction_that_stores_the_erasure(stores: Stores) -> None:
    for person_id in (PERSON, OTHER):
        await stores.preferences.choose(person_id, Preferences(words="soft light"), now=NOW)
    erasure = await begun(stores)
    assert await stores.preferences.of(PERSON) == Preferences()
    assert await stores.preferences.of(OTHER) == Preferences(words="soft light")
    await stores.preferences.change(PERSON, {"model": "grok"}, now=NOW)
    done = await carried_out(stores, erasure)
    assert done.counts["preferences"] == 1
    assert await stores.preferences.of(PERSON) == Preferences(model="grok")


async def test_what_is_later_than_the_question_stays(stores: Stores) -> None:
    erasure = await begun(stores)
    later = await stored(stores, now=NOW + 1, asker_id=PERSON)
    await carried_out(stores, erasure)
    assert await stores.tasks.get(later.id) is not None


async def test_what_others_have_begun_with_a_persons_picture_loses_it_and_what_the_person_begins_keeps_it(
    stores: Stores,
) -> None:
    erasure = await begun(stores)
    theirs, others = [await _form(stores, person_id, now=NOW + 1) for person_id in (PERSON, OTHER)]
    their_batch, others_batch = [await _proposal(stores, person_id, now=NOW + 1) for person_id in (PERSON, OTHER)]
    await stores.erasures.forget_begun(erasure)
    assert await stores.drafts.get(theirs.id, PERSON, now=NOW + 2) == theirs
    assert await stores.batches.get(their_batch.id) == their_batch
    blanked_form = await stores.drafts.get(others.id, OTHER, now=NOW + 2)
    blanked_batch = await stores.batches.get(others_batch.id)
    assert blanked_form is not None
    assert blanked_batch is not None
    assert [picture.url for picture in (*blanked_form.pictures, *blanked_batch.asked.request.references)] == ["", ""]


async def test_it_counts_what_went_and_the_pictures_of_the_day_count_on(stores: Stores) -> None:
    for _ in range(3):
        await _over(stores, variants=2)
    done = await carried_out(stores, await begun(stores, now=NOW + 1), now=NOW + 120_000)
    assert (done.counts["tasks"], done.done_at) == (3, NOW + 120_000)
    async with database_of(stores).read() as connection:
        spent = (await connection.execute(sa.text("SELECT count(*), sum(pictures) FROM spendings"))).one()
    assert tuple(spent) == (3, 6)
    await stores.erasures.sweep(now=NOW + DAY + 1, unseen_for=DAY)
    async with database_of(stores).read() as connection:
        assert (await connection.execute(sa.text("SELECT count(*) FROM spendings"))).scalar_one() == 0


async def test_questions_and_batches_are_counted_apart_and_all_go(stores: Stores) -> None:
    for person_id in (PERSON, PERSON, OTHER):
        await _proposal(stores, person_id, now=NOW)
    batch = await _proposal(stores, PERSON, now=NOW)
    async with database_of(stores).write() as connection:
        rows = metadata.tables["batches"]
        await connection.execute(sa.update(rows).where(rows.c.id == batch.id).values(begun_at=NOW))
    done = await carried_out(stores, await begun(stores, now=NOW + 1), now=NOW + 2)
    assert (done.counts["proposals"], done.counts["batches"]) == (2, 1)
    held, others = [await stores.people.holdings(person_id) for person_id in (PERSON, OTHER)]
    assert (held.counts["proposals"], held.counts["batches"]) == (0, 0)
    assert others.counts["proposals"] == 1


async def test_messages_are_waited_for_and_nothing_is_when_that_takes_too_long(stores: Stores) -> None:
    task_id = await _over(stores)
    erasure = await begun(stores, removes=True, now=NOW + 1)
    await stores.erasures.mark(erasure, now=NOW + 2)
    later = NOW + 120_000
    assert await stores.erasures.ready(erasure, now=later, patient=True, limit=9) == ()
    assert await stores.erasures.ready(erasure, now=later, patient=False, limit=9) == (task_id,)
    task = await stores.tasks.get(task_id)
    assert task is not None
    await stores.curation.outbox.finish(task)
    await stores.erasures.mark(erasure, now=NOW + 3)
    assert await stores.erasures.ready(erasure, now=later, patient=True, limit=9) == (task_id,)


async def test_creates_of_just_now_go_on_counting(stores: Stores) -> None:
    task_id = await _over(stores)
    async with database_of(stores).write() as connection:
        await connection.execute(sa.insert(metadata.tables["creates"]).values(task_id=task_id, at=NOW))
    erasure = await begun(stores, now=NOW + 1)
    assert await stores.erasures.ready(erasure, now=NOW + 11_000, patient=False, limit=9) == ()
    assert await stores.erasures.ready(erasure, now=NOW + 120_000, patient=False, limit=9) == (task_id,)


async def test_one_is_under_way_at_a_time_and_one_process_works_on_it(stores: Stores) -> None:
    erasure = await begun(stores)
    again, is_new = await stores.erasures.ask(PERSON, removes=True, locale="en-US", token="u", now=NOW + 1)
    assert (again.id, is_new) == (erasure.id, False)
    assert await stores.erasures.outbox.claim(erasure, now=NOW, until=NOW + 100)
    assert not await stores.erasures.outbox.claim(erasure, now=NOW, until=NOW + 100)
    await stores.erasures.receipt_seen(await stores.erasures.done(erasure, now=NOW))
    assert await stores.erasures.of_person(PERSON) is None
    await begun(stores)


def _avatar() -> NewReference:
    """Return the avatar of PERSON as input of a request."""
    return NewReference(kind=ReferenceKind.IMAGE, url="https://cdn.test/avatar.png", filename="a.png", owner_id=PERSON)


async def _form(stores: Stores, person_id: int, *, now: int) -> Draft:
    form = Draft(id=f"form of {person_id}", person_id=person_id, at=now, pictures=(_avatar(),))
    await stores.drafts.begin(form)
    return form


async def _proposal(stores: Stores, person_id: int, *, now: int) -> Batch:
    return await stores.batches.propose(request(asker_id=person_id, references=(_avatar(),)), ("a", "b"), now=now)


async def _over(stores: Stores, **changes: Any) -> str:
    task = await stored(stores, asker_id=PERSON, **changes)
    await stores.tasks.move(task, TaskState.CANCELLED, now=NOW, why="x")
    async with database_of(stores).write() as connection:
        tasks = metadata.tables["tasks"]
        await connection.execute(sa.update(tasks).where(tasks.c.id == task.id).values(charged=True))
    return task.id


async def _rows(stores: Stores) -> dict[str, int]:
    async with database_of(stores).read() as connection:
        return {
            table.name: (await connection.execute(sa.select(sa.func.count()).select_from(table))).scalar_one()
            for table in metadata.sorted_tables
        }


async def _one_row_of_everything(stores: Stores) -> None:
    """Add rows in which every column that names a person names PERSON, and a task of OTHER that PERSON removed."""
    theirs = await _over(stores)
    other = await stored(stores, asker_id=OTHER)
    async with database_of(stores).write() as connection:
        tasks = metadata.tables["tasks"]
        removed = sa.update(tasks).where(tasks.c.id == other.id)
        await connection.execute(removed.values(removed_by=PERSON, removed_at=NOW))
        for table in metadata.sorted_tables:
            if table.name in {"tasks", "task_events", *KEPT}:
                continue
            await connection.execute(
                sa.insert(table).values(_filled(table, theirs if table.name == "creates" else other.id))
            )


def _filled(table: sa.Table, task_id: str) -> dict[str, Any]:
    return {
        column.name: _value(table, column, task_id)
        for column in table.columns
        if (not (column.primary_key and column.autoincrement is True) and column.name != "id")
        or isinstance(column.type, sa.String)
    }


def _value(table: sa.Table, column: sa.Column[Any], task_id: str) -> Any:
    if column.name == "task_id":
        return task_id
    if column.name == "size":
        return "1:1"
    if column.name in PEOPLE.get(table.name, set()):
        return PERSON
    if column.foreign_keys:
        return "x" if not column.nullable else None
    match column.type:
        case sa.Enum() as words:
            return next(iter(words.enum_class or ()))
        case Positions():
            return ()
        case sa.JSON():
            return {}
        case sa.Boolean():
            return False
        case sa.BigInteger() | sa.Integer() | sa.Float():
            return 1
        case _:
            return "x"
