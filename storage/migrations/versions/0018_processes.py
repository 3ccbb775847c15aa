"""Store which processes of the bot run and which shards each has, when the image API answered a create, and from which
backup a task was restored."""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa
from alembic import op

revision: Final = "0018"
down_revision: Final = "0017"


def upgrade() -> None:
    op.create_table(
        "processes",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("shard_count", sa.Integer),
        sa.Column("shard_ids", sa.JSON, nullable=False, server_default="[]"),
        sa.Column("started_at", sa.BigInteger, nullable=False),
        sa.Column("seen_at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_processes"),
    )
    with op.batch_alter_table("creates") as batch:
        batch.add_column(sa.Column("answered_at", sa.BigInteger))
    with op.batch_alter_table("tasks") as batch:
        batch.add_column(sa.Column("backed_up_at", sa.BigInteger))
    op.execute("UPDATE creates SET answered_at = at")
    op.create_index("ix_creates_answered_at_at", "creates", ["answered_at", "at"])
