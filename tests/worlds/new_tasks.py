"""Build new tasks from flat values, as most tests name a single one, and copies of results for a gallery."""

from __future__ import annotations

from dataclasses import fields
from typing import Any, Final

from storage.community import NewRepost, RepostKind
from storage.models import NewTask, PictureRequest, Task

OF_REQUEST: Final = frozenset(field.name for field in fields(PictureRequest))


def new_task(**values: Any) -> NewTask:
    """Return a task; the values of its picture request are among the others."""
    request = PictureRequest(**{name: value for name, value in values.items() if name in OF_REQUEST})
    return NewTask(request=request, **{name: value for name, value in values.items() if name not in OF_REQUEST})


def gallery_copy(task: Task, *, channel_id: int, guild_id: int) -> NewRepost:
    """Return the copy of a result for a gallery that the task's asker asks for."""
    return NewRepost(
        task_id=task.id,
        kind=RepostKind.GALLERY,
        once=f"gallery:{task.id}",
        channel_id=channel_id,
        guild_id=guild_id,
        locale="en-US",
        upload_limit=10_000_000,
        asked_by=task.asker_id,
    )
