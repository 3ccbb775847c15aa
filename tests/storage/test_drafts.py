"""Tests for drafts, the contents that open forms begin with: for their own person only, for a day."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from storage.community import Draft
from storage.database import Database
from storage.drafts import LIFE_MS, DraftStore
from storage.models import NewReference, ReferenceKind
from storage.schema import drafts
from tests.worlds.ready_database import ready_database

NOW = 1_800_000_000_000
PICTURE = NewReference(
    kind=ReferenceKind.IMAGE,
    url="https://cdn.test/a?ex=1",
    filename="a.png",
    declared_type="image/png",
    declared_bytes=5,
)


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    async with ready_database(tmp_path / "atelier.db") as opened:
        yield opened


def draft(draft_id: str = "1", *, at: int = NOW) -> Draft:
    return Draft(id=draft_id, person_id=7, at=at, pictures=(PICTURE,))


async def test_a_draft_comes_back_as_it_was(database: Database) -> None:
    store = DraftStore(database)
    await store.begin(draft())
    assert await store.get("1", 7, now=NOW + LIFE_MS - 1) == draft()


async def test_nobody_elses_and_none_too_old(database: Database) -> None:
    store = DraftStore(database)
    await store.begin(draft())
    assert await store.get("1", 8, now=NOW) is None
    assert await store.get("1", 7, now=NOW + LIFE_MS) is None


async def test_old_ones_go_when_another_begins(database: Database) -> None:
    store = DraftStore(database)
    await store.begin(draft())
    await store.begin(draft("2", at=NOW + LIFE_MS))
    async with database.read() as connection:
        assert (await connection.execute(sa.select(drafts.c.id))).scalars().all() == ["2"]
