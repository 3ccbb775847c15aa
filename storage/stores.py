"""All stores of one database, by subject."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from storage.attempts import AttemptStore
from storage.batches import BatchStore
from storage.card_facts import CardFactStore
from storage.claims import ClaimStore
from storage.creates import CreateStore
from storage.curation import CurationStore
from storage.database import Database
from storage.drafts import DraftStore
from storage.due_work import DueWorkStore
from storage.erasures import ErasureStore
from storage.guilds import GuildStore
from storage.key_values import KeyValueStore
from storage.late_pictures import LatePictureStore
from storage.parts import PartStore
from storage.personal_data import PersonalDataStore
from storage.polls import PollStore
from storage.preferences import PreferenceStore
from storage.processes import ProcessStore
from storage.queue import QueueStore
from storage.referenced_pictures import ReferencedPictures
from storage.references import ReferenceStore
from storage.reports import ReportStore
from storage.reposts import RepostStore
from storage.result_pictures import ResultPictureStore
from storage.retention import RetentionStore
from storage.search import SearchStore
from storage.sets import SetStore
from storage.tasks import TaskStore
from storage.undelivered import UndeliveredStore
from storage.undelivered_batches import UndeliveredBatchStore


@dataclass(frozen=True, slots=True, kw_only=True)
class Stores:
    tasks: TaskStore
    claims: ClaimStore
    polls: PollStore
    due_work: DueWorkStore
    queue: QueueStore
    card_facts: CardFactStore
    creates: CreateStore
    references: ReferenceStore
    pictures: ResultPictureStore
    parts: PartStore
    undelivered: UndeliveredStore
    undelivered_batches: UndeliveredBatchStore
    retention: RetentionStore
    key_values: KeyValueStore
    batches: BatchStore
    reposts: RepostStore
    reports: ReportStore
    curation: CurationStore
    guilds: GuildStore
    preferences: PreferenceStore
    sets: SetStore
    search: SearchStore
    drafts: DraftStore
    people: PersonalDataStore
    erasures: ErasureStore
    named_copies: ReferencedPictures
    late_pictures: LatePictureStore
    attempts: AttemptStore
    processes: ProcessStore

    @classmethod
    def on(cls, database: Database) -> Self:
        return cls(
            tasks=TaskStore(database),
            claims=ClaimStore(database),
            polls=PollStore(database),
            due_work=DueWorkStore(database),
            queue=QueueStore(database),
            card_facts=CardFactStore(database),
            creates=CreateStore(database),
            references=ReferenceStore(database),
            pictures=ResultPictureStore(database),
            parts=PartStore(database),
            undelivered=UndeliveredStore(database),
            undelivered_batches=UndeliveredBatchStore(database),
            retention=RetentionStore(database),
            key_values=KeyValueStore(database),
            batches=BatchStore(database),
            reposts=RepostStore(database),
            reports=ReportStore(database),
            curation=CurationStore(database),
            guilds=GuildStore(database),
            preferences=PreferenceStore(database),
            sets=SetStore(database),
            search=SearchStore(database),
            drafts=DraftStore(database),
            people=PersonalDataStore(database),
            erasures=ErasureStore(database),
            named_copies=ReferencedPictures(database),
            late_pictures=LatePictureStore(database),
            attempts=AttemptStore(database),
            processes=ProcessStore(database),
        )
