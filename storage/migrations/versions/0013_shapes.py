"""Store that a task takes the size of its first picture, and what became of parameters in the typed words."""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa
from alembic import op

revision: Final = "0013"
down_revision: Final = "0012"


def upgrade() -> None:
    op.add_column("tasks", sa.Column("fits_picture", sa.Boolean, nullable=False, server_default=sa.false()))
    op.add_column("tasks", sa.Column("parameters", sa.JSON, nullable=False, server_default="{}"))
