"""Store how the copy of an input picture differs from the attached file."""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa
from alembic import op

revision: Final = "0011"
down_revision: Final = "0010"

COLUMNS: Final = ("is_converted", "is_first_frame", "is_reduced", "is_cut")


def upgrade() -> None:
    for column in COLUMNS:
        op.add_column("task_references", sa.Column(column, sa.Boolean, nullable=False, server_default=sa.false()))
