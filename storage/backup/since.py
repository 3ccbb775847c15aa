"""
Mark the rows of a restored backup of which it is unknown what happened to them afterwards.

The bot went on after the backup: a task that waited may have been created, paid and delivered, and a message that was
to be posted may be in its channel. So nothing that costs credits is begun again, and nothing is posted before it was
looked for.
"""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa

from storage.models import RESTORED, Released, TaskState, released
from storage.schema import batches, outcome_parts, report_cases, reposts, task_events, tasks
from storage.transactions import Transaction

UNPOSTED: Final = (
    (outcome_parts.c.attempted_at, outcome_parts.c.message_id.is_(None)),
    (reposts.c.attempted_at, reposts.c.message_id.is_(None)),
    (report_cases.c.attempted_at, report_cases.c.message_id.is_(None)),
    (
        batches.c.ending_attempted_at,
        sa.and_(batches.c.ending_message_id.is_(None), batches.c.begun_at.is_not(None)),
    ),
)
"""The time of the first attempt of every kind of message that is searched for after an attempt, and the rows whose
message is not posted according to the backup."""


async def release_all(connection: Transaction) -> None:
    """Release what the processes held that ran when the backup was made. Their interrupted work does not count as an
    attempt."""
    held: Released = released(0)
    await connection.execute(
        sa.update(tasks).values(owner=held["owner"], lease_until=held["lease_until"], attempts=held["attempts"])
    )
    await connection.execute(sa.update(batches).values(owner=None, lease_until=0))


async def mark(connection: Transaction, *, backed_up_at: int, now: int) -> int:
    """
    Mark all rows, and return how many waiting tasks were settled.

    Every task gets `backed_up_at`. A queued task is settled as `RESTORED`: no create follows. A task that generates
    wants no further create. Every message that is not posted is searched for from the time of the backup on.
    """
    queued = (await connection.execute(sa.select(tasks.c.id).where(tasks.c.state == TaskState.QUEUED))).scalars().all()
    settled = {
        "state": TaskState.SETTLED,
        "settled_at": now,
        "reason": RESTORED,
        "reason_parameters": {},
        "failures": 0,
        "due_at": now,
    }
    await connection.execute(sa.update(tasks).where(tasks.c.state == TaskState.QUEUED).values(settled))
    if queued:
        why = "restored from a backup: whether it was made since is unknown"
        event = {"at": now, "before": TaskState.QUEUED, "after": TaskState.SETTLED, "why": why}
        await connection.execute(sa.insert(task_events), [{"task_id": task_id, **event} for task_id in queued])
    await connection.execute(sa.update(tasks).values(backed_up_at=backed_up_at, next_create_at=None))
    for attempted, unposted in UNPOSTED:
        these = sa.and_(unposted, attempted.is_(None))
        await connection.execute(sa.update(attempted.table).where(these).values({attempted.name: backed_up_at}))
    begun = sa.and_(batches.c.begun_at.is_not(None), batches.c.closed_at.is_(None))
    await connection.execute(sa.update(batches).where(begun).values(due_at=now))
    return len(queued)
