"""Find out in one statement what a process can do now, and when there will be more to do."""

from __future__ import annotations

import functools
from dataclasses import dataclass

import sqlalchemy as sa

from storage import fair_queue
from storage.creates import WINDOW_COLUMNS, Window
from storage.database import Database
from storage.models import CreateLimits
from storage.prepared import Prepared
from storage.schema import tasks
from storage.shards import KEPT_STATEMENTS, Shards, within


@dataclass(frozen=True, slots=True, kw_only=True)
class DueWork:
    """What can be done now for the shards of a process, and when there will be more to do."""

    claimable: bool
    """Whether `ClaimStore.claim` would find a task."""
    next_due: int | None
    """The earliest due time (ms; may be past) of the open tasks, and of the closed ones that `claim` takes, that no
    worker holds; None if there is none. Creates that may begin now do not count."""
    next_after: int | None
    """The earliest of these times that is still to come."""
    creates: int
    """Creates that wait for their turn, of all shards; counted up to the limit of the window."""
    own_creates: bool
    """Whether one of them is of these shards."""
    room: int
    """Creates that the window has room for."""
    room_at: int | None
    """The earliest time (ms) at which a full window can have room; None if it has room, or if that is unknown because
    another process has paused creates."""


class DueWorkStore:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def look(
        self, limits: CreateLimits, *, owner: str, now: int, risky: bool = True, shards: Shards | None = None
    ) -> DueWork:
        """Return what can be done for the tasks of these shards (None: of all). `owner` and `risky`: as in
        `ClaimStore.claim`."""
        parameters = {"now": now, "owner": owner, "most": limits.per_window, **Window.times(limits, now)}
        found = await self._database.rows(_statement(shards, risky=risky), parameters)
        ((claimable, next_due, next_after, creates, own, *window),) = found
        of_window = Window(*window)
        return DueWork(
            claimable=claimable,
            next_due=next_due,
            next_after=next_after,
            creates=creates,
            own_creates=own,
            room=of_window.room(limits, now, alone=self._database.alone),
            room_at=of_window.room_at(limits, now, alone=self._database.alone),
        )


@functools.lru_cache(maxsize=KEPT_STATEMENTS)
def _statement(shards: Shards | None, *, risky: bool) -> Prepared:
    now, owner = sa.bindparam("now", type_=sa.BigInteger), sa.bindparam("owner", type_=sa.Text)
    waiting = fair_queue.waiting_creates(now)
    longest_due = fair_queue.longest_due(now, shards=shards).scalar_subquery()
    next_after = fair_queue.next_after(now, shards=shards).subquery()
    some = waiting.limit(sa.bindparam("most", type_=sa.Integer)).subquery()
    return Prepared(
        sa.select(
            fair_queue.claimable(now, owner, risky=risky, shards=shards).order_by(None).exists().label("claimable"),
            sa.func.coalesce(longest_due, next_after.c.due).label("next_due"),
            next_after.c.due.label("next_after"),
            sa.select(sa.func.count()).select_from(some).scalar_subquery().label("creates"),
            waiting.where(within(shards, tasks.c.guild_id)).exists().label("own_creates"),
            *WINDOW_COLUMNS,
        )
    )
