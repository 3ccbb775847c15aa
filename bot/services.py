"""The one typed attribute (`client.services`) that cogs and buttons are given things from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from bot.engine.engine import Engine
from bot.engine.ports import FetchReference
from storage.database import Database
from storage.drafts import DraftStore
from storage.guilds import GuildStore
from storage.people import PeopleStore
from storage.pictures import PictureStore
from storage.search import SearchStore
from storage.sets import SetStore
from storage.tasks import TaskStore


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """`tasks` and `copies` are for reading: what changes a task goes through the engine."""

    engine: Engine
    tasks: TaskStore
    copies: PictureStore
    guilds: GuildStore
    sets: SetStore
    search: SearchStore
    drafts: DraftStore
    people: PeopleStore
    fetch: FetchReference

    @classmethod
    def around(
        cls, engine: Engine, database: Database, *, tasks: TaskStore, copies: PictureStore, fetch: FetchReference
    ) -> Self:
        """With the stores that nobody but cogs and buttons asks."""
        return cls(
            engine=engine,
            tasks=tasks,
            copies=copies,
            fetch=fetch,
            guilds=GuildStore(database),
            sets=SetStore(database),
            search=SearchStore(database),
            drafts=DraftStore(database),
            people=PeopleStore(database),
        )
