"""Jumps of a machine's clock."""

from __future__ import annotations

from typing import Final

HOUR: Final = 3_600_000
DAY: Final = 24 * HOUR

TO_1970: Final = "to 1970"
JUMPS: Final[dict[str, int | str]] = {
    "a minute back": -60_000,
    "an hour back": -HOUR,
    "a day back": -DAY,
    "a year back": -365 * DAY,
    "to the epoch, as a machine without a battery begins": TO_1970,
    "an hour forward": HOUR,
    "a day and an hour forward": DAY + HOUR,
    "a year forward": 365 * DAY,
}
"""Milliseconds by which the clock jumps."""


def skewed(jump: int | str, true: int) -> int:
    """Return the error, in milliseconds, of a clock that jumps at the true time `true`."""
    return -true + 60_000 if isinstance(jump, str) else jump
