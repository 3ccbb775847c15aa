"""
The tables. Times are milliseconds since the epoch; Discord ids fit into 64 bits.

The columns of a table have the names of the fields of its dataclass in `models` or `community`, because `rows.values`
passes them on by name: a new column is also a new field. A change of this file also needs a new file in
`migrations/versions`; a test compares the two.
"""

from __future__ import annotations

from enum import Enum
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import Dialect

from storage.bounds import GREATEST_BATCH, MOST_STORED_REFERENCES
from storage.catalogue import DEFAULT
from storage.community import ReportState, RepostKind
from storage.models import CreateState, Derivation, Reach, ReferenceKind, Route, TaskState

NAMES: Final = {
    "pk": "pk_%(table_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s",
    "uq": "uq_%(table_name)s_%(column_0_name)s",
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
}
"""Every constraint has a name, so that a later migration can refer to it."""

metadata = sa.MetaData(naming_convention=NAMES)


class Positions(sa.types.TypeDecorator[tuple[int, ...]]):
    """A tuple of integers (positions of pictures, ids of channels), as a JSON array."""

    impl = sa.JSON
    cache_ok = True

    def process_bind_param(self, value: tuple[int, ...] | None, dialect: Dialect) -> list[int] | None:
        return None if value is None else list(value)

    def process_result_value(self, value: list[int] | None, dialect: Dialect) -> tuple[int, ...] | None:
        return None if value is None else tuple(value)


class TextList(sa.types.TypeDecorator[tuple[str, ...]]):
    """A tuple of texts (keys of models, addresses), as a JSON array."""

    impl = sa.JSON
    cache_ok = True

    def process_bind_param(self, value: tuple[str, ...] | None, dialect: Dialect) -> list[str] | None:
        return None if value is None else list(value)

    def process_result_value(self, value: list[str] | None, dialect: Dialect) -> tuple[str, ...] | None:
        return None if value is None else tuple(value)


def _word(kind: type[Enum]) -> sa.Enum:
    """Return a column type that stores a StrEnum as its text. It has no constraint in the database, so that a new
    value does not need a rebuilt table."""
    return sa.Enum(kind, native_enum=False, length=16, values_callable=lambda words: [word.value for word in words])


def _at_least(least: int, *columns: str) -> list[sa.CheckConstraint]:
    return [sa.CheckConstraint(f"{column} >= {least}", name=column) for column in columns]


def _between(column: str, least: int, most: int) -> sa.CheckConstraint:
    return sa.CheckConstraint(f"{column} >= {least} AND {column} <= {most}", name=column)


def _measured() -> list[sa.CheckConstraint]:
    """Return the constraints of a picture: at least 0 bytes, and sides of at least 1 pixel."""
    return [*_at_least(0, "bytes"), *_at_least(1, "width", "height")]


def _kept_picture() -> tuple[sa.Column[Any], ...]:
    """Return the columns of a picture with a stored copy."""
    return (
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("filename", sa.Text, nullable=False),
        sa.Column("content_type", sa.String(64), nullable=False),
        sa.Column("bytes", sa.BigInteger, nullable=False),
        sa.Column("width", sa.Integer, nullable=False),
        sa.Column("height", sa.Integer, nullable=False),
    )


def _task_key() -> sa.Column[str]:
    return sa.Column("task_id", sa.String(32), sa.ForeignKey("tasks.id", ondelete="CASCADE"), primary_key=True)


tasks = sa.Table(
    "tasks",
    metadata,
    sa.Column("id", sa.String(32), primary_key=True),
    sa.Column("state", _word(TaskState), nullable=False),
    sa.Column("interaction_id", sa.BigInteger, nullable=False, unique=True),
    sa.Column("interaction_token", sa.Text, nullable=False),
    sa.Column("arrived_at", sa.BigInteger, nullable=False),
    sa.Column("asker_id", sa.BigInteger, nullable=False),
    sa.Column("channel_id", sa.BigInteger, nullable=False),
    sa.Column("guild_id", sa.BigInteger),
    sa.Column("locale", sa.String(16), nullable=False),
    sa.Column("guild_locale", sa.String(16)),
    sa.Column("upload_limit", sa.BigInteger, nullable=False),
    sa.Column("provider", sa.String(32), nullable=False, server_default=DEFAULT.form.value),
    sa.Column("model", sa.String(64), nullable=False, server_default=DEFAULT.key),
    sa.Column("prompt", sa.Text, nullable=False),
    sa.Column("size", sa.String(16), nullable=False),
    sa.Column("fits_picture", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("resolution", sa.String(16)),
    sa.Column("background", sa.String(16)),
    sa.Column("variants", sa.Integer, nullable=False),
    sa.Column("enhance", sa.Boolean, nullable=False),
    sa.Column("fallback", sa.Boolean, nullable=False),
    sa.Column("again_of", sa.String(32), sa.ForeignKey("tasks.id", ondelete="SET NULL")),
    sa.Column("private", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("reach", _word(Reach), nullable=False, server_default=Reach.CHANNEL.value),
    sa.Column("derivation", _word(Derivation)),
    sa.Column("parent_id", sa.String(32), sa.ForeignKey("tasks.id", ondelete="SET NULL")),
    sa.Column("parent_picture", sa.Integer),
    sa.Column("family_id", sa.String(32)),
    sa.Column("style", sa.Text),
    sa.Column("batch_id", sa.String(32), sa.ForeignKey("batches.id", ondelete="SET NULL")),
    sa.Column("batch_position", sa.Integer),
    sa.Column("parameters", sa.JSON, nullable=False, server_default="{}"),
    sa.Column("created_at", sa.BigInteger, nullable=False),
    sa.Column("due_at", sa.BigInteger, nullable=False),
    sa.Column("owner", sa.String(128)),
    sa.Column("lease_until", sa.BigInteger, nullable=False),
    sa.Column("failures", sa.Integer, nullable=False),
    sa.Column("faults", sa.Integer, nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False, server_default="0"),
    sa.Column("prepared_at", sa.BigInteger),
    sa.Column("by_upload", sa.Boolean, nullable=False),
    sa.Column("creates_wanted", sa.Integer, nullable=False, server_default="1"),
    sa.Column("next_create_at", sa.BigInteger),
    sa.Column("estimated_credits", sa.Float),
    sa.Column("consumed_credits", sa.Float),
    sa.Column("job_id", sa.Text),
    sa.Column("unconfirmed_at", sa.BigInteger),
    sa.Column("claimed_job_id", sa.Text),
    sa.Column("generating_at", sa.BigInteger),
    sa.Column("progress", sa.Float, nullable=False),
    sa.Column("overdue_notified_at", sa.BigInteger),
    sa.Column("settled_at", sa.BigInteger),
    sa.Column("reason", sa.String(64)),
    sa.Column("reason_parameters", sa.JSON, nullable=False),
    sa.Column("charged", sa.Boolean, nullable=False),
    sa.Column("undelivered_at", sa.BigInteger),
    sa.Column("collect_token", sa.Text),
    sa.Column("collect_at", sa.BigInteger),
    sa.Column("closed_at", sa.BigInteger),
    sa.Column("card_message_id", sa.BigInteger),
    sa.Column("withheld_at", sa.BigInteger),
    sa.Column("spoiler", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("hidden_at", sa.BigInteger),
    sa.Column("removed_at", sa.BigInteger),
    sa.Column("removed_by", sa.BigInteger),
    sa.Column("sync_at", sa.BigInteger),
    sa.Column("sync_asked_at", sa.BigInteger),
    sa.Column("backed_up_at", sa.BigInteger),
    *_at_least(0, "upload_limit", "parent_picture", "batch_position", "failures", "faults"),
    *_at_least(1, "variants", "creates_wanted"),
    sa.Index(None, "state", "due_at"),
    sa.Index(None, "asker_id", "state"),
    sa.Index(None, "asker_id", "created_at"),
    sa.Index(None, "guild_id", "created_at"),
    sa.Index(None, "channel_id", "created_at"),
    sa.Index(None, "created_at"),
    sa.Index(None, "next_create_at"),
    sa.Index(None, "settled_at"),
    sa.Index(None, "model", "settled_at"),
    sa.Index(None, "reason", "settled_at"),
    sa.Index(None, "again_of"),
    sa.Index(None, "job_id"),
    sa.Index(None, "claimed_job_id"),
    sa.Index(None, "parent_id"),
    sa.Index(None, "family_id", "created_at"),
    sa.Index(None, "batch_id", "batch_position"),
    sa.Index(None, "sync_at"),
)

creates = sa.Table(
    "creates",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("task_id", sa.String(32), sa.ForeignKey("tasks.id", ondelete="CASCADE"), nullable=False),
    sa.Column("at", sa.BigInteger, nullable=False, index=True),
    sa.Column("token_digest", sa.String(64), unique=True),
    sa.Column("provider", sa.String(32), nullable=False, server_default=DEFAULT.form.value),
    sa.Column("job_id", sa.Text, index=True),
    sa.Column("called_back_at", sa.BigInteger),
    sa.Column("number", sa.Integer, nullable=False, server_default="0"),
    sa.Column("state", _word(CreateState), nullable=False, server_default=CreateState.SENT.value),
    sa.Column("estimated_credits", sa.Float),
    sa.Column("consumed_credits", sa.Float),
    sa.Column("claimed_job_id", sa.Text),
    sa.Column("urls", TextList, nullable=False, server_default="[]"),
    sa.Column("reason", sa.String(64)),
    sa.Column("ended_at", sa.BigInteger),
    sa.Column("answered_at", sa.BigInteger),
    *_at_least(0, "number"),
    sa.Index(None, "state"),
    sa.Index(None, "task_id", "state"),
    sa.Index(None, "answered_at", "at"),
)

references = sa.Table(
    "task_references",
    metadata,
    _task_key(),
    sa.Column("position", sa.Integer, primary_key=True),
    sa.Column("kind", _word(ReferenceKind), nullable=False),
    sa.Column("url", sa.Text, nullable=False),
    sa.Column("filename", sa.Text, nullable=False),
    sa.Column("declared_type", sa.Text),
    sa.Column("declared_bytes", sa.BigInteger, nullable=False),
    sa.Column("stored_key", sa.Text),
    sa.Column("key", sa.Text),
    sa.Column("content_type", sa.String(64)),
    sa.Column("bytes", sa.BigInteger),
    sa.Column("width", sa.Integer),
    sa.Column("height", sa.Integer),
    sa.Column("uploaded_url", sa.Text),
    sa.Column("uploaded_at", sa.BigInteger),
    sa.Column("change_share", sa.Float),
    sa.Column("owner_id", sa.BigInteger, index=True),
    *(
        sa.Column(name, sa.Boolean, nullable=False, server_default=sa.false())
        for name in ("is_converted", "is_first_frame", "is_reduced", "is_cut")
    ),
    _between("position", 0, MOST_STORED_REFERENCES),
    *_at_least(0, "declared_bytes"),
    *_measured(),
)

pictures = sa.Table(
    "pictures",
    metadata,
    _task_key(),
    sa.Column("position", sa.Integer, primary_key=True),
    sa.Column("url", sa.Text, nullable=False),
    sa.Column("key", sa.Text),
    sa.Column("content_type", sa.String(64)),
    sa.Column("bytes", sa.BigInteger),
    sa.Column("width", sa.Integer),
    sa.Column("height", sa.Integer),
    sa.Column("unfetchable", sa.Boolean, nullable=False),
    sa.Column("tries", sa.Integer, nullable=False, server_default="0"),
    sa.Column("due_at", sa.BigInteger, index=True),
    sa.Column("late_at", sa.BigInteger),
    *_at_least(0, "position"),
    *_measured(),
)

outcome_parts = sa.Table(
    "outcome_parts",
    metadata,
    _task_key(),
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("pictures", Positions, nullable=False),
    sa.Column("nonce", sa.String(32), nullable=False),
    sa.Column("route", _word(Route), nullable=False),
    sa.Column("attempted_at", sa.BigInteger),
    sa.Column("message_id", sa.BigInteger, index=True),
    sa.Column("message_channel_id", sa.BigInteger),
    *_at_least(-1, "number"),
)
"""`number` -1: the first message of an outcome that an adoption withdrew."""

task_events = sa.Table(
    "task_events",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("task_id", sa.String(32), sa.ForeignKey("tasks.id", ondelete="CASCADE"), nullable=False, index=True),
    sa.Column("at", sa.BigInteger, nullable=False),
    sa.Column("before", _word(TaskState)),
    sa.Column("after", _word(TaskState), nullable=False),
    sa.Column("why", sa.Text, nullable=False),
)

key_values = sa.Table(
    "key_values",
    metadata,
    sa.Column("name", sa.String(128), primary_key=True),
    sa.Column("value", sa.Text, nullable=False),
)

guild_settings = sa.Table(
    "guild_settings",
    metadata,
    sa.Column("guild_id", sa.BigInteger, primary_key=True),
    sa.Column("channels", Positions, nullable=False),
    sa.Column("gallery_channel_id", sa.BigInteger),
    sa.Column("moderators_channel_id", sa.BigInteger),
    sa.Column("greatest_batch", sa.Integer),
    sa.Column("size", sa.String(16)),
    sa.Column("variants", sa.Integer),
    sa.Column("language", sa.String(16)),
    sa.Column("models", TextList, nullable=False, server_default="[]"),
    sa.Column("model", sa.String(64)),
    _between("greatest_batch", 1, GREATEST_BATCH),
    *_at_least(1, "variants"),
)

setting_changes = sa.Table(
    "setting_changes",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("guild_id", sa.BigInteger, nullable=False, index=True),
    sa.Column("at", sa.BigInteger, nullable=False),
    sa.Column("by", sa.BigInteger, nullable=False),
    sa.Column("setting", sa.String(64), nullable=False),
    sa.Column("before", sa.JSON),
    sa.Column("after", sa.JSON),
)

preferences = sa.Table(
    "preferences",
    metadata,
    sa.Column("person_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("model", sa.String(64)),
    sa.Column("size", sa.String(16)),
    sa.Column("variants", sa.Integer),
    sa.Column("private", sa.Boolean),
    sa.Column("words", sa.Text, nullable=False, server_default=""),
    sa.Column("changed_at", sa.BigInteger, nullable=False),
    *_at_least(1, "variants"),
)

styles = sa.Table(
    "styles",
    metadata,
    sa.Column("id", sa.String(32), primary_key=True),
    sa.Column("guild_id", sa.BigInteger, nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("folded", sa.Text, nullable=False),
    sa.Column("template", sa.Text, nullable=False),
    sa.Column("size", sa.String(16)),
    sa.Column("variants", sa.Integer),
    sa.Column("created_at", sa.BigInteger, nullable=False),
    sa.Column("changed_at", sa.BigInteger, nullable=False),
    sa.Column("changed_by", sa.BigInteger, nullable=False),
    sa.UniqueConstraint("guild_id", "folded"),
    *_at_least(1, "variants"),
)

style_pictures = sa.Table(
    "style_pictures",
    metadata,
    sa.Column("style_id", sa.String(32), sa.ForeignKey("styles.id", ondelete="CASCADE"), primary_key=True),
    *_kept_picture(),
    *_measured(),
)

reference_sets = sa.Table(
    "reference_sets",
    metadata,
    sa.Column("id", sa.String(32), primary_key=True),
    sa.Column("owner_id", sa.BigInteger, nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("folded", sa.Text, nullable=False),
    sa.Column("created_at", sa.BigInteger, nullable=False),
    sa.UniqueConstraint("owner_id", "folded"),
)

set_pictures = sa.Table(
    "set_pictures",
    metadata,
    sa.Column("set_id", sa.String(32), sa.ForeignKey("reference_sets.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("position", sa.Integer, primary_key=True),
    *_kept_picture(),
    *_at_least(0, "position"),
    *_measured(),
)

batches = sa.Table(
    "batches",
    metadata,
    sa.Column("id", sa.String(32), primary_key=True),
    sa.Column("interaction_id", sa.BigInteger, nullable=False, unique=True),
    sa.Column("asker_id", sa.BigInteger, nullable=False, index=True),
    sa.Column("channel_id", sa.BigInteger, nullable=False),
    sa.Column("guild_id", sa.BigInteger),
    sa.Column("prompt", sa.Text, nullable=False),
    sa.Column("tasks", sa.Integer, nullable=False),
    sa.Column("words", sa.JSON, nullable=False),
    sa.Column("request", sa.JSON, nullable=False),
    sa.Column("created_at", sa.BigInteger, nullable=False),
    sa.Column("begun_at", sa.BigInteger),
    sa.Column("due_at", sa.BigInteger, index=True),
    sa.Column("owner", sa.String(32)),
    sa.Column("lease_until", sa.BigInteger, nullable=False),
    sa.Column("failures", sa.Integer, nullable=False),
    sa.Column("route", _word(Route), nullable=False),
    sa.Column("ending_nonce", sa.String(32), nullable=False),
    sa.Column("ending_attempted_at", sa.BigInteger),
    sa.Column("ending_message_id", sa.BigInteger),
    sa.Column("ending_channel_id", sa.BigInteger),
    sa.Column("closed_at", sa.BigInteger),
    sa.Column("undelivered_at", sa.BigInteger),
    sa.Column("collect_token", sa.Text),
    sa.Column("collect_at", sa.BigInteger),
    *_at_least(1, "tasks"),
    *_at_least(0, "failures"),
)

batch_messages = sa.Table(
    "batch_messages",
    metadata,
    sa.Column("batch_id", sa.String(32), sa.ForeignKey("batches.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("route", _word(Route), primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("nonce", sa.String(32), nullable=False),
    sa.Column("attempted_at", sa.BigInteger),
    sa.Column("message_id", sa.BigInteger, index=True),
    sa.Column("message_channel_id", sa.BigInteger),
    sa.Column("shows", sa.String(32)),
    sa.Column("shown_at", sa.BigInteger),
    *_at_least(0, "number"),
)

drafts = sa.Table(
    "drafts",
    metadata,
    sa.Column("id", sa.String(32), primary_key=True),
    sa.Column("person_id", sa.BigInteger, nullable=False, index=True),
    sa.Column("at", sa.BigInteger, nullable=False, index=True),
    sa.Column("pictures", sa.JSON, nullable=False),
)

reposts = sa.Table(
    "reposts",
    metadata,
    sa.Column("id", sa.String(32), primary_key=True),
    sa.Column("task_id", sa.String(32), sa.ForeignKey("tasks.id", ondelete="CASCADE"), nullable=False, index=True),
    sa.Column("kind", _word(RepostKind), nullable=False),
    sa.Column("once", sa.String(64), nullable=False, unique=True),
    sa.Column("channel_id", sa.BigInteger, nullable=False),
    sa.Column("guild_id", sa.BigInteger),
    sa.Column("locale", sa.String(16), nullable=False),
    sa.Column("upload_limit", sa.BigInteger, nullable=False),
    sa.Column("asked_by", sa.BigInteger, nullable=False),
    sa.Column("asked_at", sa.BigInteger, nullable=False),
    sa.Column("due_at", sa.BigInteger, index=True),
    sa.Column("failures", sa.Integer, nullable=False),
    sa.Column("nonce", sa.String(32), nullable=False),
    sa.Column("attempted_at", sa.BigInteger),
    sa.Column("message_id", sa.BigInteger, index=True),
    sa.Column("hidden_at", sa.BigInteger),
    sa.Column("removed_at", sa.BigInteger),
    *_at_least(0, "upload_limit", "failures"),
)

report_cases = sa.Table(
    "report_cases",
    metadata,
    _task_key(),
    sa.Column("guild_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("state", _word(ReportState), nullable=False),
    sa.Column("locale", sa.String(16), nullable=False),
    sa.Column("seen_channel_id", sa.BigInteger, nullable=False),
    sa.Column("seen_message_id", sa.BigInteger, nullable=False),
    sa.Column("opened_at", sa.BigInteger, nullable=False),
    sa.Column("decided_by", sa.BigInteger),
    sa.Column("decided_at", sa.BigInteger),
    sa.Column("due_at", sa.BigInteger, index=True),
    sa.Column("failures", sa.Integer, nullable=False),
    sa.Column("nonce", sa.String(32), nullable=False),
    sa.Column("attempted_at", sa.BigInteger),
    sa.Column("channel_id", sa.BigInteger),
    sa.Column("message_id", sa.BigInteger),
    *_at_least(0, "failures"),
)

reports = sa.Table(
    "reports",
    metadata,
    _task_key(),
    sa.Column("guild_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("reporter_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("at", sa.BigInteger, nullable=False),
    sa.Column("why", sa.Text, nullable=False),
)

erasures = sa.Table(
    "erasures",
    metadata,
    sa.Column("id", sa.String(32), primary_key=True),
    sa.Column("person_id", sa.BigInteger, index=True),
    sa.Column("asked_at", sa.BigInteger, nullable=False),
    sa.Column("removes", sa.Boolean, nullable=False),
    sa.Column("marked_at", sa.BigInteger),
    sa.Column("locale", sa.String(16), nullable=False),
    sa.Column("interaction_token", sa.Text),
    sa.Column("due_at", sa.BigInteger, index=True),
    sa.Column("done_at", sa.BigInteger),
    sa.Column("counts", sa.JSON, nullable=False),
)

spendings = sa.Table(
    "spendings",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("person_id", sa.BigInteger, nullable=False, index=True),
    sa.Column("at", sa.BigInteger, nullable=False, index=True),
    sa.Column("pictures", sa.Integer, nullable=False),
    *_at_least(0, "pictures"),
)

attempts = sa.Table(
    "attempts",
    metadata,
    sa.Column("kind", sa.String(16), primary_key=True),
    sa.Column("subject", sa.String(64), primary_key=True),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("owner", sa.String(128), nullable=False),
    sa.Column("at", sa.BigInteger, nullable=False),
)

processes = sa.Table(
    "processes",
    metadata,
    sa.Column("id", sa.String(32), primary_key=True),
    sa.Column("shard_count", sa.Integer),
    sa.Column("shard_ids", Positions, nullable=False, server_default="[]"),
    sa.Column("started_at", sa.BigInteger, nullable=False),
    sa.Column("seen_at", sa.BigInteger, nullable=False),
)


def found_in_state(*states: TaskState) -> sa.ColumnElement[bool]:
    """Match the tasks in these states among those that another condition finds by its index. By "is one of", SQLite
    would find them by the index of `state` and read all that are in these states, such as all closed ones."""
    return tasks.c.state.not_in([state for state in TaskState if state not in states])
