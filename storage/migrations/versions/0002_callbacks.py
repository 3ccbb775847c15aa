"""Store to which create a callback belongs, and keep outcomes until their asker returns."""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa
from alembic import op

revision: Final = "0002"
down_revision: Final = "0001"


def upgrade() -> None:
    with op.batch_alter_table("tasks") as table:
        table.add_column(sa.Column("unconfirmed_at", sa.BigInteger))
        table.add_column(sa.Column("claimed_kie_id", sa.Text))
        table.add_column(sa.Column("kept_at", sa.BigInteger))
        table.add_column(sa.Column("collect_token", sa.Text))
        table.add_column(sa.Column("collect_at", sa.BigInteger))
    with op.batch_alter_table("creates") as table:
        table.add_column(sa.Column("token_digest", sa.String(64)))
        table.add_column(sa.Column("kie_id", sa.Text))
        table.add_column(sa.Column("called_back_at", sa.BigInteger))
        table.create_unique_constraint("uq_creates_token_digest", ["token_digest"])
        table.create_index("ix_creates_kie_id", ["kie_id"])
    op.create_index("ix_tasks_reason_settled_at", "tasks", ["reason", "settled_at"])
    op.create_index("ix_tasks_claimed_kie_id", "tasks", ["claimed_kie_id"])
