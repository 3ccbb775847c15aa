"""Everything that is remembered in one database, by subject."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from storage.database import Database
from storage.drafts import DraftStore
from storage.guilds import GuildStore
from storage.people import PeopleStore
from storage.postings import PostingStore
from storage.reports import ReportStore
from storage.search import SearchStore
from storage.sets import SetStore
from storage.tasks import TaskStore


@dataclass(frozen=True, slots=True, kw_only=True)
class Stores:
    tasks: TaskStore
    postings: PostingStore
    reports: ReportStore
    guilds: GuildStore
    sets: SetStore
    search: SearchStore
    drafts: DraftStore
    people: PeopleStore

    @classmethod
    def on(cls, database: Database) -> Self:
        return cls(
            tasks=TaskStore(database),
            postings=PostingStore(database),
            reports=ReportStore(database),
            guilds=GuildStore(database),
            sets=SetStore(database),
            search=SearchStore(database),
            drafts=DraftStore(database),
            people=PeopleStore(database),
        )
