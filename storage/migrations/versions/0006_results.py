"""Retry the download of results for as long as the image API keeps them."""

from __future__ import annotations

import time
from typing import Final

import sqlalchemy as sa
from alembic import op

revision: Final = "0006"
down_revision: Final = "0005"

KEPT_MS: Final = 14 * 24 * 60 * 60 * 1000
"""API: results are kept for 14 days (ms)."""


def upgrade() -> None:
    with op.batch_alter_table("pictures") as table:
        table.add_column(sa.Column("tries", sa.Integer, nullable=False, server_default="0"))
        table.add_column(sa.Column("due_at", sa.BigInteger))
        table.add_column(sa.Column("late_at", sa.BigInteger))
    op.create_index("ix_pictures_due_at", "pictures", ["due_at"])
    _try_again()


def _try_again() -> None:
    """Make pictures that the previous release delivered as links due at once, if the image API may still have them."""
    tasks = sa.table("tasks", sa.column("id"), sa.column("settled_at"))
    pictures = sa.table("pictures", sa.column("task_id"), sa.column("unfetchable"), sa.column("due_at"))
    now = time.time_ns() // 1_000_000
    recent = sa.select(tasks.c.id).where(tasks.c.settled_at > now - KEPT_MS)
    missing = sa.and_(pictures.c.unfetchable.is_(sa.true()), pictures.c.task_id.in_(recent))
    op.execute(sa.update(pictures).where(missing).values(due_at=now))
