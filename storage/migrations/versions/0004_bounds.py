"""
CHECK constraints: the tables refuse values that no request may have.

Rows that violate them have values that were never offered. A queued task with such a value ends with a reason and
costs nothing. A task that was made already, or is being made, gets the nearest allowed number of pictures. A server's
setting or style is reset to its default.
"""

from __future__ import annotations

import time
from typing import Final

import sqlalchemy as sa
from alembic import op

revision: Final = "0004"
down_revision: Final = "0003"

SIZE: Final = "size IN ('1:1', '3:2', '2:3')"
VARIANTS: Final = "variants IN (1, 2, 4)"
BYTES: Final = "bytes >= 0"
WIDTH: Final = "width >= 1"
HEIGHT: Final = "height >= 1"
FAILURES: Final = "failures >= 0"
UPLOAD_LIMIT: Final = "upload_limit >= 0"
POSITION: Final = "position >= 0"
NUMBER: Final = "number >= 0"
PART: Final = "number >= -1"
"""-1: the first message of an outcome that an adoption withdrew."""

CHECKS: Final = {
    "tasks": {
        "size": SIZE,
        "variants": VARIANTS,
        "upload_limit": UPLOAD_LIMIT,
        "parent_picture": "parent_picture >= 0",
        "batch_position": "batch_position >= 0",
        "failures": FAILURES,
        "faults": "faults >= 0",
    },
    "task_references": {
        "position": "position >= 0 AND position <= 5",
        "declared_bytes": "declared_bytes >= 0",
        "bytes": BYTES,
        "width": WIDTH,
        "height": HEIGHT,
    },
    "pictures": {"position": POSITION, "bytes": BYTES, "width": WIDTH, "height": HEIGHT},
    "outcome_parts": {"number": PART},
    "guild_settings": {
        "greatest_batch": "greatest_batch >= 1 AND greatest_batch <= 20",
        "size": SIZE,
        "variants": VARIANTS,
    },
    "styles": {"size": SIZE, "variants": VARIANTS},
    "style_pictures": {"bytes": BYTES, "width": WIDTH, "height": HEIGHT},
    "set_pictures": {"position": POSITION, "bytes": BYTES, "width": WIDTH, "height": HEIGHT},
    "batches": {"tasks": "tasks >= 1", "failures": FAILURES},
    "batch_messages": {"number": NUMBER},
    "postings": {"upload_limit": UPLOAD_LIMIT, "failures": FAILURES},
    "reported": {"failures": FAILURES},
    "spendings": {"pictures": "pictures >= 0"},
}
"""By table: the name and the condition of each constraint."""
UNMEASURED: Final = ("task_references", "pictures")
"""Tables in which unknown measures of a picture may be NULL."""


def upgrade() -> None:
    _end_what_waits()
    _count_what_was_made()
    _forget_what_was_chosen()
    _mend_measures()
    for table, checks in CHECKS.items():
        with op.batch_alter_table(table) as batch:
            for name, holds in checks.items():
                batch.create_check_constraint(op.f(f"ck_{table}_{name}"), sa.text(holds))


def _end_what_waits() -> None:
    """End the queued tasks; the asker gets the message that there is no such choice."""
    connection, now = op.get_bind(), time.time_ns() // 1_000_000
    waiting = f"state = 'queued' AND NOT ({SIZE} AND {VARIANTS})"
    ids = [row.id for row in connection.execute(sa.text(f"SELECT id FROM tasks WHERE {waiting}"))]  # noqa: S608  # constants
    for task_id in ids:
        ended = (
            "UPDATE tasks SET state = 'settled', settled_at = :now, reason = 'choice_unknown', charged = :no, "
            "due_at = :now, owner = NULL, lease_until = 0, failures = 0 WHERE id = :id"
        )
        connection.execute(sa.text(ended), {"now": now, "no": False, "id": task_id})
        event = (
            "INSERT INTO task_events (task_id, at, before, after, why) "
            "VALUES (:id, :now, 'queued', 'settled', 'a value that was never offered')"
        )
        connection.execute(sa.text(event), {"id": task_id, "now": now})


def _count_what_was_made() -> None:
    """Give each other task as many pictures as the image API can have made, four at most, and reset the other values
    of tasks that are out of bounds."""
    op.execute(f"UPDATE tasks SET size = '1:1' WHERE NOT ({SIZE})")  # noqa: S608  # constants
    op.execute(
        "UPDATE tasks SET variants = CASE WHEN variants < 2 THEN 1 WHEN variants < 4 THEN 2 ELSE 4 END "  # noqa: S608
        f"WHERE NOT ({VARIANTS})"
    )
    op.execute("UPDATE spendings SET pictures = 0 WHERE pictures < 0")
    for column in ("parent_picture", "batch_position"):
        op.execute(f"UPDATE tasks SET {column} = NULL WHERE {column} < 0")  # noqa: S608  # constants
    for table, column in (("tasks", "upload_limit"), ("tasks", "failures"), ("tasks", "faults")):
        op.execute(f"UPDATE {table} SET {column} = 0 WHERE {column} < 0")  # noqa: S608  # constants


def _forget_what_was_chosen() -> None:
    for table in ("guild_settings", "styles"):
        op.execute(f"UPDATE {table} SET size = NULL WHERE NOT ({SIZE})")  # noqa: S608  # constants
        op.execute(f"UPDATE {table} SET variants = NULL WHERE NOT ({VARIANTS})")  # noqa: S608  # constants
    op.execute(
        "UPDATE guild_settings SET greatest_batch = NULL WHERE NOT (greatest_batch >= 1 AND greatest_batch <= 20)"
    )


def _mend_measures() -> None:
    """Reset measures that a forged file declared or that were never measured, and delete input pictures beyond the
    sixth position."""
    op.execute("UPDATE task_references SET declared_bytes = 0 WHERE declared_bytes < 0")
    op.execute("DELETE FROM task_references WHERE NOT (position >= 0 AND position <= 5)")
    for table in UNMEASURED:
        for column, holds in (("bytes", BYTES), ("width", WIDTH), ("height", HEIGHT)):
            op.execute(f"UPDATE {table} SET {column} = NULL WHERE NOT ({holds})")  # noqa: S608  # constants
