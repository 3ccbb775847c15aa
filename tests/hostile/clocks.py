"""What happens to a machine's clock."""

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
"""By how many milliseconds."""


def skewed(jump: int | str, true: int) -> int:
    """How far a clock is off that jumps at this time."""
    return -true + 60_000 if isinstance(jump, str) else jump
