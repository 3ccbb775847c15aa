"""Match the rows of some of the bot's shards: of their servers, and with shard 0 of direct messages."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa

TIME_BITS_FROM: Final = 22
"""Discord: a server is on the shard `(guild_id >> 22) % shard_count`, direct messages are on shard 0
(docs.discord.com, Gateway, "Sharding")."""
KEPT_STATEMENTS: Final = 16
"""Sets of shards whose statements are kept: a process has others when one joins or is gone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shards:
    """The shards `ids` of the `count` shards that the bot has in all."""

    count: int
    ids: frozenset[int]

    def number(self, guild_id: int | None) -> int:
        """Return the shard of a server; None: of direct messages."""
        return ((guild_id or 0) >> TIME_BITS_FROM) % self.count

    def have(self, guild_id: int | None) -> bool:
        return self.number(guild_id) in self.ids

    def match(self, guild_id: sa.ColumnElement[Any]) -> sa.ColumnElement[bool]:
        """Match the rows whose column `guild_id` names a server of these shards."""
        return number_of(guild_id, self.count).in_(sorted(self.ids))


def number_of(guild_id: sa.ColumnElement[Any], count: int) -> sa.ColumnElement[int]:
    """Compute the shard of a row, of `count` in all, from its column `guild_id`."""
    bits = sa.literal_column(str(TIME_BITS_FROM), sa.Integer)
    number: sa.ColumnElement[int] = sa.func.coalesce(guild_id, 0).bitwise_rshift(bits) % count
    return number


def within(shards: Shards | None, guild_id: sa.ColumnElement[Any]) -> sa.ColumnElement[bool]:
    """Match the rows of these shards; all rows if there are none."""
    return sa.true() if shards is None else shards.match(guild_id)
