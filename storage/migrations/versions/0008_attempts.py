"""Count attempts of work that may kill the process, before the work begins."""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa
from alembic import op

revision: Final = "0008"
down_revision: Final = "0006"


def upgrade() -> None:
    op.add_column("tasks", sa.Column("attempts", sa.Integer, nullable=False, server_default="0"))
    op.create_table(
        "attempts",
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("subject", sa.String(64), nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("owner", sa.String(128), nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("kind", "subject", name="pk_attempts"),
    )
