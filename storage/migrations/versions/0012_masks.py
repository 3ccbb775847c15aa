"""Store how much of a picture a mask changes."""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa
from alembic import op

revision: Final = "0012"
down_revision: Final = "0011"


def upgrade() -> None:
    op.add_column("task_references", sa.Column("change_share", sa.Float))
