"""Count and read the data stored about a person, for that person."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

import sqlalchemy as sa

from storage.database import Database
from storage.schema import (
    batches,
    drafts,
    pictures,
    preferences,
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
    "resolution",
    "background",
    "model",
    "variants",
    "estimated_credits",
    "consumed_credits",
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
_BATCH: Final = ["id", "channel_id", "guild_id", "prompt", "tasks", "created_at", "closed_at"]
_COPY: Final = ["content_type", "bytes", "width", "height"]
OF_PERSON: Final[Mapping[str, tuple[sa.Table, str, list[str]]]] = {
    "tasks": (tasks, "asker_id", _TASK),
    "batches": (batches, "asker_id", _BATCH),
    "proposals": (batches, "asker_id", _BATCH),
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
    "preferences": (preferences, "person_id", ["model", "size", "variants", "private", "words", "changed_at"]),
}
"""Tables whose rows are handed out to the person: the column of the person's id, and the columns that are handed out.
Tokens, signed URLs and other people's ids are not."""
_ONLY: Final[Mapping[str, sa.ColumnElement[bool]]] = {
    "batches": batches.c.begun_at.is_not(None),
    "proposals": batches.c.begun_at.is_(None),
}
"""Which rows of the person's are of this kind, where one table has two kinds: a proposal is a batch that has not begun,
also one of a single task."""
_OF_TASKS: Final[Mapping[str, tuple[sa.Table, list[str]]]] = {
    "references": (references, ["task_id", "position", "kind", "filename", *_COPY]),
    "pictures": (pictures, ["task_id", "position", *_COPY]),
    "events": (task_events, ["task_id", "at", "before", "after"]),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonalDataSummary:
    """How much is stored about one person."""

    counts: Mapping[str, int]
    """By kind; every kind has an entry. `copies` counts the stored files that `PersonalDataStore.copies` returns."""
    since: int | None
    """When (ms) the oldest of the person's tasks was created; None if there is none."""


class CopyKind(StrEnum):
    """What a stored file is to the person, most important first."""

    PICTURE = "picture"
    ATTACHED = "attached"
    SET = "set"


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonalCopy:
    """A file stored for a person."""

    key: str
    kind: CopyKind
    at: int
    """When (ms) its request or its set was created."""
    words: str
    """The prompt, the name of the attached file, or the name of the set."""
    position: int
    """Its place, from 0, among the results or among the input pictures of its request, or in its set."""


class PersonalDataStore:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def holdings(self, person_id: int) -> PersonalDataSummary:
        async with self._database.read(snapshot=True) as connection:
            counts = dict[str, int]()
            for kind, (table, _, _) in OF_PERSON.items():
                count = sa.select(sa.func.count()).select_from(table).where(_of_person(kind, person_id))
                counts[kind] = (await connection.execute(count)).scalar_one()
            copies = sa.select(sa.func.count()).select_from(sa.union_all(*_copies(person_id).values()).subquery())
            counts["copies"] = (await connection.execute(copies)).scalar_one()
            oldest = sa.select(sa.func.min(tasks.c.created_at)).where(tasks.c.asker_id == person_id)
            return PersonalDataSummary(counts=counts, since=(await connection.execute(oldest)).scalar_one())

    async def rows(self, person_id: int) -> dict[str, list[dict[str, Any]]]:
        """Return the rows by kind, as they may be handed to the person. Input pictures that are not the person's own
        are left out."""
        async with self._database.read(snapshot=True) as connection:
            found = dict[str, list[dict[str, Any]]]()
            for kind, (table, _, names) in OF_PERSON.items():
                wanted = _columns(table, names).where(_of_person(kind, person_id))
                found[kind] = [row._asdict() for row in await connection.execute(wanted)]
            for kind, (table, names) in _OF_TASKS.items():
                wanted = _columns(table, names).where(table.c.task_id.in_(_tasks_of(person_id)))
                if table is references:  # another person's picture is not handed out
                    wanted = wanted.where(references.c.owner_id == person_id)
                found[kind] = [row._asdict() for row in await connection.execute(wanted)]
            return found

    async def copies(self, person_id: int) -> list[PersonalCopy]:
        """Return the files stored for the person: results, then attached pictures, then sets; within each, oldest
        first. A picture in a request that belongs to another person or to no person is left out."""
        async with self._database.read(snapshot=True) as connection:
            return [
                PersonalCopy(kind=kind, **row._asdict())
                for kind, wanted in _copies(person_id).items()
                for row in await connection.execute(wanted.order_by("at", "key"))
            ]


def _of_person(kind: str, person_id: int) -> sa.ColumnElement[bool]:
    table, column, _ = OF_PERSON[kind]
    return sa.and_(table.c[column] == person_id, _ONLY.get(kind, sa.true()))


def _columns(table: sa.Table, names: Iterable[str]) -> sa.Select[Any]:
    return sa.select(*[table.c[name] for name in names])


def _tasks_of(person_id: int) -> sa.Select[tuple[str]]:
    return sa.select(tasks.c.id).where(tasks.c.asker_id == person_id)


def _copies(person_id: int) -> dict[CopyKind, sa.Select[Any]]:
    """Return the statement for each kind; its columns are the fields of PersonalCopy."""
    of_pictures = sa.select(pictures.c.key, tasks.c.created_at.label("at"), tasks.c.prompt.label("words"))
    of_references = sa.select(references.c.key, tasks.c.created_at.label("at"), references.c.filename.label("words"))
    sets = reference_sets.c
    of_sets = sa.select(set_pictures.c.key, sets.created_at.label("at"), sets.name.label("words"))
    return {
        CopyKind.PICTURE: of_pictures.add_columns(pictures.c.position)
        .join_from(pictures, tasks)
        .where(tasks.c.asker_id == person_id, pictures.c.key.is_not(None)),
        CopyKind.ATTACHED: of_references.add_columns(references.c.position)
        .join_from(references, tasks)
        .where(tasks.c.asker_id == person_id, references.c.owner_id == person_id, references.c.key.is_not(None)),
        CopyKind.SET: of_sets.add_columns(set_pictures.c.position)
        .join_from(set_pictures, reference_sets)
        .where(sets.owner_id == person_id),
    }
