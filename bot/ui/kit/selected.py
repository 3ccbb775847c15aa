"""
Check what a person selected against what was offered, as Discord passes on submitted values unchecked.

All code that reads the values of a select uses this module.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeVar

from bot.errors import UnknownChoice
from bot.ui.kit.dynamic_items import TASK_ID

T = TypeVar("T")

_TASK: Final = re.compile(TASK_ID)
_SNOWFLAKE: Final = re.compile("[1-9][0-9]{0,18}", re.ASCII)
_LARGEST_ID: Final = 2**63 - 1


def several(values: Sequence[Any], offered: Mapping[str, T], *, most: int) -> tuple[T, ...]:
    """Return what `offered` has for the selected values, in the order selected. Raises UnknownChoice for a value that
    was not offered, a duplicate, or more than `most`."""
    if len(values) > most or not all(isinstance(value, str) and value in offered for value in values):
        raise UnknownChoice
    if len(set(values)) < len(values):
        raise UnknownChoice
    return tuple(offered[value] for value in values)


def single(values: Sequence[Any], offered: Mapping[str, T]) -> T | None:
    """Return what `offered` has for the selected value; None if nothing is selected. Raises UnknownChoice for a value
    that was not offered, and for several."""
    return next(iter(several(values, offered, most=1)), None)


def task_in(values: Sequence[Any]) -> str:
    """Return the one selected task id, without checking that the task exists. Raises UnknownChoice unless there is
    exactly one and it is well-formed."""
    if len(values) != 1 or not isinstance(values[0], str) or not _TASK.fullmatch(values[0]):
        raise UnknownChoice
    return values[0]


def ids_in(values: Sequence[Any], *, most: int) -> tuple[int, ...]:
    """Return the selected Discord ids, for example of channels, without checking that they exist. Raises UnknownChoice
    for a malformed id, a duplicate, or more than `most`."""
    if len(values) > most or not all(isinstance(value, str) and _SNOWFLAKE.fullmatch(value) for value in values):
        raise UnknownChoice
    ids = tuple(int(value) for value in values)
    if len(set(ids)) < len(ids) or any(number > _LARGEST_ID for number in ids):
        raise UnknownChoice
    return ids
