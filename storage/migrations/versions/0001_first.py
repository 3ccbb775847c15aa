"""The first tables: tasks and what belongs to them, facts."""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa
from alembic import op

revision: Final = "0001"
down_revision: Final = None

TASK_INDEXES: Final = (
    ("state", "due_at"),
    ("asker_id", "state"),
    ("asker_id", "created_at"),
    ("guild_id", "created_at"),
    ("channel_id", "created_at"),
    ("created_at",),
    ("settled_at",),
    ("again_of",),
    ("kie_id",),
)


def upgrade() -> None:
    _tasks()
    _creates()
    _references()
    _pictures()
    _outcome_parts()
    _task_events()
    _facts()


def _tasks() -> None:
    op.create_table(
        "tasks",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("interaction_id", sa.BigInteger, nullable=False),
        sa.Column("interaction_token", sa.Text, nullable=False),
        sa.Column("arrived_at", sa.BigInteger, nullable=False),
        sa.Column("asker_id", sa.BigInteger, nullable=False),
        sa.Column("channel_id", sa.BigInteger, nullable=False),
        sa.Column("guild_id", sa.BigInteger),
        sa.Column("locale", sa.String(16), nullable=False),
        sa.Column("guild_locale", sa.String(16)),
        sa.Column("upload_limit", sa.BigInteger, nullable=False),
        sa.Column("prompt", sa.Text, nullable=False),
        sa.Column("size", sa.String(16), nullable=False),
        sa.Column("variants", sa.Integer, nullable=False),
        sa.Column("enhance", sa.Boolean, nullable=False),
        sa.Column("fallback", sa.Boolean, nullable=False),
        sa.Column("again_of", sa.String(32)),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        *_life(),
        sa.PrimaryKeyConstraint("id", name="pk_tasks"),
        sa.UniqueConstraint("interaction_id", name="uq_tasks_interaction_id"),
        sa.ForeignKeyConstraint(["again_of"], ["tasks.id"], name="fk_tasks_again_of", ondelete="SET NULL"),
    )
    for columns in TASK_INDEXES:
        op.create_index(f"ix_tasks_{'_'.join(columns)}", "tasks", list(columns))


def _life() -> list[sa.Column[object]]:
    """Return the columns of a task that change."""
    return [
        sa.Column("due_at", sa.BigInteger, nullable=False),
        sa.Column("owner", sa.String(128)),
        sa.Column("lease_until", sa.BigInteger, nullable=False),
        sa.Column("failures", sa.Integer, nullable=False),
        sa.Column("faults", sa.Integer, nullable=False),
        sa.Column("prepared_at", sa.BigInteger),
        sa.Column("by_upload", sa.Boolean, nullable=False),
        sa.Column("kie_id", sa.Text),
        sa.Column("generating_at", sa.BigInteger),
        sa.Column("progress", sa.Float, nullable=False),
        sa.Column("overdue_told_at", sa.BigInteger),
        sa.Column("settled_at", sa.BigInteger),
        sa.Column("reason", sa.String(64)),
        sa.Column("reason_parameters", sa.JSON, nullable=False),
        sa.Column("charged", sa.Boolean, nullable=False),
        sa.Column("closed_at", sa.BigInteger),
        sa.Column("card_message_id", sa.BigInteger),
    ]


def _of_task(table: str) -> list[sa.schema.SchemaItem]:
    """Return the columns of a row of `table` that belongs to a task and is deleted with the task."""
    return [
        sa.Column("task_id", sa.String(32), nullable=False),
        sa.ForeignKeyConstraint(["task_id"], ["tasks.id"], name=f"fk_{table}_task_id", ondelete="CASCADE"),
    ]


def _creates() -> None:
    op.create_table(
        "creates",
        sa.Column("id", sa.Integer, nullable=False),
        *_of_task("creates"),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_creates"),
    )
    op.create_index("ix_creates_task_id", "creates", ["task_id"])
    op.create_index("ix_creates_at", "creates", ["at"])


def _references() -> None:
    op.create_table(
        "task_references",
        *_of_task("task_references"),
        sa.Column("position", sa.Integer, nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("url", sa.Text, nullable=False),
        sa.Column("filename", sa.Text, nullable=False),
        sa.Column("declared_type", sa.Text),
        sa.Column("declared_bytes", sa.BigInteger, nullable=False),
        sa.Column("kept_key", sa.Text),
        *_copy(),
        sa.Column("uploaded_url", sa.Text),
        sa.Column("uploaded_at", sa.BigInteger),
        sa.PrimaryKeyConstraint("task_id", "position", name="pk_task_references"),
    )


def _pictures() -> None:
    op.create_table(
        "pictures",
        *_of_task("pictures"),
        sa.Column("position", sa.Integer, nullable=False),
        sa.Column("url", sa.Text, nullable=False),
        *_copy(),
        sa.Column("unfetchable", sa.Boolean, nullable=False),
        sa.PrimaryKeyConstraint("task_id", "position", name="pk_pictures"),
    )


def _copy() -> list[sa.Column[object]]:
    """Return the columns of the bot's own copy of a picture; NULL until there is a copy."""
    return [
        sa.Column("key", sa.Text),
        sa.Column("content_type", sa.String(64)),
        sa.Column("bytes", sa.BigInteger),
        sa.Column("width", sa.Integer),
        sa.Column("height", sa.Integer),
    ]


def _outcome_parts() -> None:
    op.create_table(
        "outcome_parts",
        *_of_task("outcome_parts"),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("pictures", sa.JSON, nullable=False),
        sa.Column("nonce", sa.String(32), nullable=False),
        sa.Column("route", sa.String(16), nullable=False),
        sa.Column("attempted_at", sa.BigInteger),
        sa.Column("message_id", sa.BigInteger),
        sa.Column("message_channel_id", sa.BigInteger),
        sa.PrimaryKeyConstraint("task_id", "number", name="pk_outcome_parts"),
    )


def _task_events() -> None:
    op.create_table(
        "task_events",
        sa.Column("id", sa.Integer, nullable=False),
        *_of_task("task_events"),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("before", sa.String(16)),
        sa.Column("after", sa.String(16), nullable=False),
        sa.Column("why", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_task_events"),
    )
    op.create_index("ix_task_events_task_id", "task_events", ["task_id"])


def _facts() -> None:
    op.create_table(
        "facts",
        sa.Column("name", sa.String(128), nullable=False),
        sa.Column("value", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_facts"),
    )
