"""Define what cogs and buttons may use, as the one typed attribute `client.services`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from bot.engine.engine import Engine
from bot.engine.picture_work import PictureWork
from bot.engine.thumbnails import Thumbnails
from storage.drafts import DraftStore
from storage.erasures import ErasureStore
from storage.guilds import GuildStore
from storage.people import PersonalDataStore
from storage.pictures import PictureStore
from storage.reports import ReportStore
from storage.reposts import RepostStore
from storage.search import SearchStore
from storage.sets import SetStore
from storage.stores import Stores
from storage.tasks import TaskStore


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """`tasks`, `reposts`, `reports` and `copies` are for reading: the engine makes all changes to a task."""

    engine: Engine
    tasks: TaskStore
    copies: PictureStore
    reposts: RepostStore
    reports: ReportStore
    guilds: GuildStore
    sets: SetStore
    search: SearchStore
    drafts: DraftStore
    people: PersonalDataStore
    erasures: ErasureStore
    picture_work: PictureWork
    thumbnails: Thumbnails

    @classmethod
    def around(
        cls,
        engine: Engine,
        stores: Stores,
        *,
        copies: PictureStore,
        picture_work: PictureWork,
        thumbnails: Thumbnails,
    ) -> Self:
        return cls(
            engine=engine,
            copies=copies,
            picture_work=picture_work,
            thumbnails=thumbnails,
            tasks=stores.tasks,
            reposts=stores.reposts,
            reports=stores.reports,
            guilds=stores.guilds,
            sets=stores.sets,
            search=stores.search,
            drafts=stores.drafts,
            people=stores.people,
            erasures=stores.erasures,
        )
