"""Turn a limit that the store reports as exceeded into an error for people."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from bot.errors import LimitReached, Reason
from storage.limits import LimitExceeded

REFUSED: Final[Mapping[str, Reason]] = {
    "open_tasks_per_user": Reason.TOO_MANY_OPEN,
    "pictures_per_user_per_day": Reason.TOO_MANY_TODAY,
    "pictures_per_day": Reason.SERVICE_FULL_TODAY,
}
STORED: Final[Mapping[str, Reason]] = {
    "stored_bytes_per_user": Reason.STORED_TOO_MUCH,
    "stored_bytes_per_user_per_day": Reason.STORED_TOO_MUCH_TODAY,
}
MIB: Final = 2**20


def limit_error(reached: LimitExceeded, reasons: Mapping[str, Reason] = REFUSED) -> LimitReached:
    """Return the error for people. `reasons`: by name of the limit, for limits on tasks and pictures; a limit on stored
    bytes has the same reason everywhere."""
    parameters = {"allowed": reached.allowed}
    if reached.free_at is not None:
        parameters["free_at"] = reached.free_at
    if reached.limit in STORED:
        parameters |= {"allowed": reached.allowed // MIB, "used": reached.used // MIB}
        return LimitReached(STORED[reached.limit], **parameters)
    return LimitReached(reasons[reached.limit], **parameters)
