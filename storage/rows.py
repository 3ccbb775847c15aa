"""Turn rows into values, and find the row of a value: a table's columns have the names of its dataclass's fields."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy import Row

from storage.models import Picture, Reference

Value = TypeVar("Value")


def values(kind: Callable[..., Value], rows: Iterable[Row[Any]]) -> tuple[Value, ...]:
    found = list(rows)
    names = found[0]._fields if found else ()
    return tuple([kind(**dict(zip(names, row, strict=True))) for row in found])


def row_of(table: sa.Table, picture: Reference | Picture) -> sa.ColumnElement[bool]:
    """Match the row of an input picture or of a result."""
    return sa.and_(table.c.task_id == picture.task_id, table.c.position == picture.position)
