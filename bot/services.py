"""The one typed attribute (`client.services`) that cogs and buttons are given things from."""

from __future__ import annotations

from dataclasses import dataclass

from bot.engine.engine import Engine
from storage.guilds import GuildStore
from storage.pictures import PictureStore
from storage.tasks import TaskStore


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """`tasks` and `copies` are for reading: what changes a task goes through the engine."""

    engine: Engine
    tasks: TaskStore
    copies: PictureStore
    guilds: GuildStore
