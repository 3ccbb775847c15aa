"""Store the owner of each reference, where a batch's closing message is, and how far an erasure is."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

import sqlalchemy as sa
from alembic import op

revision: Final = "0005"
down_revision: Final = "0004"

NOBODY: Final = 0
_AVATAR: Final = re.compile(r"/(?:avatars|users)/(\d{15,20})/")
"""The person's id in Discord's URLs of avatars."""
_RESULT: Final = re.compile(r"atelier-[0-9a-f]{16}-\d+(?:\.|$)")
"""File name of a picture that the bot made."""
_SOURCE: Final = re.compile(r"references/([^/]+)/(\d+)")


def upgrade() -> None:
    with op.batch_alter_table("task_references") as table:
        table.add_column(sa.Column("owner_id", sa.BigInteger))
    op.create_index("ix_task_references_owner_id", "task_references", ["owner_id"])
    with op.batch_alter_table("batches") as table:
        table.add_column(sa.Column("ending_message_id", sa.BigInteger))
        table.add_column(sa.Column("ending_channel_id", sa.BigInteger))
    with op.batch_alter_table("erasures") as table:
        table.add_column(sa.Column("marked_at", sa.BigInteger))
    _say_whose()


def _say_whose() -> None:
    """Set the owners of all references, oldest first: a repeated request has the owners of the first one."""
    connection = op.get_bind()
    rows = connection.execute(
        sa.text(
            "SELECT r.task_id, r.position, r.url, r.filename, r.kept_key, t.asker_id, t.again_of, t.kinship"
            " FROM task_references r JOIN tasks t ON t.id = r.task_id ORDER BY t.created_at, t.id, r.position"
        )
    ).mappings()
    owners: dict[tuple[str, int], int] = {}
    for row in rows:
        owners[row["task_id"], row["position"]] = _owner(dict(row), owners)
    if owners:
        statement = sa.text("UPDATE task_references SET owner_id = :owner WHERE task_id = :task AND position = :at")
        written = [{"task": task, "at": at, "owner": owner} for (task, at), owner in owners.items()]
        connection.execute(statement, written)


def _owner(row: Mapping[str, Any], owners: Mapping[tuple[str, int], int]) -> int:
    """Return the owner of a reference; `NOBODY` for a result, for a style's picture, and for a picture of an earlier
    request that is gone, because its asker was erased."""
    asker_id: int = row["asker_id"]
    key: str = row["kept_key"] or ""
    if found := _SOURCE.fullmatch(key):
        return owners.get((found[1], int(found[2])), NOBODY)
    if row["kinship"] == "again" or row["again_of"] is not None:
        return owners.get((row["again_of"], row["position"]), NOBODY)
    if key.startswith(("styles/", "pictures/")) or _RESULT.match(row["filename"]):
        return NOBODY
    avatar = _AVATAR.search(row["url"])
    return int(avatar[1]) if avatar else asker_id
