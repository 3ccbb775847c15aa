"""Store which batches could not be delivered by any route, and by which interaction their asker comes for them."""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa
from alembic import op

revision: Final = "0016"
down_revision: Final = "0015"


def upgrade() -> None:
    op.add_column("batches", sa.Column("undelivered_at", sa.BigInteger))
    op.add_column("batches", sa.Column("collect_token", sa.Text))
    op.add_column("batches", sa.Column("collect_at", sa.BigInteger))
