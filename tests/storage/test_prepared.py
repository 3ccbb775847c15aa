"""Tests for statements that are built once: what they write and read is what SQLAlchemy writes and reads."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from storage.card_facts import CardFacts
from storage.models import Derivation, Reach, ReferenceKind, Task, TaskState, new_id
from storage.prepared import Prepared
from storage.rows import values
from storage.schema import guild_settings, references, tasks
from storage.stores import Stores
from storage.tasks import BY_ID
from tests.storage.rows import BACKENDS, NOW, UNLIMITED, opened_stores, prepared, request, stored

MOVED: dict[str, Any] = {
    "progress": 0.25,
    "by_upload": True,
    "charged": False,
    "reason": None,
    "owner": "one",
    "card_message_id": 2**60,
    "reason_parameters": {"megabytes": 25, "filename": "ü.png"},
}


@pytest.fixture(params=BACKENDS)
async def stores(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Stores]:
    async with opened_stores(request.param, tmp_path) as stores:
        yield stores


async def test_a_row_is_read_as_sqlalchemy_reads_it(stores: Stores) -> None:
    database = stores.tasks._database
    task = await stored(stores, reach=Reach.ANSWER, derivation=Derivation.EDIT, parameters={"ratio": "16:9"})
    async with database.read() as connection:
        (as_sqlalchemy,) = values(Task, await connection.execute(sa.select(tasks)))
        (in_a_transaction,) = await BY_ID.values(Task, connection, {"of": task.id})
    (alone,) = await database.values(Task, BY_ID, {"of": task.id})
    assert task == as_sqlalchemy == in_a_transaction == alone
    assert (type(alone.state), type(alone.reach), type(alone.private)) == (TaskState, Reach, bool)


async def test_columns_are_written_as_sqlalchemy_writes_them(stores: Stores) -> None:
    one, other = await stored(stores), await stored(stores)
    changing = Prepared(sa.update(tasks).where(tasks.c.id == sa.bindparam("of")), tuple(MOVED))
    async with stores.tasks._database.write() as connection:
        assert not await changing.rows(connection, {"of": one.id, **MOVED})
        await connection.execute(sa.update(tasks).where(tasks.c.id == other.id).values(MOVED))
    written, expected = await stores.tasks.get(one.id), await stores.tasks.get(other.id)
    assert written is not None
    assert expected is not None
    names = (*MOVED, "state", "due_at")
    assert [getattr(written, name) for name in names] == [getattr(expected, name) for name in names]


async def test_lists_in_columns_and_words_in_the_statement_are_converted_too(stores: Stores) -> None:
    adding = Prepared(sa.insert(guild_settings).values(models=("flux", "4o")), ("guild_id", "channels"))
    known = sa.and_(guild_settings.c.models == ("flux", "4o"), guild_settings.c.guild_id.in_([1, 2, 3]))
    reading = Prepared(sa.select(guild_settings.c.channels, guild_settings.c.models).where(known))
    if stores.tasks._database._engine.dialect.name == "postgresql":  # compares no JSON
        reading = Prepared(sa.select(guild_settings.c.channels, guild_settings.c.models))
    async with stores.tasks._database.write() as connection:
        await adding.rows(connection, {"guild_id": 3, "channels": (7, 8)})
        assert [tuple(row) for row in await reading.rows(connection)] == [((7, 8), ("flux", "4o"))]


async def test_errors_are_those_of_sqlalchemy_and_say_nothing_of_the_values(stores: Stores) -> None:
    adding = Prepared(sa.insert(references), ("task_id", "position", "kind", "url", "filename", "declared_bytes"))
    row = {"task_id": new_id(), "position": 0, "kind": ReferenceKind.IMAGE, "url": "secret", "filename": "secret"}
    with pytest.raises(sa.exc.IntegrityError) as failed:
        async with stores.tasks._database.write() as connection:
            await adding.rows(connection, {**row, "declared_bytes": 1})
    assert "secret" not in str(failed.value)


async def test_single_reads_see_what_was_committed_before_them_and_block_no_write(stores: Stores) -> None:
    task = await stored(stores)
    for number in range(3):
        assert (await stores.tasks.get(task.id)) == task
        task = await stores.tasks.change(task, failures=number)
    async with stores.tasks._database.write() as connection:
        await connection.execute(sa.update(tasks).values(failures=9))
        assert (await stores.tasks.get(task.id)) == task
    assert (await stores.tasks.get(task.id)) == replace(task, failures=9)


async def test_a_stored_task_comes_with_what_its_card_shows(stores: Stores) -> None:
    for number in range(3):
        await prepared(stores, asker_id=number + 20)
    kept = [await _undelivered(stores, created_at=NOW + number) for number in range(2)]
    await _undelivered(stores, created_at=NOW, asker_id=8)
    for is_prepared, place in ((True, 4), (False, None)):
        added = await stores.tasks.add(request(), UNLIMITED, now=NOW + 5, prepared=is_prepared)
        assert added.facts == await stores.card_facts.of(added.task)
        assert added.facts == CardFacts(
            place=place, references=(), undelivered=(kept[1].id, kept[0].id), undelivered_batches=()
        )


async def _undelivered(stores: Stores, *, created_at: int, asker_id: int = 7) -> Task:
    task = await stored(stores, now=created_at, asker_id=asker_id)
    settled = await stores.tasks.settle(task, now=NOW, why="refused", reason="refused")
    return await stores.undelivered.keep(settled, now=NOW, due=NOW)
