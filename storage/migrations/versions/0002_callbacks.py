"""Callbacks belong to one create; outcomes may wait for their asker."""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa
from alembic import op

revision: Final = "0002"
down_revision: Final = "0001"


def upgrade() -> None:
    with op.batch_alter_table("tasks") as table:
        table.add_column(sa.Column("unconfirmed_at", sa.BigInteger))
        table.add_column(sa.Column("kept_at", sa.BigInteger))
    with op.batch_alter_table("creates") as table:
        table.add_column(sa.Column("token_digest", sa.String(64)))
        table.add_column(sa.Column("kie_id", sa.Text))
        table.add_column(sa.Column("called_back_at", sa.BigInteger))
        table.create_unique_constraint("uq_creates_token_digest", ["token_digest"])
