"""
What runs with each request, or again and again without one, costs the same however many pictures were made before.

A database keeps the closed tasks for months. A statement that reads all of them is fast in every other test, and takes
tenths of a second, twenty times a second, in servers that have made 100,000 pictures.
"""

from __future__ import annotations

import re
import sqlite3
from collections import Counter
from pathlib import Path
from typing import Any, Final

import pytest
import sqlalchemy as sa

from storage import sqlite
from storage.models import OPEN_STATES, new_id
from storage.schema import creates, outcome_parts, pictures, references, task_events, tasks
from tests.worlds.engine_batches import begun
from tests.worlds.engine_world import EngineWorld, open_engine_world, png

HISTORY: Final = 1000
"""Closed tasks in the database. A statement that reads them all takes several instructions for each."""
MONTH_MS: Final = 30 * 24 * 3600 * 1000
OFTEN_SECONDS: Final = 60.0
"""Longest pause between two runs of a periodic job whose statements are counted."""
BOUNDED: Final = re.compile("settled_at - .*generating_at")
"""How long the last pictures of a model took: at most 1,000 tasks are searched, once a minute."""
BOUNDED_MOST: Final = 100 * HISTORY
COUNTED: Final = 10
"""Instructions of SQLite's virtual machine between two counts."""


class Instructions:
    """Counts the instructions of SQLite's virtual machine that each statement takes."""

    def __init__(self) -> None:
        self.longest: Counter[str] = Counter()
        """Of the longest run of each statement, by its text without the values."""
        self._running, self._taken = "", 0

    def connections(self, ours: type[sqlite3.Connection]) -> type[sqlite3.Connection]:
        """Return the class of connections that are counted."""
        counter = self

        class Counted(ours):  # type: ignore[misc, valid-type]  # the class is a setting
            def __init__(self, *given: Any, **settings: Any) -> None:
                super().__init__(*given, **settings)
                self.set_trace_callback(counter._begins)
                self.set_progress_handler(counter._goes_on, COUNTED)

        return Counted

    def _begins(self, statement: str) -> None:
        if not statement.startswith("--"):  # a trigger of a foreign key
            self._running = re.sub(r"'(?:[^']|'')*'|\b\d+\b", "?", statement)
            self._taken = 0
            self.longest.setdefault(self._running, 0)

    def _goes_on(self) -> None:
        self._taken += COUNTED
        self.longest[self._running] = max(self.longest[self._running], self._taken)


async def everyday(world: EngineWorld) -> None:
    """Let people ask for all kinds of pictures until all are posted, and do the periodic jobs between the steps."""
    await world.ask(references=(world.attach("a.png", png()),), variants=4)
    await world.ask(model="z-image", variants=2, guild_id=77)
    cancelled = await world.ask(guild_id=77)
    await world.engine.requests.cancel(cancelled.id, cancelled.asker_id)
    await begun(world, size="3:2", references=(world.attach("b.png", png()),))
    for _ in range(8):
        await world.work(20)
        await periodic_jobs(world)
    async with world.database.read() as connection:
        still_open = sa.select(tasks.c.id).where(tasks.c.state.in_(OPEN_STATES))
        assert (await connection.execute(still_open)).all() == []


async def periodic_jobs(world: EngineWorld) -> None:
    for job, pause, *_ in world.engine._periodic_jobs():
        seconds = pause if isinstance(pause, float | int) else pause()
        if seconds <= OFTEN_SECONDS:
            await job()


async def add_history(world: EngineWorld, number: int) -> None:
    """Copy the tasks of the database, with all that belongs to them, until there are `number` more, a month
    older."""
    async with world.database.write() as connection:
        done = [row._asdict() for row in await connection.execute(sa.select(tasks))]
        copies = [done[at % len(done)] for at in range(number)]
        new_ids = [new_id() for _ in copies]
        rows = [
            _older(task) | {"id": id_, "interaction_id": -10_000 - at, "batch_id": None}
            for at, (task, id_) in enumerate(zip(copies, new_ids, strict=True))
        ]
        if rows:
            await connection.execute(sa.insert(tasks), rows)
        for table in (creates, references, pictures, outcome_parts, task_events):
            columns = [column for column in table.c if column.name not in {"id", "token_digest"}]
            found = [row._asdict() for row in await connection.execute(sa.select(*columns))]
            of_task = {task["id"]: [_older(row) for row in found if row["task_id"] == task["id"]] for task in done}
            rows = [
                row | {"task_id": id_} for task, id_ in zip(copies, new_ids, strict=True) for row in of_task[task["id"]]
            ]
            if rows:
                await connection.execute(sa.insert(table), rows)


def _older(row: dict[str, Any]) -> dict[str, Any]:
    times = {name: row[name] - MONTH_MS for name in row if re.search(r"(^|_)at$", name) and row[name] is not None}
    return row | times


async def test_work_costs_the_same_with_a_long_history(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    counted: list[Counter[str]] = []
    factory = sqlite._SETTINGS["factory"]
    for history in (0, HISTORY):
        instructions = Instructions()
        monkeypatch.setitem(sqlite._SETTINGS, "factory", instructions.connections(factory))
        (folder := tmp_path / str(history)).mkdir()
        async with open_engine_world(folder) as world:
            await everyday(world)
            await add_history(world, history)
            instructions.longest.clear()
            await everyday(world)
        counted.append(instructions.longest)
    fresh, old = counted
    assert len(fresh) > 80, "so few statements are not all"
    more = {text: (fresh[text], taken) for text, taken in old.items() if text in fresh and not BOUNDED.search(text)}
    assert {text: both for text, both in more.items() if both[1] > both[0] + HISTORY} == {}
    assert max(taken for text, taken in old.items() if BOUNDED.search(text)) < BOUNDED_MOST
