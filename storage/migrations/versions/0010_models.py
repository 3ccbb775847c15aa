"""Store which model of which provider makes the pictures of a task."""

from __future__ import annotations

import json
from typing import Any, Final

import sqlalchemy as sa
from alembic import op

revision: Final = "0010"
down_revision: Final = "0009"

OF_REQUEST: Final = ("prompt", "size", "variants", "enhance", "fallback", "style", "references")
"""Fields of a stored request that are now together in its field `request`."""


def upgrade() -> None:
    for table in ("tasks", "creates"):
        op.add_column(table, sa.Column("provider", sa.String(32), nullable=False, server_default="kie"))
    op.add_column("tasks", sa.Column("model", sa.String(64), nullable=False, server_default="4o"))
    connection = op.get_bind()
    batches = sa.table("batches", sa.column("id", sa.String), sa.column("request", sa.JSON))
    for row in connection.execute(sa.select(batches)).all():
        stored = json.loads(row.request) if isinstance(row.request, str) else row.request
        changed = batches.update().where(batches.c.id == row.id).values(request=_nested(stored))
        connection.execute(changed)


def _nested(stored: dict[str, Any]) -> dict[str, Any]:
    request = {name: stored[name] for name in OF_REQUEST if name in stored}
    origin = {name: value for name, value in stored.items() if name not in OF_REQUEST}
    return {**origin, "request": {"model": "4o", **request}}
