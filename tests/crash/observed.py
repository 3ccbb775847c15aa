"""What the servers and the bot's database show of a run."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from typing import Any, Final

import sqlalchemy as sa

from storage.database import Database
from tests.crash.verdict import Post, Row
from tests.wire.discord import LoopbackDiscord
from tests.wire.messages import Act, Doing, Way

SELECT_ROWS: Final = """
SELECT id, prompt, state, reason, variants, creates_wanted,
    (SELECT count(*) FROM creates WHERE task_id = tasks.id AND creates.state = 'unconfirmed')
FROM tasks
"""
NAMES: Final = ("id", "prompt", "state", "reason", "variants", "wanted", "unconfirmed")


def rows_from(found: Iterable[Sequence[Any]]) -> tuple[Row, ...]:
    """Return the tasks that `SELECT_ROWS` found."""
    return tuple(Row(**dict(zip(NAMES, row, strict=True))) for row in found)


async def rows_in(database: Database) -> tuple[Row, ...]:
    """Return the tasks in an open database, also if the machine is so busy that this takes long."""
    async with database.read(limited=False) as connection:
        return rows_from((await connection.execute(sa.text(SELECT_ROWS))).all())


async def stored_rows(url: str) -> tuple[Row, ...]:
    """Return the tasks in the database at this URL, beside the processes that work with it."""
    async with Database.open(url, exclusive=False) as database:
        return await rows_in(database)


def posts(discord: LoopbackDiscord) -> tuple[Post, ...]:
    """Return every message of the bot that tells an outcome."""
    posted = [act for act in discord.acts if act.doing is Doing.POSTED and act.way is not Way.PERSON]
    return tuple(post for act in posted if (post := told_by(act)))


def cards_left(discord: LoopbackDiscord) -> int:
    """Return how many cards offer to cancel a task."""
    return sum('"a1:cancel:' in json.dumps(message["components"]) for message in discord.messages.values())


def told_by(act: Act) -> Post | None:
    """Return the outcome that a message tells; None for a card."""
    said = json.dumps(act.payload)
    names = [re.fullmatch(r"atelier-([0-9a-f]{16})-(\d)\.\w+", file.name) for file in act.files]
    pictures = [name for name in names if name]
    again = re.search(r"a1:again:([0-9a-f]{16})", said)
    if not pictures and not again:
        return None
    return Post(
        task_id=(pictures[0] if pictures else again)[1],  # type: ignore[index]  # one of them is not empty
        pictures=tuple(int(name[2]) for name in pictures),
        again=again is not None,
        mentions=bool(act.payload.get("allowed_mentions", {}).get("users")),
    )
