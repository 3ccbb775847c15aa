"""Turn rows into the values of `models`: a table's columns have the names of its dataclass's fields."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from sqlalchemy import Row

Value = TypeVar("Value")


def values(kind: Callable[..., Value], rows: Iterable[Row[Any]]) -> tuple[Value, ...]:
    return tuple(kind(**row._asdict()) for row in rows)
