"""Count and read the data stored about a person, for that person."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa

from storage.database import Database
from storage.schema import (
    batches,
    drafts,
    pictures,
    reference_sets,
    references,
    reports,
    reposts,
    set_pictures,
    setting_changes,
    styles,
    task_events,
    tasks,
)

_TASK: Final = [
    "id",
    "state",
    "arrived_at",
    "channel_id",
    "guild_id",
    "locale",
    "prompt",
    "size",
    "variants",
    "enhance",
    "fallback",
    "again_of",
    "private",
    "derivation",
    "parent_id",
    "parent_picture",
    "style",
    "batch_id",
    "batch_position",
    "created_at",
    "settled_at",
    "reason",
    "charged",
    "closed_at",
    "removed_at",
]
_COPY: Final = ["content_type", "bytes", "width", "height"]
OF_PERSON: Final[Mapping[str, tuple[sa.Table, str, list[str]]]] = {
    "tasks": (tasks, "asker_id", _TASK),
    "batches": (batches, "asker_id", ["id", "channel_id", "guild_id", "prompt", "tasks", "created_at", "closed_at"]),
    "sets": (reference_sets, "owner_id", ["id", "name", "created_at"]),
    "reports": (reports, "reporter_id", ["task_id", "at", "why"]),
    "setting_changes": (setting_changes, "by", ["guild_id", "at", "setting", "before", "after"]),
    "styles": (
        styles,
        "changed_by",
        ["id", "guild_id", "name", "template", "size", "variants", "created_at", "changed_at"],
    ),
    "reposts": (reposts, "asked_by", ["task_id", "kind", "channel_id", "guild_id", "asked_at", "message_id"]),
    "drafts": (drafts, "person_id", ["id", "at"]),
}
"""Tables with the person's id: the column of the id, and the columns that are handed out. Tokens, signed URLs and
other people's ids are not handed out."""
_OF_TASKS: Final[Mapping[str, tuple[sa.Table, list[str]]]] = {
    "references": (references, ["task_id", "position", "kind", "filename", *_COPY]),
    "pictures": (pictures, ["task_id", "position", *_COPY]),
    "events": (task_events, ["task_id", "at", "before", "after"]),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonalDataSummary:
    """How much is stored about one person."""

    counts: Mapping[str, int]
    """By kind; every kind has an entry. `copies` counts the pictures with a stored file."""
    since: int | None
    """When (ms) the oldest of the person's tasks was created; None if there is none."""


class PersonalDataStore:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def holdings(self, person_id: int) -> PersonalDataSummary:
        async with self._database.read() as connection:
            counts = dict[str, int]()
            for kind, (table, column, _) in OF_PERSON.items():
                count = sa.select(sa.func.count()).select_from(table).where(table.c[column] == person_id)
                counts[kind] = (await connection.execute(count)).scalar_one()
            copies = sa.select(sa.func.count()).select_from(_keys(person_id).subquery())
            counts["copies"] = (await connection.execute(copies)).scalar_one()
            oldest = sa.select(sa.func.min(tasks.c.created_at)).where(tasks.c.asker_id == person_id)
            return PersonalDataSummary(counts=counts, since=(await connection.execute(oldest)).scalar_one())

    async def rows(self, person_id: int) -> dict[str, list[dict[str, Any]]]:
        """Return the rows by kind, as they may be handed to the person."""
        async with self._database.read() as connection:
            found = dict[str, list[dict[str, Any]]]()
            for kind, (table, column, names) in OF_PERSON.items():
                wanted = _columns(table, names).where(table.c[column] == person_id)
                found[kind] = [row._asdict() for row in await connection.execute(wanted)]
            for kind, (table, names) in _OF_TASKS.items():
                wanted = _columns(table, names).where(table.c.task_id.in_(_tasks_of(person_id)))
                if table is references:  # another person's picture is not handed out
                    wanted = wanted.where(references.c.owner_id == person_id)
                found[kind] = [row._asdict() for row in await connection.execute(wanted)]
            return found

    async def copies(self, person_id: int) -> list[str]:
        """Return the keys of the files stored for the person, results first."""
        async with self._database.read() as connection:
            return [row.key for row in await connection.execute(_keys(person_id).order_by("rank", "key"))]


def _columns(table: sa.Table, names: Iterable[str]) -> sa.Select[Any]:
    return sa.select(*[table.c[name] for name in names])


def _tasks_of(person_id: int) -> sa.Select[tuple[str]]:
    return sa.select(tasks.c.id).where(tasks.c.asker_id == person_id)


def _keys(person_id: int) -> sa.CompoundSelect[Any]:
    of_tasks = _tasks_of(person_id)
    sets = sa.select(reference_sets.c.id).where(reference_sets.c.owner_id == person_id)
    return sa.union_all(
        _key(pictures, 0).where(pictures.c.task_id.in_(of_tasks), pictures.c.key.is_not(None)),
        _key(references, 1).where(
            references.c.task_id.in_(of_tasks), references.c.owner_id == person_id, references.c.key.is_not(None)
        ),
        _key(set_pictures, 2).where(set_pictures.c.set_id.in_(sets)),
    )


def _key(table: sa.Table, rank: int) -> sa.Select[Any]:
    return sa.select(table.c.key, sa.literal(rank).label("rank"))
