"""Limits and durations of the engine, from the operator's settings and the image API's own limits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

from storage.catalogue import MODELS, Model
from storage.models import CreateLimits, Limits

CREATES_PER_WINDOW: Final = 20
CREATE_WINDOW_MS: Final = 10_500
"""API: 20 creates per 10 s and account, further creates are rejected. A create counts until this long after its answer
(`CreateLimits`). The half second is for steps of the clock (`MOST_BACK_MS`), and for the difference between the clocks
of two processes."""
UNANSWERED_MS: Final = 90_000
"""How long a create without an answer counts at most. Its request ends after 60 s (`ANSWER_TIMEOUT`), and a create
counts for 10 s more; the rest is for the work before (`SENT_WITHIN_MS`) and after the request."""
SENT_WITHIN_MS: Final = 15_000
"""A create is not sent this long after its row was stored, because the disk, the database or the machine stalled:
it might no longer count when it arrives."""

GIVE_UP_AFTER: Final = timedelta(hours=24)
"""A task this old is settled as failed, without a charge, when its preparation fails again, when its create is
throttled or does not reach the image API, or, once prepared, while creates are paused; not while the clock is doubtful.
Waiting for its turn alone ends no task."""
PREVIEW_WAIT: Final = timedelta(seconds=10)
LEASE_MS: Final = 30_000
RENEW_SECONDS: Final = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    limits: Limits
    keep_pictures: timedelta
    max_in_flight: int = 100
    always_upload: bool = False
    """Send references through the File Upload API at the first attempt already (`REFERENCES_AS=upload`)."""
    least_free_bytes: int = 0
    """Free bytes required on each disk that holds the bot's files; with less, new files are refused. 0: none are
    required."""
    preview_wait: timedelta = PREVIEW_WAIT
    """How long the create of a task waits, once the task is prepared, for its asker to look at the preview of the
    mask."""
    models: Mapping[str, Model] = field(default_factory=lambda: MODELS)
    """The models that are switched on, by key."""
    catalogue: Mapping[str, Model] = field(default_factory=lambda: MODELS)
    """All models, as this installation sends their creates: also those that were switched off since a task was
    stored."""
    probe_account_after: timedelta = timedelta(minutes=10)
    callbacks: str | None = None
    """Callback URL of a create, to which its token is appended; None if callbacks are off."""

    def limits_for(self, asker_id: int, guild_id: int | None) -> Limits:
        """Return the limits that hold for this person in this server (None: in direct messages). At present they are
        the same for all."""
        return self.limits

    @property
    def creates(self) -> CreateLimits:
        return CreateLimits(
            per_window=CREATES_PER_WINDOW,
            window_ms=CREATE_WINDOW_MS,
            unanswered_ms=UNANSWERED_MS,
            in_flight=self.max_in_flight,
        )
