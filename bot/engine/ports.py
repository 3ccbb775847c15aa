"""
Interfaces that the engine needs from other packages. `bot.kie` implements `ImageAPI` and `SuccessRates`, `bot.delivery`
implements `Delivery`.

Implementations raise errors of `bot.errors`, and MissingCopy where it is named; the engine treats any other exception
as a defect.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from bot.engine.batch_view import BatchView
from bot.errors import Reason
from storage.catalogue import WireForm
from storage.community import BatchMessage, Erasure, GuildSettings, Report, ReportCase, Repost
from storage.models import NewPart, OutcomePart, Picture, PictureRequest, Reference, Route, Task


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateRequest:
    """Contents of a create request to the image API."""

    request: PictureRequest
    """`variants` is the number of pictures of this one create."""
    form: str | None = None
    """The `WireForm` by which the task is made; None means that of the model."""
    files: tuple[str, ...] = field(default=(), repr=False)
    """Addresses of the input pictures, without the mask."""
    mask: str | None = field(default=None, repr=False)
    """Address of the mask; None: there is none."""
    callback_url: str | None = field(default=None, repr=False)


class RecordStatus(StrEnum):
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    MISSING = "missing"
    """The API does not know the job, or does not know it yet (422 "does not exist" or "is null", or no data)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """State of a job as the image API reports it."""

    status: RecordStatus
    progress: float = 0.0
    """0 to 1."""
    urls: tuple[str, ...] = field(default=(), repr=False)
    reason: Reason | None = None
    """Why it FAILED; None if its code is not 451 and its message is not known, and for every other status."""
    message: str = ""
    """The API's error code and message of a failure, or why the record is MISSING; for the audit trail and the log,
    never shown to people."""
    prompt: str | None = field(default=None, repr=False)
    """Prompt of the create as the API reports it; "" for pictures without a prompt, None if it cannot be read."""
    files: tuple[str, ...] = field(default=(), repr=False)
    """Addresses of the create's input pictures as the API reports them."""
    credits: float | None = None
    """Price of the job, as the API reports it; None if it does not."""


class ImageAPI(Protocol):
    async def create(self, request: CreateRequest) -> str:
        """Send a create and return its job_id.

        Raises Throttled, ServerFault, Unreachable, Refused, AccountRefused; Unconfirmed for all other failures.
        """

    async def record(self, job_id: str, form: str = WireForm.FOUR_O) -> Record:
        """Return the state of a job. `form`: the `WireForm` by which it was created. Raises Throttled, Unavailable,
        Unreachable, AccountRefused (401); never Unconfirmed."""

    async def upload(self, filename: str, content_type: str, data: bytes) -> str:
        """Upload a file and return an address from which the API can download the file for 24 h.

        Raises Throttled, Unavailable, Unreachable, Refused, AccountRefused.
        """

    async def fetch(self, url: str) -> bytes:
        """
        Download a result: at most 64 MiB, only from allowed hosts, without sending the API key.

        Raises ResultTooLarge, HostNotAllowed, Refused (4xx except 408, 425 and 429; a type that is no picture; too many
        redirects; an address that no setting can allow), Throttled, Unavailable, Unreachable. All but ResultTooLarge
        may be temporary: a proxy in front of a host may refuse today what it allows tomorrow.
        """

    async def direct_link(self, job_id: str, url: str, form: str = WireForm.FOUR_O) -> str:
        """Return another address of the result `url`. It is valid for 20 minutes and works for everybody who has the
        address. Raises the same errors as `upload`."""

    async def credits(self) -> float:
        """Return the account's credits. Raises the same errors as `record`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SuccessRate:
    """How many tasks of a model succeeded at the image API in an interval, for all of the API's customers."""

    start: int
    end: int
    """Times (ms)."""
    share: float | None
    """0 to 1; None if there were no tasks."""
    is_normal: bool = True
    """Whether the API calls it normal."""


class SuccessRates(Protocol):
    async def success_rates(self, model_id: str) -> Sequence[SuccessRate]:
        """Return the success rates of the last day of a model, by its id in the API's own catalogue, oldest first;
        empty if nothing was measured. May wait some seconds for its turn. Raises the same errors as `record`."""


class FetchReference(Protocol):
    async def __call__(self, reference: Reference) -> bytes:
        """Download an attachment, streamed, with a limit of size (50 MiB) and of time. Raises BadReference
        (REFERENCE_TOO_LARGE, REFERENCE_UNFETCHABLE for 403/404/410 and for addresses that are not Discord's),
        Unreachable (no connection) or Unavailable (all else, also when the time is over)."""


class CardPhase(StrEnum):
    PREPARING = "preparing"
    QUEUED = "queued"
    CREATING = "creating"
    UNCONFIRMED = "unconfirmed"
    """It is unknown whether the API accepted the create; a callback may still confirm it."""
    GENERATING = "generating"
    OVERDUE = "overdue"
    DELIVERING = "delivering"
    CANCELLED = "cancelled"
    WITHHELD = "withheld"
    """The outcome is stored for the asker and not posted, as the asker wanted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """Current contents of a task's waiting card."""

    task: Task
    phase: CardPhase
    references: tuple[Reference, ...] = ()
    place: int | None = None
    """Place in the queue; 1 is next. None unless the phase is QUEUED, and if the task has just left the queue."""
    progress: float = 0.0
    """0 to 1; 0 unless it is known when the create was accepted, else never below the progress stored at the last
    poll."""
    remaining_seconds: float | None = None
    """Estimated time until the pictures are made; None unless it is known when the create was accepted."""
    paused: Reason | None = None
    """Why creates are paused (the account needs its operator, or the image API is unreachable); None if they are
    not."""
    trouble_since: int | None = None
    """Since when (ms) the image API has had trouble with the task's model; None if it has none."""
    undelivered: tuple[str, ...] = ()
    """Ids of the asker's other tasks whose outcomes could not be delivered and wait for the asker, newest first."""
    undelivered_batches: tuple[str, ...] = ()
    """Ids of the asker's batches that could not be delivered and wait for the asker, newest first."""
    usual: tuple[float, float] | None = None
    """Seconds from the accepted create within which half, and 90 %, of the model's recent successful tasks were
    settled; None if fewer than ten are known."""
    back: bool = False
    """Whether the card says that the work continues after a restart: the task was already in this phase when the
    process started."""
    previewed: bool = False
    """Whether the task has a mask and its create waits for the asker to look at the preview."""
    leaving: bool = False
    """Whether the card says how the result will come: it answers an interaction whose token expires soon, and after
    that the card cannot be edited."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Posted:
    channel_id: int
    message_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """A task with everything that its messages show: the pictures, or the reason why there are none (`task.reason`)."""

    task: Task
    references: tuple[Reference, ...]
    pictures: tuple[Picture, ...]
    undelivered: tuple[str, ...] = ()
    """Ids of the asker's other tasks whose outcomes could not be delivered and wait for the asker, newest first. Read
    only for the delivery of the outcome; empty whenever it is shown again or edited."""
    undelivered_batches: tuple[str, ...] = ()
    """The same for the asker's batches that could not be delivered."""
    missing: Mapping[Reason | None, int] = field(default_factory=dict)
    """How many of several creates made no picture, by the reason; None: they have not begun. Empty for a task with a
    single create, and without pictures: `task.reason` says it all then."""
    corrects: bool = False
    """Whether the asker got an earlier message that the create is unconfirmed, which this outcome corrects."""
    parent: Task | None = None
    """The task from which this task was made; None if there is none or its row was deleted."""
    looked_up: bool = False
    """A person looks the task up; only this person sees the message."""
    repost: Repost | None = None
    """The repost for which the outcome is shown; None for the outcome's own messages."""
    settings: GuildSettings = field(default_factory=GuildSettings)
    """Settings of the server in which the message is read: they say which buttons lead somewhere."""
    original: Posted | None = None
    """The message in which others can see the result; a copy in a gallery links to this message. None for all other
    messages, and if others can see the result nowhere."""


class CardPort(Protocol):
    """The waiting cards."""

    def posted(self, card: Card) -> None:
        """Record that the initial response shows this card, so that `show` edits it only once its look would change."""

    def show(self, card: Card) -> None:
        """Schedule an update of the card and return at once; never raises. Newer contents replace those that still
        wait. Results that are sent to the same channel come first. If the task has no card, a new one is posted, unless
        the task is cancelled or the bot can only answer the interaction. Once the outcome may have been sent, nothing
        is edited."""

    async def waits(self, task: Task) -> bool:
        """Return whether the task's card shows that no outcome was delivered or withheld. False if it was deleted, says
        that the task has ended, or cannot be read. Where the bot can only answer the interaction: whether the first
        answer can still be edited, which is idempotent. Raises Unavailable."""

    async def withhold(self, task: Task) -> None:
        """Edit the card to say that the outcome is stored and not posted. A card that is gone or out of the bot's reach
        is no error. Raises Unavailable."""

    async def remove(self, task: Task) -> None:
        """Delete the task's card, unless it was edited into the outcome, and forget its message. A card that is gone or
        out of the bot's reach is no error. Raises Unavailable."""

    async def delete(self, task: Task) -> int | None:
        """Delete the task's card as `remove` does. Return the id of its message, if one is stored, for the caller to
        forget it (`Changes.deleted_card`). Raises Unavailable."""


class OutcomePort(Protocol):
    """The messages of outcomes, and reposts of them. Implementations make files fit Discord's limits, or send links."""

    async def plan(self, outcome: Outcome) -> Sequence[NewPart]:
        """Decide how many messages an outcome takes and which pictures each message carries. Posts nothing.

        Raises MissingCopy and Unavailable, only for a picture that is too large for the channel and has to be reduced.
        """

    async def post(self, outcome: Outcome, part: OutcomePart, *, uncertain: bool) -> Posted:
        """Send one part by `part.route`. If `uncertain`, search for the message of an earlier attempt first and return
        that message if found; an ephemeral message cannot be found and may be sent twice. Raises RouteClosed if this
        route is closed (the engine then asks `next_route`), MissingCopy if a stored copy is gone, else ServiceError."""

    async def find(self, outcome: Outcome, part: OutcomePart) -> Posted | None:
        """Search the channel and the direct messages for a part whose send got no response. Return None if the part is
        not found or the bot may not search there. Raises Unavailable."""

    async def post_collected(self, outcome: Outcome, parts: Sequence[OutcomePart]) -> Posted:
        """Show these parts to the asker in one ephemeral message, as the response to the interaction with which the
        asker came for the outcome; without parts, say that the outcome was delivered elsewhere. Idempotent. Raises the
        same errors as `post`."""

    async def show_to(self, outcome: Outcome, *, token: str) -> None:
        """Show the whole outcome as the initial response of an acknowledged interaction. Raises RouteClosed,
        Unavailable, MissingCopy."""

    async def withdraw(self, outcome: Outcome, part: OutcomePart) -> None:
        """Edit the message of an earlier outcome: say that the outcome was not final, and remove the button. Posts
        nothing; idempotent. Raises RouteClosed, Unavailable."""

    def next_route(self, outcome: Outcome, part: OutcomePart, *, now: int) -> Route | None:
        """Return the route to try after `part.route`, or None if no other route is left."""

    async def repost(self, outcome: Outcome, repost: Repost, *, uncertain: bool) -> Posted:
        """Post the whole outcome in one message in the channel of `repost`, without mentions. If `uncertain`, search
        for an earlier message there first. Raises RouteClosed, Unavailable, MissingCopy."""


class MessagePort(Protocol):
    """Messages that were posted before."""

    async def redraw(self, outcome: Outcome, part: OutcomePart) -> None:
        """Edit a posted part to match the rows: with or without a spoiler, and with late pictures. Idempotent. Raises
        RouteClosed, Unavailable; MissingCopy for a late picture."""

    async def redraw_repost(self, outcome: Outcome, repost: Repost) -> None:
        """Edit a repost to match the rows, as `redraw` does."""

    async def remove(self, outcome: Outcome, part: OutcomePart) -> None:
        """Delete a posted part; one that is not `removable` stays. A part that is already gone is no error, but
        MessageGone where the bot can only answer. Raises RouteClosed, Unavailable."""

    def removable(self, task: Task, part: OutcomePart) -> bool:
        """Return whether the bot can delete a posted part now. A part that answered an interaction, where the bot can
        post nothing else, cannot be deleted once the token has expired; an ephemeral or collected one, never."""

    async def delete(self, place: Posted) -> None:
        """Delete any other message. One that is already gone is no error. Raises RouteClosed, Unavailable."""


class BatchPort(Protocol):
    """The messages of batches."""

    async def show(self, shared: BatchView, message: BatchMessage, *, uncertain: bool) -> Posted:
        """Edit a message of a batch if its id is stored or, if `uncertain`, a search finds it; else post it by its
        route. Raises MessageGone if the message was deleted, RouteClosed, Unavailable."""

    async def end(self, shared: BatchView, first: BatchMessage, *, uncertain: bool) -> Posted:
        """Mention the asker and say that the batch is complete; `first` is the batch's first message. If `uncertain`,
        search for an earlier notice first and return that if found. Raises RouteClosed, Unavailable."""

    async def remove(self, shared: BatchView, route: Route, nonce: str, place: Posted | None) -> None:
        """Delete a message of a batch; without `place`, search for the message first. A message that is already gone or
        not found is no error. Raises RouteClosed, Unavailable."""

    async def hand_over(self, shared: BatchView, message: BatchMessage | None, *, more: bool) -> Posted:
        """Show one message of a kept batch to the asker alone, as the response to the interaction with which the asker
        came (`collect_token`); without `message`, say that the batch was delivered elsewhere. `more`: offer the next
        message. Idempotent. Raises RouteClosed if the interaction can no longer be answered, Unavailable."""


class ReportPort(Protocol):
    """The moderators' messages about reports."""

    async def post(
        self, outcome: Outcome, report_case: ReportCase, words: Sequence[Report], *, uncertain: bool
    ) -> Posted:
        """Post the message about a reported result in the channel of `report_case`, or edit it if its id is stored or,
        if `uncertain`, a search there finds it. `words`: what each reporter wrote. Raises MessageGone if the message
        was deleted, RouteClosed, Unavailable."""


class ReceiptPort(Protocol):
    """Receipts of erasures."""

    async def send(self, erasure: Erasure) -> None:
        """Send the receipt of an erasure: as the initial response while the interaction token lives and the response
        exists, else as a direct message. Only the initial response is idempotent. Raises RouteClosed, Unavailable."""


class OperatorPort(Protocol):
    """Messages to the operator."""

    def trouble(self) -> Reason | None:
        """Return the delivery problem that the operator should know about now, or None."""

    async def send(self, reason: Reason, parameters: Mapping[str, str | int]) -> None:
        """Alert the operator's channel or, if none is set or it is closed to the bot, the application's owner. Raises
        ServiceError."""


class Delivery(Protocol):
    """Everything that people receive, by subject."""

    @property
    def cards(self) -> CardPort: ...
    @property
    def outcomes(self) -> OutcomePort: ...
    @property
    def messages(self) -> MessagePort: ...
    @property
    def batches(self) -> BatchPort: ...
    @property
    def reports(self) -> ReportPort: ...
    @property
    def receipts(self) -> ReceiptPort: ...
    @property
    def operator(self) -> OperatorPort: ...
