"""Store whether a task began with a spoiler."""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa
from alembic import op

revision: Final = "0014"
down_revision: Final = "0013"


def upgrade() -> None:
    op.add_column("tasks", sa.Column("spoiler", sa.Boolean, nullable=False, server_default=sa.false()))
