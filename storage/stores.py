"""All stores of one database, by subject."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from storage.attempts import AttemptStore
from storage.batches import BatchStore
from storage.database import Database
from storage.drafts import DraftStore
from storage.erasures import ErasureStore
from storage.guilds import GuildStore
from storage.late_pictures import LatePictureStore
from storage.named_copies import NamedCopies
from storage.people import PeopleStore
from storage.postings import PostingStore
from storage.reports import ReportStore
from storage.search import SearchStore
from storage.sets import SetStore
from storage.tasks import TaskStore


@dataclass(frozen=True, slots=True, kw_only=True)
class Stores:
    tasks: TaskStore
    batches: BatchStore
    postings: PostingStore
    reports: ReportStore
    guilds: GuildStore
    sets: SetStore
    search: SearchStore
    drafts: DraftStore
    people: PeopleStore
    erasures: ErasureStore
    named_copies: NamedCopies
    late_pictures: LatePictureStore
    attempts: AttemptStore

    @classmethod
    def on(cls, database: Database) -> Self:
        return cls(
            tasks=TaskStore(database),
            batches=BatchStore(database),
            postings=PostingStore(database),
            reports=ReportStore(database),
            guilds=GuildStore(database),
            sets=SetStore(database),
            search=SearchStore(database),
            drafts=DraftStore(database),
            people=PeopleStore(database),
            erasures=ErasureStore(database),
            named_copies=NamedCopies(database),
            late_pictures=LatePictureStore(database),
            attempts=AttemptStore(database),
        )
