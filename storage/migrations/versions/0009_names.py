"""Rename columns and tables, so that each has the name that the code uses."""

from __future__ import annotations

import json
from typing import Any, Final

import sqlalchemy as sa
from alembic import op

revision: Final = "0009"
down_revision: Final = "0008"

COLUMNS: Final = (
    ("tasks", "kie_id", "job_id"),
    ("tasks", "claimed_kie_id", "claimed_job_id"),
    ("tasks", "kinship", "derivation"),
    ("tasks", "kept_at", "undelivered_at"),
    ("tasks", "unwanted_at", "withheld_at"),
    ("tasks", "overdue_told_at", "overdue_notified_at"),
    ("tasks", "upkeep_at", "sync_at"),
    ("creates", "kie_id", "job_id"),
    ("task_references", "kept_key", "stored_key"),
)
"""Table, old name, new name."""
INDEXED: Final = frozenset({"kie_id", "claimed_kie_id", "upkeep_at"})
WORK_KINDS: Final = (("posting", "repost"), ("upkeep", "message_sync"))


def upgrade() -> None:
    for table, before, after in COLUMNS:
        if before in INDEXED:
            op.drop_index(op.f(f"ix_{table}_{before}"), table_name=table)
        op.execute(f"ALTER TABLE {table} RENAME COLUMN {before} TO {after}")
        if before in INDEXED:
            op.create_index(op.f(f"ix_{table}_{after}"), table, [after])
    _move("facts", _key_values())
    _move("postings", _reposts(), "task_id", "due_at", "message_id")
    _move("reported", _report_cases(), "due_at")
    for before, after in WORK_KINDS:
        op.execute(
            sa.text("UPDATE attempts SET kind = :after WHERE kind = :before").bindparams(before=before, after=after)
        )
    _rename_in_requests()


def _move(before: str, after: sa.Table, *indexed: str) -> None:
    """Move the rows to a table of the new name; only so do constraints get their new names in SQLite, too."""
    columns = ", ".join(f'"{column.name}"' for column in after.columns)
    op.execute(f"INSERT INTO {after.name} ({columns}) SELECT {columns} FROM {before}")  # noqa: S608  # constants
    op.drop_table(before)
    for column in indexed:
        op.create_index(op.f(f"ix_{after.name}_{column}"), after.name, [column])


def _key_values() -> sa.Table:
    return op.create_table(
        "key_values",
        sa.Column("name", sa.String(128), nullable=False),
        sa.Column("value", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_key_values"),
    )


def _reposts() -> sa.Table:
    return op.create_table(
        "reposts",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("task_id", sa.String(32), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("once", sa.String(64), nullable=False),
        sa.Column("channel_id", sa.BigInteger, nullable=False),
        sa.Column("guild_id", sa.BigInteger),
        sa.Column("locale", sa.String(16), nullable=False),
        sa.Column("upload_limit", sa.BigInteger, nullable=False),
        sa.Column("asked_by", sa.BigInteger, nullable=False),
        sa.Column("asked_at", sa.BigInteger, nullable=False),
        sa.Column("due_at", sa.BigInteger),
        sa.Column("failures", sa.Integer, nullable=False),
        sa.Column("nonce", sa.String(32), nullable=False),
        sa.Column("attempted_at", sa.BigInteger),
        sa.Column("message_id", sa.BigInteger),
        sa.Column("hidden_at", sa.BigInteger),
        sa.Column("removed_at", sa.BigInteger),
        sa.PrimaryKeyConstraint("id", name="pk_reposts"),
        sa.ForeignKeyConstraint(["task_id"], ["tasks.id"], name="fk_reposts_task_id", ondelete="CASCADE"),
        sa.UniqueConstraint("once", name="uq_reposts_once"),
        sa.CheckConstraint("upload_limit >= 0", name=op.f("ck_reposts_upload_limit")),
        sa.CheckConstraint("failures >= 0", name=op.f("ck_reposts_failures")),
    )


def _report_cases() -> sa.Table:
    return op.create_table(
        "report_cases",
        sa.Column("task_id", sa.String(32), nullable=False),
        sa.Column("guild_id", sa.BigInteger, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("locale", sa.String(16), nullable=False),
        sa.Column("seen_channel_id", sa.BigInteger, nullable=False),
        sa.Column("seen_message_id", sa.BigInteger, nullable=False),
        sa.Column("opened_at", sa.BigInteger, nullable=False),
        sa.Column("decided_by", sa.BigInteger),
        sa.Column("decided_at", sa.BigInteger),
        sa.Column("due_at", sa.BigInteger),
        sa.Column("failures", sa.Integer, nullable=False),
        sa.Column("nonce", sa.String(32), nullable=False),
        sa.Column("attempted_at", sa.BigInteger),
        sa.Column("channel_id", sa.BigInteger),
        sa.Column("message_id", sa.BigInteger),
        sa.PrimaryKeyConstraint("task_id", "guild_id", name="pk_report_cases"),
        sa.ForeignKeyConstraint(["task_id"], ["tasks.id"], name="fk_report_cases_task_id", ondelete="CASCADE"),
        sa.CheckConstraint("failures >= 0", name=op.f("ck_report_cases_failures")),
    )


def _rename_in_requests() -> None:
    """Rename the fields of the requests that batches store as JSON."""
    connection = op.get_bind()
    batches = sa.table("batches", sa.column("id", sa.String), sa.column("request", sa.JSON))
    for row in connection.execute(sa.select(batches)).all():
        request = json.loads(row.request) if isinstance(row.request, str) else row.request
        changed = batches.update().where(batches.c.id == row.id).values(request=_renamed(request))
        connection.execute(changed)


def _renamed(request: dict[str, Any]) -> dict[str, Any]:
    renamed = {"derivation" if name == "kinship" else name: value for name, value in request.items()}
    if "references" in renamed:
        renamed["references"] = [
            {"stored_key" if name == "kept_key" else name: value for name, value in reference.items()}
            for reference in renamed["references"]
        ]
    return renamed
