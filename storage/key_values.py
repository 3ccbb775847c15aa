"""Store small named values of the program itself, and take turns that all processes on the database share."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Final

import sqlalchemy as sa

from storage.database import Database
from storage.prepared import Prepared
from storage.schema import key_values
from storage.transactions import Transaction

VALUE: Final = Prepared(sa.select(key_values.c.value).where(key_values.c.name == sa.bindparam("of")))


class KeyValueStore:
    def __init__(self, database: Database) -> None:
        self._database = database

    @property
    def alone(self) -> bool:
        """Return whether no other process writes to this database."""
        return self._database.alone

    async def get(self, name: str) -> str | None:
        async with self._database.read() as connection:
            return await _value(connection, name)

    async def beginning_with(self, prefix: str) -> Mapping[str, str]:
        """Return the values whose names begin with `prefix`, by name."""
        return {name: str(value) for name, value in await self._database.rows(_beginning_with(prefix))}

    async def set(self, name: str, value: str | None) -> None:
        """Set a value; None deletes it."""
        async with self._database.write() as connection:
            await self._database.serialize(connection, _subject(name))
            await _set(connection, name, value)

    async def take_turn(self, name: str, *, clock: Callable[[], int], every_ms: int) -> int:
        """
        Take a turn unless one of this name was taken less than `every_ms` ago, by whatever process. Return 0 if it was
        taken, else the milliseconds until one may be. The clock is read once it is this process's turn to look.

        A process that dies in its turn delays the next one by at most `every_ms`. The clocks of two processes differ a
        little, so a turn may have been taken in the near future. One that is further ahead than `every_ms` was taken
        before the clock was set back, and does not count.
        """
        async with self._database.write() as connection:
            await self._database.serialize(connection, _subject(name))
            taken = await _value(connection, name)
            now = clock()
            wait = int(taken) + every_ms - now if taken is not None else 0
            if 0 < wait <= 2 * every_ms:
                return wait
            await _set(connection, name, str(now))
            return 0


@cache
def _beginning_with(prefix: str) -> Prepared:
    these = key_values.c.name.startswith(prefix, autoescape=True)
    return Prepared(sa.select(key_values.c.name, key_values.c.value).where(these))


async def _value(connection: Transaction, name: str) -> str | None:
    found = await VALUE.rows(connection, {"of": name})
    return found[0][0] if found else None


async def _set(connection: Transaction, name: str, value: str | None) -> None:
    await connection.execute(sa.delete(key_values).where(key_values.c.name == name))
    if value is not None:
        await connection.execute(sa.insert(key_values).values(name=name, value=value))


def _subject(name: str) -> str:
    return f"fact {name}"
