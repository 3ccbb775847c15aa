"""What the engine may do: the operator's settings and the image API's limits, in one value."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from storage.models import CreateLimits, Limits

CREATES_PER_WINDOW: Final = 20
CREATE_WINDOW_MS: Final = 11_000
"""API: 20 creates per 10 s and account, the rest is rejected; a second more for the way there."""

LEASE_MS: Final = 30_000
RENEW_SECONDS: Final = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    limits: Limits
    max_in_flight: int = 100
    always_upload: bool = False
    """References go through the File Upload API from the start (`REFERENCES_AS=upload`)."""
    least_free_bytes: int = 0
    """Of the disks our files are on: with less, no new files are taken."""
    keep_pictures: timedelta = timedelta(days=90)
    probe_account_after: timedelta = timedelta(minutes=10)
    callbacks: str | None = None
    """The address that a create's token is appended to for the image API to call back; None without callbacks."""

    @property
    def creates(self) -> CreateLimits:
        return CreateLimits(per_window=CREATES_PER_WINDOW, window_ms=CREATE_WINDOW_MS, in_flight=self.max_in_flight)
