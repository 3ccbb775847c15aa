"""
Tables for the community features: tasks derived from others, servers' settings and styles, batches, galleries,
reports.
"""

from __future__ import annotations

from typing import Any, Final

import sqlalchemy as sa
from alembic import op

revision: Final = "0003"
down_revision: Final = "0002"


def upgrade() -> None:
    _batches()
    _tasks()
    _guilds()
    _reference_sets()
    _drafts()
    _postings()
    _reports()
    _erasures()


def _tasks() -> None:
    with op.batch_alter_table("tasks") as table:
        table.add_column(sa.Column("private", sa.Boolean, nullable=False, server_default=sa.false()))
        table.add_column(sa.Column("reach", sa.String(16), nullable=False, server_default="channel"))
        table.add_column(sa.Column("kinship", sa.String(16)))
        table.add_column(sa.Column("parent_id", sa.String(32)))
        table.add_column(sa.Column("parent_picture", sa.Integer))
        table.add_column(sa.Column("family_id", sa.String(32)))
        table.add_column(sa.Column("style", sa.Text))
        table.add_column(sa.Column("batch_id", sa.String(32)))
        table.add_column(sa.Column("batch_position", sa.Integer))
        table.add_column(sa.Column("unwanted_at", sa.BigInteger))
        table.add_column(sa.Column("hidden_at", sa.BigInteger))
        table.add_column(sa.Column("removed_at", sa.BigInteger))
        table.add_column(sa.Column("removed_by", sa.BigInteger))
        table.add_column(sa.Column("upkeep_at", sa.BigInteger))
        table.create_foreign_key("fk_tasks_parent_id", "tasks", ["parent_id"], ["id"], ondelete="SET NULL")
        table.create_foreign_key("fk_tasks_batch_id", "batches", ["batch_id"], ["id"], ondelete="SET NULL")
    op.create_index("ix_outcome_parts_message_id", "outcome_parts", ["message_id"])
    for columns in (("parent_id",), ("family_id", "created_at"), ("batch_id", "batch_position"), ("upkeep_at",)):
        op.create_index(f"ix_tasks_{'_'.join(columns)}", "tasks", list(columns))


def _guilds() -> None:
    op.create_table(
        "guild_settings",
        sa.Column("guild_id", sa.BigInteger, nullable=False),
        sa.Column("channels", sa.JSON, nullable=False),
        sa.Column("gallery_channel_id", sa.BigInteger),
        sa.Column("moderators_channel_id", sa.BigInteger),
        sa.Column("greatest_batch", sa.Integer),
        sa.Column("size", sa.String(16)),
        sa.Column("variants", sa.Integer),
        sa.Column("language", sa.String(16)),
        sa.PrimaryKeyConstraint("guild_id", name="pk_guild_settings"),
    )
    op.create_table(
        "setting_changes",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("guild_id", sa.BigInteger, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("by", sa.BigInteger, nullable=False),
        sa.Column("setting", sa.String(64), nullable=False),
        sa.Column("before", sa.JSON),
        sa.Column("after", sa.JSON),
        sa.PrimaryKeyConstraint("id", name="pk_setting_changes"),
    )
    op.create_index("ix_setting_changes_guild_id", "setting_changes", ["guild_id"])
    op.create_table(
        "styles",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("guild_id", sa.BigInteger, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("folded", sa.Text, nullable=False),
        sa.Column("template", sa.Text, nullable=False),
        sa.Column("size", sa.String(16)),
        sa.Column("variants", sa.Integer),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("changed_at", sa.BigInteger, nullable=False),
        sa.Column("changed_by", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_styles"),
        sa.UniqueConstraint("guild_id", "folded", name="uq_styles_guild_id"),
    )
    op.create_table(
        "style_pictures",
        sa.Column("style_id", sa.String(32), nullable=False),
        *_kept_picture(),
        sa.PrimaryKeyConstraint("style_id", name="pk_style_pictures"),
        sa.ForeignKeyConstraint(["style_id"], ["styles.id"], name="fk_style_pictures_style_id", ondelete="CASCADE"),
    )


def _reference_sets() -> None:
    op.create_table(
        "reference_sets",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("owner_id", sa.BigInteger, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("folded", sa.Text, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_reference_sets"),
        sa.UniqueConstraint("owner_id", "folded", name="uq_reference_sets_owner_id"),
    )
    op.create_table(
        "set_pictures",
        sa.Column("set_id", sa.String(32), nullable=False),
        sa.Column("position", sa.Integer, nullable=False),
        *_kept_picture(),
        sa.PrimaryKeyConstraint("set_id", "position", name="pk_set_pictures"),
        sa.ForeignKeyConstraint(["set_id"], ["reference_sets.id"], name="fk_set_pictures_set_id", ondelete="CASCADE"),
    )


def _kept_picture() -> tuple[sa.Column[Any], ...]:
    return (
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("filename", sa.Text, nullable=False),
        sa.Column("content_type", sa.String(64), nullable=False),
        sa.Column("bytes", sa.BigInteger, nullable=False),
        sa.Column("width", sa.Integer, nullable=False),
        sa.Column("height", sa.Integer, nullable=False),
    )


def _batches() -> None:
    op.create_table(
        "batches",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("interaction_id", sa.BigInteger, nullable=False),
        sa.Column("asker_id", sa.BigInteger, nullable=False),
        sa.Column("channel_id", sa.BigInteger, nullable=False),
        sa.Column("guild_id", sa.BigInteger),
        sa.Column("prompt", sa.Text, nullable=False),
        sa.Column("tasks", sa.Integer, nullable=False),
        sa.Column("words", sa.JSON, nullable=False),
        sa.Column("request", sa.JSON, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("begun_at", sa.BigInteger),
        sa.Column("due_at", sa.BigInteger),
        sa.Column("owner", sa.String(32)),
        sa.Column("lease_until", sa.BigInteger, nullable=False),
        sa.Column("failures", sa.Integer, nullable=False),
        sa.Column("route", sa.String(16), nullable=False),
        sa.Column("ending_nonce", sa.String(32), nullable=False),
        sa.Column("ending_attempted_at", sa.BigInteger),
        sa.Column("closed_at", sa.BigInteger),
        sa.PrimaryKeyConstraint("id", name="pk_batches"),
        sa.UniqueConstraint("interaction_id", name="uq_batches_interaction_id"),
    )
    for column in ("asker_id", "due_at"):
        op.create_index(f"ix_batches_{column}", "batches", [column])
    op.create_table(
        "batch_messages",
        sa.Column("batch_id", sa.String(32), nullable=False),
        sa.Column("route", sa.String(16), nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("nonce", sa.String(32), nullable=False),
        sa.Column("attempted_at", sa.BigInteger),
        sa.Column("message_id", sa.BigInteger),
        sa.Column("message_channel_id", sa.BigInteger),
        sa.Column("shows", sa.String(32)),
        sa.Column("shown_at", sa.BigInteger),
        sa.PrimaryKeyConstraint("batch_id", "route", "number", name="pk_batch_messages"),
        sa.ForeignKeyConstraint(["batch_id"], ["batches.id"], name="fk_batch_messages_batch_id", ondelete="CASCADE"),
    )
    op.create_index("ix_batch_messages_message_id", "batch_messages", ["message_id"])


def _drafts() -> None:
    op.create_table(
        "drafts",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("person_id", sa.BigInteger, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("pictures", sa.JSON, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_drafts"),
    )
    for column in ("person_id", "at"):
        op.create_index(f"ix_drafts_{column}", "drafts", [column])


def _postings() -> None:
    op.create_table(
        "postings",
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
        sa.PrimaryKeyConstraint("id", name="pk_postings"),
        sa.UniqueConstraint("once", name="uq_postings_once"),
        sa.ForeignKeyConstraint(["task_id"], ["tasks.id"], name="fk_postings_task_id", ondelete="CASCADE"),
    )
    for column in ("task_id", "due_at", "message_id"):
        op.create_index(f"ix_postings_{column}", "postings", [column])


def _reports() -> None:
    op.create_table(
        "reported",
        sa.Column("task_id", sa.String(32), nullable=False),
        sa.Column("guild_id", sa.BigInteger, nullable=False, autoincrement=False),
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
        sa.PrimaryKeyConstraint("task_id", "guild_id", name="pk_reported"),
        sa.ForeignKeyConstraint(["task_id"], ["tasks.id"], name="fk_reported_task_id", ondelete="CASCADE"),
    )
    op.create_index("ix_reported_due_at", "reported", ["due_at"])
    op.create_table(
        "reports",
        sa.Column("task_id", sa.String(32), nullable=False),
        sa.Column("guild_id", sa.BigInteger, nullable=False, autoincrement=False),
        sa.Column("reporter_id", sa.BigInteger, nullable=False, autoincrement=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("why", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("task_id", "guild_id", "reporter_id", name="pk_reports"),
        sa.ForeignKeyConstraint(["task_id"], ["tasks.id"], name="fk_reports_task_id", ondelete="CASCADE"),
    )


def _erasures() -> None:
    op.create_table(
        "erasures",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("person_id", sa.BigInteger),
        sa.Column("asked_at", sa.BigInteger, nullable=False),
        sa.Column("removes", sa.Boolean, nullable=False),
        sa.Column("locale", sa.String(16), nullable=False),
        sa.Column("interaction_token", sa.Text),
        sa.Column("due_at", sa.BigInteger),
        sa.Column("done_at", sa.BigInteger),
        sa.Column("counts", sa.JSON, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_erasures"),
    )
    for column in ("person_id", "due_at"):
        op.create_index(f"ix_erasures_{column}", "erasures", [column])
    op.create_table(
        "spendings",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("person_id", sa.BigInteger, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("pictures", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_spendings"),
    )
    for column in ("person_id", "at"):
        op.create_index(f"ix_spendings_{column}", "spendings", [column])
