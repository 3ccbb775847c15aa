"""Index the creates of a task by their state: with one index for the tasks and one for the states, SQLite finds the
creates of a task by the wrong one and reads those of all tasks in that state."""

from __future__ import annotations

from typing import Final

from alembic import op

revision: Final = "0019"
down_revision: Final = "0018"


def upgrade() -> None:
    op.create_index("ix_creates_task_id_state", "creates", ["task_id", "state"])
    op.drop_index("ix_creates_task_id", "creates")
