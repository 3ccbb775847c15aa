"""What a server has chosen."""

from __future__ import annotations

from dataclasses import asdict
from typing import Final

import sqlalchemy as sa

from storage.database import Database
from storage.models import GuildSettings
from storage.schema import guild_settings

NOTHING_CHOSEN: Final = GuildSettings()
CHOSEN: Final = sa.select(*[column for column in guild_settings.c if column is not guild_settings.c.guild_id]).where(
    guild_settings.c.guild_id == sa.bindparam("of")
)


class GuildStore:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def settings(self, guild_id: int | None) -> GuildSettings:
        """Defaults for direct messages, for a server that has chosen nothing, and for whatever it has not chosen."""
        if guild_id is None:
            return NOTHING_CHOSEN
        async with self._database.read() as connection:
            row = (await connection.execute(CHOSEN, {"of": guild_id})).first()
        chosen = {name: value for name, value in row._asdict().items() if value is not None} if row else {}
        return GuildSettings(**(asdict(NOTHING_CHOSEN) | chosen))
