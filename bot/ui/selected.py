"""
What somebody selected, held against what was offered: Discord passes on whatever comes back.

Everything that reads a select's values goes through here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeVar

from bot.errors import UnknownChoice
from bot.ui.buttons import TASK_ID

T = TypeVar("T")

_TASK: Final = re.compile(TASK_ID)
_SNOWFLAKE: Final = re.compile("[1-9][0-9]{0,18}", re.ASCII)
_LARGEST_ID: Final = 2**63 - 1


def several(values: Sequence[Any], offered: Mapping[str, T], *, most: int) -> tuple[T, ...]:
    """In the order selected, each once. Raises UnknownChoice."""
    if len(values) > most or not all(isinstance(one, str) and one in offered for one in values):
        raise UnknownChoice
    if len(set(values)) < len(values):
        raise UnknownChoice
    return tuple(offered[one] for one in values)


def single(values: Sequence[Any], offered: Mapping[str, T]) -> T | None:
    """None where nothing is selected. Raises UnknownChoice."""
    return next(iter(several(values, offered, most=1)), None)


def task_in(values: Sequence[Any]) -> str:
    """A task's id, of which only the store knows whether there is such a task. Raises UnknownChoice."""
    if len(values) != 1 or not isinstance(values[0], str) or not _TASK.fullmatch(values[0]):
        raise UnknownChoice
    return values[0]


def ids_in(values: Sequence[Any], *, most: int) -> tuple[int, ...]:
    """Ids of Discord's, such as of channels. Raises UnknownChoice."""
    if len(values) > most or not all(isinstance(one, str) and _SNOWFLAKE.fullmatch(one) for one in values):
        raise UnknownChoice
    ids = tuple(int(one) for one in values)
    if len(set(ids)) < len(ids) or any(one > _LARGEST_ID for one in ids):
        raise UnknownChoice
    return ids
