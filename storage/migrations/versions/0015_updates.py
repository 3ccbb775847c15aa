"""Store when the last update of a task's messages was asked for."""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa
from alembic import op

revision: Final = "0015"
down_revision: Final = "0014"


def upgrade() -> None:
    op.add_column("tasks", sa.Column("sync_asked_at", sa.BigInteger))
    op.execute("UPDATE tasks SET sync_asked_at = sync_at WHERE sync_at IS NOT NULL")
