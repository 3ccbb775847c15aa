"""
What the engine needs of others, as it needs it. `bot.kie` fulfils `ImageAPI`, `bot.delivery` fulfils `Delivery`.

Everything raised is from `bot.errors`; anything else that escapes is a defect and is treated as one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from bot.engine.shared import Shared
from bot.errors import Reason
from storage.community import BatchMessage, Erasure, Posting, Report, Reported
from storage.models import NewPart, OutcomePart, Picture, Reference, Route, Task


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateRequest:
    """What a create says to the image API."""

    prompt: str
    size: str
    variants: int
    files: tuple[str, ...] = field(default=(), repr=False)
    mask: str | None = field(default=None, repr=False)
    enhance: bool = False
    fallback: bool = False
    callback_url: str | None = field(default=None, repr=False)


class RecordStatus(StrEnum):
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    MISSING = "missing"
    """The API does not know the task, or not yet (422 "does not exist", or null data)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """What the image API says of a task."""

    status: RecordStatus
    progress: float = 0.0
    """0 to 1."""
    urls: tuple[str, ...] = field(default=(), repr=False)
    reason: Reason | None = None
    """Set when FAILED."""
    message: str = ""
    """Theirs, for the audit trail; never shown to a person."""
    prompt: str | None = field(default=None, repr=False)
    """What they say was asked, where that can be read; "" for pictures without words."""
    files: tuple[str, ...] = field(default=(), repr=False)
    """And with which pictures."""


class ImageAPI(Protocol):
    async def create(self, request: CreateRequest) -> str:
        """The kie_id. Raises Throttled, ServerFault, Unreachable, Refused, AccountRefused; Unconfirmed for all else."""

    async def record(self, kie_id: str) -> Record:
        """Raises Throttled, Unavailable, Unreachable, AccountRefused (401); never Unconfirmed."""

    async def upload(self, filename: str, content_type: str, data: bytes) -> str:
        """An address the API can fetch, good for 24 h.

        Raises Throttled, Unavailable, Unreachable, Refused, AccountRefused.
        """

    async def fetch(self, url: str) -> bytes:
        """A result's bytes: at most 64 MiB, only from allowed hosts, without the key.

        Raises ResultTooLarge, HostNotAllowed, Refused (403, 404, 410, no picture), Throttled, Unavailable, Unreachable.
        All but the first may pass: what stands before a host refuses today what it lets through tomorrow.
        """

    async def direct_link(self, kie_id: str, url: str) -> str:
        """Another address of the result `url`, good for 20 minutes and for anybody who has it. Raises as `upload`."""

    async def credits(self) -> float:
        """Raises like `record`."""


class FetchReference(Protocol):
    async def __call__(self, reference: Reference) -> bytes:
        """The bytes of an attachment, streamed with a limit of bytes (25 MiB) and time. Raises BadReference
        (REFERENCE_TOO_LARGE, REFERENCE_UNFETCHABLE for 403/404/410 and for addresses that are not Discord's),
        Unavailable or Unreachable."""


class CardPhase(StrEnum):
    PREPARING = "preparing"
    QUEUED = "queued"
    CREATING = "creating"
    UNCONFIRMED = "unconfirmed"
    """Nobody knows whether the create was taken, and a callback may still say so."""
    GENERATING = "generating"
    OVERDUE = "overdue"
    DELIVERING = "delivering"
    CANCELLED = "cancelled"
    WITHHELD = "withheld"
    """It is there, kept for its asker and not posted, as they wished."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """What the waiting card shows now."""

    task: Task
    phase: CardPhase
    references: tuple[Reference, ...] = ()
    place: int | None = None
    """In the queue, 1 is next."""
    progress: float = 0.0
    """0 to 1; never goes back."""
    remaining_seconds: float | None = None
    """Roughly; None when nobody knows."""
    paused: Reason | None = None
    """Why creates are stopped: the account needs its operator, or the image API is not there."""
    kept: tuple[str, ...] = ()
    """Other tasks of the asker whose outcomes wait for them, newest first."""
    usual: tuple[float, float] | None = None
    """Seconds from their turn within which half, and nine in ten, of the last ones were done; None when few are
    known."""
    back: bool = False
    """It stood like this before we were started again, and has not been told so."""
    leaving: bool = False
    """Soon it can be edited no more: what is only an answer lives as long as its interaction's token."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Posted:
    channel_id: int
    message_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """A settled task with all that is told of it. `pictures` is empty exactly when `task.reason` is set."""

    task: Task
    references: tuple[Reference, ...]
    pictures: tuple[Picture, ...]
    kept: tuple[str, ...] = ()
    """Other tasks of the asker whose outcomes wait for them, newest first."""
    corrects: bool = False
    """The asker was told otherwise before: that nobody knew, or that nothing came of it."""
    parent: Task | None = None
    """The task it came from."""
    looked_up: bool = False
    """Somebody wants to see it again, and they alone."""
    posting: Posting | None = None
    """It is posted once more."""
    original: Posted | None = None
    """Where others can see it first, where a copy says so."""


class Delivery(Protocol):
    """Brings news to people. Fall-backs, limits of files, and Discord's words stop here."""

    def posted(self, card: Card) -> None:
        """What the first answer shows: `show` leaves it alone while it would look the same."""

    async def show(self, card: Card) -> None:
        """Bring the card up to date, soon: the newest wins, never more often than every 3 s per card, never before a
        result in the same channel. Posts a fresh card where the task has none. Never raises; returns at once."""

    async def plan(self, outcome: Outcome) -> Sequence[NewPart]:
        """Decide how many messages an outcome takes and which pictures go in which. Posts nothing.

        Raises MissingCopy, as `post` does, for a picture whose kept copy is gone.
        """

    async def post(self, outcome: Outcome, part: OutcomePart, *, uncertain: bool) -> Posted:
        """Send one part by `part.route`. If `uncertain`, look for it where it may be by now and return what was found.
        Raises RouteClosed when this route is shut for good (then the engine asks `next_route`), else ServiceError."""

    async def find(self, outcome: Outcome, part: OutcomePart) -> Posted | None:
        """Where a part that was sent without an answer is by now: in the channel, or with the asker. None also where
        nobody may look. Raises Unavailable."""

    async def hand_over(self, outcome: Outcome, parts: Sequence[OutcomePart]) -> Posted:
        """Show these parts in one message to the asker alone, in answer to the interaction by which they came for the
        outcome; with no parts, say that it was told elsewhere. Harmless to repeat. Raises as `post`."""

    async def show_to(self, outcome: Outcome, *, token: str) -> None:
        """The whole outcome as the first answer to an interaction that was acknowledged. Raises RouteClosed,
        Unavailable, MissingCopy."""

    async def take_back(self, outcome: Outcome, part: OutcomePart) -> None:
        """A message of an earlier outcome says that it was not the last word, and has no button any more. Posts
        nothing; harmless to repeat. Raises RouteClosed, Unavailable."""

    def next_route(self, outcome: Outcome, part: OutcomePart, *, now: int) -> Route | None:
        """The route to try next, or None when there is no other."""

    async def repost(self, outcome: Outcome, posting: Posting, *, uncertain: bool) -> Posted:
        """The whole outcome in one message, where its posting says; nobody is mentioned. If `uncertain`, look for it
        there first. Raises RouteClosed, Unavailable, MissingCopy."""

    async def redraw(self, outcome: Outcome, part: OutcomePart) -> None:
        """Bring a posted part to what the rows say: a spoiler, or none, and with the pictures that came late. Harmless
        to repeat. Raises RouteClosed, Unavailable; MissingCopy for a picture that came late."""

    async def redraw_posting(self, outcome: Outcome, posting: Posting) -> None:
        """The same with what was posted once more."""

    async def remove(self, outcome: Outcome, part: OutcomePart) -> None:
        """Delete a posted part. Not there any more is fine. Raises RouteClosed, Unavailable."""

    async def remove_posting(self, place: Posted) -> None:
        """The same with what was posted once more."""

    async def tell_moderators(
        self, outcome: Outcome, reported: Reported, words: Sequence[Report], *, uncertain: bool
    ) -> Posted:
        """Post the message about a report in the channel it names, or bring it up to date. If `uncertain`, look for it
        there first. Raises MessageGone, RouteClosed, Unavailable."""

    async def show_batch(self, shared: Shared, message: BatchMessage, *, uncertain: bool) -> Posted:
        """Post a message of a batch by its route, or bring it up to date. If `uncertain`, look for it there first.
        Raises MessageGone, RouteClosed, Unavailable."""

    async def end_batch(self, shared: Shared, first: BatchMessage, *, uncertain: bool) -> Posted:
        """Tell the asker, who is mentioned, that all of a batch is there; `first` is its first message. If `uncertain`,
        look whether that was said before. Raises RouteClosed, Unavailable."""

    async def remove_of_batch(self, shared: Shared, route: Route, nonce: str, place: Posted | None) -> None:
        """Delete a message of a batch; without its place, look for it first. Not there any more is fine. Raises
        RouteClosed, Unavailable."""

    async def tell_erased(self, erasure: Erasure) -> None:
        """The receipt, by the first answer while its token lives, else directly. Harmless to repeat by the first.
        Raises RouteClosed, Unavailable."""

    async def withhold(self, outcome: Outcome) -> None:
        """The card says that the outcome is kept and not posted. Not there any more is fine. Raises Unavailable."""

    async def remove_card(self, task: Task) -> None:
        """The card has done its work. Not there any more is fine. Raises ServiceError."""

    def trouble(self) -> Reason | None:
        """What stands in the way to people that the operator is to know of, if anything does now."""

    async def tell_operator(self, reason: Reason, parameters: Mapping[str, str | int]) -> None:
        """Tell the operator's channel, or the application's owner. Raises ServiceError."""
