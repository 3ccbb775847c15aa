"""
Find tasks: a person's own by words and state, any task by a message that shows its outcome.

Words are compared in Python: neither SQLite nor PostgreSQL ignores case as Unicode does, and both would need the same
rule for every page. The prompts of 100,000 tasks are compared in about a second, in a thread.
"""

from __future__ import annotations

import asyncio
import re
import unicodedata
from collections.abc import Mapping
from enum import StrEnum
from typing import Final

import sqlalchemy as sa

from storage.database import Database
from storage.fair_queue import AGE
from storage.models import OPEN_STATES, Task, TaskState
from storage.rows import values
from storage.schema import outcome_parts, reposts, tasks
from storage.transactions import Transaction

_IGNORED: Final = re.compile("[\u0300-\u036f\N{VARIATION SELECTOR-15}\N{VARIATION SELECTOR-16}]")
"""The accents of Latin, Greek and Cyrillic letters as characters of their own, and the selectors of an emoji's style.
The marks of other scripts, which make another letter, are not among them."""
_NEWEST: Final = tuple(column.desc() for column in AGE)


class TaskFilter(StrEnum):
    """Filter for a person's tasks. `WAITING`: every open state, so also a known outcome that is not delivered. `DONE`
    and `FAILED`: closed, with pictures or with a reason, whether or not the outcome was posted."""

    ALL = "all"
    WAITING = "waiting"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


class SearchStore:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def own(
        self,
        asker_id: int,
        *,
        words: str = "",
        which: TaskFilter = TaskFilter.ALL,
        limit: int,
        offset: int = 0,
    ) -> tuple[Task, ...]:
        """Return a person's tasks whose prompts contain each of `words`, newest first; all if `words` is blank.
        `has_words` says what counts as contained. `limit` and `offset` count tasks."""
        own = sa.select(tasks).where(_own(asker_id, which)).order_by(*_NEWEST)
        if not comparable(words):
            async with self._database.read() as connection:
                return values(Task, await connection.execute(own.limit(limit).offset(offset)))
        async with self._database.read(long=True) as connection:
            ids = await _with_words(connection, asker_id, words, which)
            these = tasks.c.id.in_(ids[offset : offset + limit])
            return values(Task, await connection.execute(own.where(these)))

    async def count_own(self, asker_id: int, *, words: str = "", which: TaskFilter = TaskFilter.ALL) -> int:
        if comparable(words):
            async with self._database.read(long=True) as connection:
                return len(await _with_words(connection, asker_id, words, which))
        statement = sa.select(sa.func.count()).select_from(tasks).where(_own(asker_id, which))
        async with self._database.read() as connection:
            return int((await connection.execute(statement)).scalar_one())

    async def task_of_message(self, message_id: int) -> Task | None:
        """Return the task whose outcome, or a part of it, this message delivers or reposts; None for any other message,
        also one of a batch."""
        part = sa.select(outcome_parts.c.task_id).where(outcome_parts.c.message_id == message_id)
        again = sa.select(reposts.c.task_id).where(reposts.c.message_id == message_id)
        this = sa.or_(tasks.c.id.in_(part), tasks.c.id.in_(again))
        async with self._database.read() as connection:
            found = values(Task, await connection.execute(sa.select(tasks).where(this).limit(1)))
        return found[0] if found else None


def comparable(text: str) -> str:
    """Return the form in which words are searched. Case, accents, composition, width, the kind and number of blanks,
    and the style of an emoji (text or picture) make no difference."""
    folded = unicodedata.normalize("NFKD", unicodedata.normalize("NFKC", text).casefold())
    return " ".join(unicodedata.normalize("NFC", _IGNORED.sub("", folded)).split())


def has_words(text: str, words: str) -> bool:
    """Return whether the text contains each of the words, in any order, each also as a part of a longer word. Both are
    in their `comparable` form. Words are separated by blanks, so Chinese without blanks is one word."""
    return all(word in text for word in words.split())


async def _with_words(connection: Transaction, asker_id: int, words: str, which: TaskFilter) -> list[str]:
    """Return the ids of the person's tasks whose prompts contain each of the words, newest first."""
    prompts = sa.select(tasks.c.id, tasks.c.prompt).where(_own(asker_id, which)).order_by(*_NEWEST)
    found = {row.id: row.prompt for row in await connection.execute(prompts)}
    return await asyncio.to_thread(_matching, found, comparable(words))


def _matching(prompts: Mapping[str, str], wanted: str) -> list[str]:
    return [task_id for task_id, prompt in prompts.items() if has_words(comparable(prompt), wanted)]


def _own(asker_id: int, which: TaskFilter) -> sa.ColumnElement[bool]:
    conditions = [tasks.c.asker_id == asker_id]
    match which:
        case TaskFilter.WAITING:
            conditions.append(tasks.c.state.in_(sorted(OPEN_STATES)))
        case TaskFilter.DONE:
            conditions += [tasks.c.state == TaskState.CLOSED, tasks.c.reason.is_(None)]
        case TaskFilter.FAILED:
            conditions += [tasks.c.state == TaskState.CLOSED, tasks.c.reason.is_not(None)]
        case TaskFilter.CANCELLED:
            conditions.append(tasks.c.state == TaskState.CANCELLED)
        case TaskFilter.ALL:
            pass
    return sa.and_(*conditions)
