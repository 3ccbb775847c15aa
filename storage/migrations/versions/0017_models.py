"""Store which models a server offers, what a person prefers, what pictures cost, and several creates of one task."""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa
from alembic import op
from alembic.operations import BatchOperations

revision: Final = "0017"
down_revision: Final = "0016"

FREE: Final = ("size", "variants")
"""Columns whose values depend on the model, so that no constraint lists them."""


def upgrade() -> None:
    for table in ("tasks", "guild_settings", "styles"):
        with op.batch_alter_table(table) as batch:
            for column in FREE:
                batch.drop_constraint(op.f(f"ck_{table}_{column}"), type_="check")
            batch.create_check_constraint(op.f(f"ck_{table}_variants"), sa.text("variants >= 1"))
            if table == "tasks":
                _add_to_tasks(batch)
    with op.batch_alter_table("task_references") as batch:
        batch.drop_constraint(op.f("ck_task_references_position"), type_="check")
        batch.create_check_constraint(op.f("ck_task_references_position"), sa.text("position >= 0 AND position <= 20"))
    op.create_index(op.f("ix_tasks_next_create_at"), "tasks", ["next_create_at"])
    op.create_index(op.f("ix_tasks_model_settled_at"), "tasks", ["model", "settled_at"])
    with op.batch_alter_table("creates") as batch:
        _add_to_creates(batch)
    op.create_index(op.f("ix_creates_state"), "creates", ["state"])
    op.add_column("guild_settings", sa.Column("models", sa.JSON, nullable=False, server_default="[]"))
    op.add_column("guild_settings", sa.Column("model", sa.String(64)))
    op.create_table(
        "preferences",
        sa.Column("person_id", sa.BigInteger, nullable=False, autoincrement=False),
        sa.Column("model", sa.String(64)),
        sa.Column("size", sa.String(16)),
        sa.Column("variants", sa.Integer),
        sa.Column("private", sa.Boolean),
        sa.Column("words", sa.Text, nullable=False, server_default=""),
        sa.Column("changed_at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("person_id", name="pk_preferences"),
        sa.CheckConstraint("variants >= 1", name=op.f("ck_preferences_variants")),
    )
    _name_states()


def _add_to_tasks(batch: BatchOperations) -> None:
    batch.add_column(sa.Column("resolution", sa.String(16)))
    batch.add_column(sa.Column("background", sa.String(16)))
    batch.add_column(sa.Column("creates_wanted", sa.Integer, nullable=False, server_default="1"))
    batch.add_column(sa.Column("next_create_at", sa.BigInteger))
    batch.add_column(sa.Column("estimated_credits", sa.Float))
    batch.add_column(sa.Column("consumed_credits", sa.Float))
    batch.create_check_constraint(op.f("ck_tasks_creates_wanted"), sa.text("creates_wanted >= 1"))


def _add_to_creates(batch: BatchOperations) -> None:
    batch.add_column(sa.Column("number", sa.Integer, nullable=False, server_default="0"))
    batch.add_column(sa.Column("state", sa.String(16), nullable=False, server_default="sent"))
    batch.add_column(sa.Column("estimated_credits", sa.Float))
    batch.add_column(sa.Column("consumed_credits", sa.Float))
    batch.add_column(sa.Column("claimed_job_id", sa.Text))
    batch.add_column(sa.Column("urls", sa.JSON, nullable=False, server_default="[]"))
    batch.add_column(sa.Column("reason", sa.String(64)))
    batch.add_column(sa.Column("ended_at", sa.BigInteger))
    batch.create_check_constraint(op.f("ck_creates_number"), sa.text("number >= 0"))


def _name_states() -> None:
    """Derive what became of each create from its task: only the last create can have an outcome."""
    op.execute("UPDATE creates SET state = 'refused' WHERE job_id IS NULL")
    op.execute("UPDATE creates SET state = 'taken' WHERE job_id IS NOT NULL")
    over = "SELECT job_id FROM tasks WHERE job_id IS NOT NULL AND settled_at IS NOT NULL AND reason IS"
    op.execute(f"UPDATE creates SET state = 'done' WHERE job_id IN ({over} NULL)")  # noqa: S608  # constants
    op.execute(f"UPDATE creates SET state = 'failed' WHERE job_id IN ({over} NOT NULL)")  # noqa: S608  # constants
    settled_at = "SELECT max(tasks.settled_at) FROM tasks WHERE tasks.job_id = creates.job_id"
    op.execute(f"UPDATE creates SET ended_at = ({settled_at}) WHERE state IN ('done', 'failed')")  # noqa: S608  # constants
    last = "SELECT max(creates.id) FROM creates GROUP BY task_id"
    silent = "reason = 'unconfirmed' OR (state = 'submitting' AND unconfirmed_at IS NOT NULL)"
    for state, which in (("sent", "state = 'submitting'"), ("unconfirmed", silent)):
        op.execute(
            f"UPDATE creates SET state = '{state}' WHERE job_id IS NULL AND id IN ({last}) "  # noqa: S608  # constants
            f"AND task_id IN (SELECT id FROM tasks WHERE {which})"
        )
