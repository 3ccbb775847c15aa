"""Define what cogs and buttons may use, as the one typed attribute `client.services`."""

from __future__ import annotations

from dataclasses import dataclass

from bot.engine.engine import Engine
from bot.engine.work.picture_work import PictureWork
from bot.engine.work.thumbnails import Thumbnails
from storage.pictures import PictureStore
from storage.stores import Stores


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """`stores.tasks`, `stores.reposts` and `stores.reports` are for reading: the engine makes all changes to a task.
    `picture_store` is for reading, and for storing the pictures of sets and styles under new keys."""

    engine: Engine
    stores: Stores
    picture_store: PictureStore
    picture_work: PictureWork
    thumbnails: Thumbnails
