"""Store small named values of the program itself."""

from __future__ import annotations

import sqlalchemy as sa

from storage.database import Database
from storage.schema import key_values


class KeyValueStore:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def get(self, name: str) -> str | None:
        async with self._database.read() as connection:
            return (
                await connection.execute(sa.select(key_values.c.value).where(key_values.c.name == name))
            ).scalar_one_or_none()

    async def set(self, name: str, value: str | None) -> None:
        """Set a value; None deletes it."""
        async with self._database.write() as connection:
            await self._database.serialize(connection, f"fact {name}")
            await connection.execute(sa.delete(key_values).where(key_values.c.name == name))
            if value is not None:
                await connection.execute(sa.insert(key_values).values(name=name, value=value))
