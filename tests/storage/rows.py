"""Rows for tests of the stores, on a real database file."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, Final

from storage.database import Database
from storage.models import CreateLimits, Limits, NewTask, Task
from storage.stores import Stores
from tests.worlds.new_tasks import new_task
from tests.worlds.postgres import postgres
from tests.worlds.ready_database import lay_migrated

NOW: Final = 1_800_000_000_000
LEASE: Final = 30_000
UNLIMITED: Final = Limits(open_tasks_per_user=0, pictures_per_user_per_day=0, pictures_per_day=0)
PLENTY: Final = CreateLimits(per_window=1_000, window_ms=11_000, in_flight=1_000)
BACKENDS: Final = ["sqlite", "postgres"]

_interactions = itertools.count(1)


def url_of(path: Path) -> str:
    return f"sqlite+aiosqlite:///{path}"


@asynccontextmanager
async def opened_stores(backend: str, folder: Path) -> AsyncIterator[Stores]:
    async with AsyncExitStack() as stack:
        url = url_of(folder / "atelier.db")
        if backend == "sqlite":
            await lay_migrated(folder / "atelier.db")
        else:
            url = await stack.enter_async_context((await postgres()).database())
        yield Stores.on(await stack.enter_async_context(Database.open(url)))


def request(**changes: Any) -> NewTask:
    number = next(_interactions)
    values: dict[str, Any] = {
        "interaction_id": number,
        "interaction_token": f"token {number}",
        "arrived_at": NOW,
        "asker_id": 7,
        "channel_id": 9,
        "prompt": "a red door",
    }
    return new_task(**(values | changes))


async def stored(stores: Stores, *, now: int = NOW, **changes: Any) -> Task:
    task, *_ = await stores.tasks.add(request(**changes), UNLIMITED, now=now)
    return task


async def prepared(stores: Stores, *, now: int = NOW, **changes: Any) -> Task:
    return await stores.tasks.change(await stored(stores, now=now, **changes), prepared_at=now)


async def begun(stores: Stores, *, now: int = NOW, owner: str = "one") -> Task | None:
    return await stores.creates.begin(owner, PLENTY, now=now, lease_ms=LEASE)
