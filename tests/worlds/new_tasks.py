"""Build new tasks from flat values, as most tests name a single one."""

from __future__ import annotations

from dataclasses import fields
from typing import Any, Final

from storage.models import NewTask, PictureRequest

OF_REQUEST: Final = frozenset(field.name for field in fields(PictureRequest))


def new_task(**values: Any) -> NewTask:
    """Return a task; the values of its picture request are among the others."""
    request = PictureRequest(**{name: value for name, value in values.items() if name in OF_REQUEST})
    return NewTask(request=request, **{name: value for name, value in values.items() if name not in OF_REQUEST})
