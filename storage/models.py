"""
Values of stored tasks: their states, references, pictures and messages. No database, no Discord, no HTTP.

Times are integers: milliseconds since the epoch, UTC. Discord ids are integers; ids of the image API are opaque text.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final, TypedDict

from storage.catalogue import DEFAULT


class TaskState(StrEnum):
    """State of a task; `MOVES` lists the allowed changes."""

    QUEUED = "queued"
    """The task waits for its preparation or for a create; the image API works on no job of it."""
    SUBMITTING = "submitting"
    """A create was stored and may have been sent: the image API may know the task."""
    GENERATING = "generating"
    """The image API knows the task by `job_id`."""
    SETTLED = "settled"
    """The outcome is known; its delivery has not ended."""
    CLOSED = "closed"
    """The outcome was delivered to the asker, or will not be: withheld, removed or given up. A task of a batch is
    closed before the batch delivers its outcome."""
    CANCELLED = "cancelled"
    """The asker cancelled the task while it was queued, or its data was erased then."""


MOVES: Final[Mapping[TaskState, frozenset[TaskState]]] = {
    TaskState.QUEUED: frozenset({TaskState.SUBMITTING, TaskState.SETTLED, TaskState.CANCELLED}),
    TaskState.SUBMITTING: frozenset({TaskState.GENERATING, TaskState.QUEUED, TaskState.SETTLED}),
    TaskState.GENERATING: frozenset({TaskState.SETTLED, TaskState.QUEUED}),
    TaskState.SETTLED: frozenset({TaskState.CLOSED, TaskState.GENERATING}),
    TaskState.CLOSED: frozenset({TaskState.GENERATING}),
    TaskState.CANCELLED: frozenset(),
}

OPEN_STATES: Final = frozenset({TaskState.QUEUED, TaskState.SUBMITTING, TaskState.GENERATING, TaskState.SETTLED})
ENDED_STATES: Final = frozenset(TaskState) - OPEN_STATES


UNCONFIRMED: Final = "unconfirmed"
"""The reason of a task whose create was never answered."""
RESTORED: Final = "restored"
"""The reason of a task that waited when the backup was made from which its row was restored: it may have been made
since."""
NO_USER: Final = 0
"""Id in place of a person: the person was erased, or the picture belongs to no person."""
SPOILER_PREFIX: Final = "SPOILER_"
"""Discord: a file whose name begins so is a spoiler."""
UNNAMED: Final = "picture"
"""File name of a picture of another person than the asker: the owner's file name may reveal too much."""


class ReferenceKind(StrEnum):
    IMAGE = "image"
    MASK = "mask"


class Route(StrEnum):
    """How a part of an outcome, or a batch, reaches the asker, in the order of the attempts. No outcome tries all of
    them."""

    CHANNEL = "channel"
    ORIGINAL = "original"
    """Edits the interaction's first response: idempotent."""
    EPHEMERAL = "ephemeral"
    """Another response to the interaction, visible to the asker alone. For refusals of the asker's files, unless the
    request is private."""
    DIRECT = "direct"
    COLLECTED = "collected"
    """Edits the response to the button with which the asker fetched the outcome: visible to the asker alone,
    idempotent."""


class Reach(StrEnum):
    """How the messages of a task reach its asker in the place where it was asked for."""

    CHANNEL = "channel"
    """They are posted there."""
    ANSWER = "answer"
    """They answer the interaction, for 15 minutes; after that they are direct messages. For private tasks, and where
    Discord lets the bot do nothing else, because only the asker has installed it."""


class Derivation(StrEnum):
    """How a task was derived from another task."""

    AGAIN = "again"
    EDIT = "edit"
    VARY = "vary"


class CreateState(StrEnum):
    """What became of a create."""

    SENT = "sent"
    """It was stored, and may have been sent; no answer is stored yet."""
    TAKEN = "taken"
    """The image API accepted it and works on its job."""
    DONE = "done"
    """Its pictures are made."""
    FAILED = "failed"
    """It ended without pictures and is not sent again."""
    REFUSED = "refused"
    """It was not accepted; another create takes its place."""
    UNCONFIRMED = "unconfirmed"
    """It is unknown whether it was accepted; a callback may still say that it was."""


def first_route(reach: Reach) -> Route:
    """Return the first route of an outcome, by the task's reach alone: a refusal of the asker's files and a batch may
    begin with another one."""
    return Route.CHANNEL if reach is Reach.CHANNEL else Route.ORIGINAL


def new_id() -> str:
    """Return the id of a new task, batch, repost, erasure, set, style or draft: 16 hex digits (64 random bits), short
    enough for a `custom_id`, a file name and a person."""
    return secrets.token_hex(8)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewReference:
    """An input picture or mask of a new request: to be downloaded, or with a stored copy to use."""

    kind: ReferenceKind
    url: str = field(repr=False)
    """Discord's URL, signed and short-lived for an attachment; empty if only the stored copy is used, or if the owner
    was erased."""
    filename: str
    declared_type: str | None = None
    declared_bytes: int = 0
    stored_key: str | None = None
    """Key of a stored copy to use, while it exists, instead of downloading `url`: of an earlier request, a result, a
    set or a style."""
    owner_id: int | None = None
    """Owner of the picture, as in `Reference`; None means the asker."""
    spoiler: bool = False
    """The picture was a spoiler where it comes from, or another picture of the earlier request was one."""

    @property
    def is_gone(self) -> bool:
        """Return whether the picture can no longer be read, because its owner was erased."""
        return not self.url and self.stored_key is None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """An input picture or mask and its processing state. `key` is that of the bot's own copy; None until it is stored
    and after it was deleted."""

    task_id: str
    position: int
    """From 0, in the order attached; the mask comes last."""
    kind: ReferenceKind
    url: str = field(repr=False)
    filename: str
    declared_type: str | None = None
    declared_bytes: int = 0
    stored_key: str | None = None
    key: str | None = None
    content_type: str | None = None
    bytes: int | None = None
    width: int | None = None
    height: int | None = None
    uploaded_url: str | None = None
    """URL of the copy at the image API, after the upload through its File Upload API."""
    uploaded_at: int | None = None
    change_share: float | None = None
    """Of a mask: the share of the picture that changes, above 0 and at most 1. None for a mask whose copy is still as
    it was attached, and for a picture."""
    owner_id: int | None = None
    """Owner of the picture: who attached it, or whose set, avatar or message it comes from. `NO_USER` for a result that
    others could see, for a server's style, and after the owner was erased. Another person's picture is used but never
    handed out, and is erased with its owner."""
    is_converted: bool = False
    """Whether the stored copy differs from the file at `url`, if only in its metadata. The image API then gets the copy
    by upload, never that URL."""
    is_first_frame: bool = False
    """Whether the attached file has more frames or pages than the copy."""
    is_reduced: bool = False
    """Whether the copy was made smaller than the attached picture, in pixels or bytes, to fit the limits."""
    is_cut: bool = False
    """Whether the attached file lacked its last bytes, so the copy lacks the lower edge or detail."""

    @property
    def is_gone(self) -> bool:
        """Return whether the picture can no longer be read, because its owner was erased."""
        return not self.url and self.stored_key is None and self.key is None

    @property
    def is_prepared(self) -> bool:
        """Return whether `key` is the copy that the image API gets."""
        return self.key is not None and (self.kind is not ReferenceKind.MASK or self.change_share is not None)

    def is_of_another(self, asker_id: int) -> bool:
        """Return whether the picture belongs to another person than `asker_id`; False also if it belongs to no
        person, as after its owner was erased."""
        return self.owner_id not in {None, NO_USER, asker_id}


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Where a request came from: one interaction, or one message to the bot, of one person in one channel. For a
    message, `interaction_id` is its id; for a task of a batch, it is made up and negative."""

    interaction_id: int
    interaction_token: str = field(repr=False)
    arrived_at: int
    asker_id: int
    channel_id: int
    guild_id: int | None = None
    locale: str = "en-US"
    guild_locale: str | None = None
    upload_limit: int = 10 * 1024 * 1024
    """Bytes per file that the channel accepts."""
    private: bool = False
    """Only the asker may see the request and its outcome."""
    reach: Reach = Reach.CHANNEL

    def fields(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in Origin.__slots__}


@dataclass(frozen=True, slots=True, kw_only=True)
class PictureRequest:
    """What is asked of a model: the one value from the command to the image API."""

    prompt: str = field(default="", repr=False)
    model: str = DEFAULT.key
    """Key of the model in the `catalogue`."""
    size: str = DEFAULT.sizes[0]
    fits_picture: bool = False
    """The size is still open: `size` is the server's, in direct messages the default, until the preparation sets the
    one nearest to the first picture."""
    resolution: str | None = None
    """One of the model's resolutions (1K, 2K, …); None means the model's default."""
    background: str | None = None
    """`transparent`; None means what the model makes of its own accord."""
    variants: int = DEFAULT.variants[0]
    """Number of pictures."""
    enhance: bool = False
    fallback: bool = False
    style: str | None = None
    """Name of the style whose template surrounds the prompt."""
    references: tuple[NewReference, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class NewTask(Origin):
    """One request of one person, as it arrived. `interaction_id` is unique: the same id again is the same task."""

    request: PictureRequest
    again_of: str | None = None
    """The task that this task repeats."""
    derivation: Derivation | None = None
    parent_id: str | None = None
    """The task whose request or picture this task started from."""
    parent_picture: int | None = None
    """Position of that picture, if the task started from a picture."""
    batch_id: str | None = None
    batch_position: int | None = None
    creates_wanted: int = 1
    """How many creates make the pictures, by the `catalogue`."""
    estimated_credits: float | None = None
    """What the pictures will cost by the `catalogue`, in credits."""
    parameters: Mapping[str, str] = field(default_factory=dict)
    """What became of parameters such as `--ar` at the end of the typed words, as `bot.intake.words` says."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One row of `tasks`. Read-only: changes go through `TaskStore`."""

    id: str
    state: TaskState
    interaction_id: int
    interaction_token: str = field(repr=False)
    arrived_at: int
    asker_id: int
    channel_id: int
    guild_id: int | None
    locale: str
    guild_locale: str | None
    upload_limit: int
    provider: str
    """The API that knows the task's jobs: a `WireForm` of the `catalogue`."""
    model: str
    prompt: str = field(repr=False)
    size: str
    fits_picture: bool
    resolution: str | None
    background: str | None
    variants: int
    enhance: bool
    fallback: bool
    again_of: str | None
    private: bool
    reach: Reach
    derivation: Derivation | None
    parent_id: str | None
    parent_picture: int | None
    family_id: str | None
    """The first task of all tasks that were derived from one another; None for the first task itself."""
    style: str | None
    batch_id: str | None
    batch_position: int | None
    parameters: Mapping[str, str]
    """What became of parameters in the typed words, as in `NewTask`."""
    created_at: int
    due_at: int
    """No worker claims the task before this time, unless a process died or ran out of memory while it worked on it."""
    owner: str | None
    """The process that works on the task, until `lease_until`."""
    lease_until: int
    failures: int
    """Failed attempts in a row at the present step; the back-off grows with this number."""
    faults: int
    """Creates that the image API answered with 500, after which the task was queued again; the third such answer ends
    the task."""
    attempts: int
    """Attempts of work that may kill the process (preparation, delivery) and that did not end: counted when the task is
    claimed, reset to 0 when the task is released. More than 0 while no worker holds the task means that a process died
    or ran out of memory during that work."""
    prepared_at: int | None
    by_upload: bool
    """The references are uploaded through the File Upload API instead of sent as links."""
    creates_wanted: int
    """How many creates make the pictures of the task: as expected by the request, and as it is once the first create
    has begun."""
    next_create_at: int | None
    """When (ms) the next of several creates may begin; None if the task is not `generating`, or wants no further
    create."""
    estimated_credits: float | None
    """What the pictures cost by the `catalogue`, in credits; None for tasks that are older than this column."""
    consumed_credits: float | None
    """What they cost, as the image API said; None if it did not say so of every create that made pictures."""
    job_id: str | None
    """The provider's id of the task."""
    unconfirmed_at: int | None
    """Since when it is unknown whether the create was accepted; a callback may still say that it was."""
    claimed_job_id: str | None
    """The id under which the create was accepted, according to a callback or to an answer that could not be stored;
    not checked yet."""
    generating_at: int | None
    progress: float
    """0 to 1, as last reported by the image API."""
    overdue_notified_at: int | None
    """Since when the task is overdue: it generates for longer than expected. It is still polled, and no longer counts
    as in flight."""
    settled_at: int | None
    reason: str | None
    """Why there are no pictures; None on success, while the outcome is not known, and for a cancelled task."""
    reason_parameters: Mapping[str, str | int]
    charged: bool
    """The task has cost pictures, or may still cost some: it counts against the limits per day."""
    undelivered_at: int | None
    """When the outcome first could not be delivered, so that it was kept until the asker returns; stays set after the
    delivery."""
    collect_token: str | None = field(repr=False)
    """Token of the interaction with which the asker came for the kept outcome."""
    collect_at: int | None
    """When the asker came, by that interaction."""
    closed_at: int | None
    card_message_id: int | None
    withheld_at: int | None
    """Since when the asker wants the outcome kept and not posted."""
    spoiler: bool
    """An input picture was a spoiler, so all pictures of the task are shown as spoilers."""
    hidden_at: int | None
    """Since when its messages that others see are spoilers, because moderators hid them."""
    removed_at: int | None
    """Since when the result is removed. Its messages are to be deleted or are deleted; some stay, as after an erasure
    that does not remove them."""
    removed_by: int | None
    """The asker or a moderator; `NO_USER` after that person was erased."""
    sync_at: int | None
    """When its messages in Discord are to be updated, because what they should show has changed."""
    sync_asked_at: int | None
    """When what they should show changed last; None if it never did."""
    backed_up_at: int | None
    """When the backup was made from which this row was restored; None for a row that was not restored. What happened
    to the task between that time and the restore is unknown: it may have been created, paid and delivered. So no create
    of it is begun, and its outcome is looked for before it is posted."""

    @property
    def open(self) -> bool:
        return self.state in OPEN_STATES

    @property
    def is_spoiler(self) -> bool:
        """Return whether its pictures are shown as spoilers, for whichever reason."""
        return bool(self.spoiler) or self.hidden_at is not None

    @property
    def request(self) -> PictureRequest:
        """The request without its input pictures, which are in rows of their own."""
        return PictureRequest(
            prompt=self.prompt,
            model=self.model,
            size=self.size,
            fits_picture=self.fits_picture,
            resolution=self.resolution,
            background=self.background,
            variants=self.variants,
            enhance=self.enhance,
            fallback=self.fallback,
            style=self.style,
        )


class Changes(TypedDict, total=False):
    """The columns that `TaskStore.move`, `change` and `settle` may set."""

    size: str
    fits_picture: bool
    due_at: int
    owner: str | None
    lease_until: int
    failures: int
    faults: int
    attempts: int
    prepared_at: int | None
    by_upload: bool
    creates_wanted: int
    next_create_at: int | None
    consumed_credits: float | None
    provider: str
    job_id: str | None
    """The provider's id of the task."""
    unconfirmed_at: int | None
    claimed_job_id: str | None
    generating_at: int | None
    progress: float
    overdue_notified_at: int | None
    charged: bool
    undelivered_at: int | None
    closed_at: int | None
    card_message_id: int | None
    deleted_card: int | None
    """Sets no column of its own, but `card_message_id` to None if it is this."""
    withheld_at: int | None
    hidden_at: int | None
    removed_at: int | None
    removed_by: int | None
    sync_at: int | None


class Released(TypedDict):
    """The columns that release a task."""

    owner: None
    lease_until: int
    due_at: int
    attempts: int


def released(due_at: int) -> Released:
    """Return the columns that release a task and make it due again at `due_at` (ms). The attempt counts as ended."""
    return {"owner": None, "lease_until": 0, "due_at": due_at, "attempts": 0}


class Kept(TypedDict):
    """The columns that keep a task for its worker, who goes on with risky work: the attempt is counted."""

    lease_until: int
    due_at: int
    attempts: int


def kept(due_at: int, *, until: int) -> Kept:
    """Return the columns with which the worker of a settled task keeps it until `until` (ms) and delivers it at once,
    as after `ClaimStore.claim`."""
    return {"lease_until": until, "due_at": due_at, "attempts": 1}


@dataclass(frozen=True, slots=True, kw_only=True)
class Create:
    """One create of a task, stored before it was sent."""

    id: int
    task_id: str
    at: int
    provider: str
    job_id: str | None
    """The provider's id of the job, once known."""
    called_back_at: int | None
    """When the first callback with the token of this create came."""
    number: int = 0
    """Which of the task's pictures it makes: the position of the first one. A create that replaces a refused one has
    the same number."""
    state: CreateState = CreateState.SENT
    estimated_credits: float | None = None
    """Its price by the `catalogue`."""
    consumed_credits: float | None = None
    """Its price as the image API said."""
    claimed_job_id: str | None = None
    """The id under which it was accepted, according to a callback; not checked yet."""
    urls: tuple[str, ...] = field(default=(), repr=False)
    """Addresses of its pictures, once they are made."""
    reason: str | None = None
    """Why it FAILED; of a REFUSED create, set only if the image API answered with 500."""
    ended_at: int | None = None
    """When it was DONE, FAILED or REFUSED."""
    answered_at: int | None = None
    """When the image API answered it, or it became known that no answer will come; None until that is stored. The
    image API counted the create before that time."""


class CreateChanges(TypedDict, total=False):
    """The columns that `CreateStore.change` may set."""

    state: CreateState
    job_id: str | None
    claimed_job_id: str | None
    consumed_credits: float | None
    urls: tuple[str, ...]
    reason: str | None
    ended_at: int | None
    answered_at: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """An output picture. `key` is the bot's own copy; without a copy the picture is delivered as a link to `url`."""

    task_id: str
    position: int
    url: str = field(repr=False)
    key: str | None = None
    content_type: str | None = None
    bytes: int | None = None
    width: int | None = None
    height: int | None = None
    unfetchable: bool = False
    """Delivered as a link, because the download failed for some minutes or because the process died while handling the
    picture; in the second case even if there is a copy."""
    tries: int = 0
    """Retries of the download since the picture was delivered as a link."""
    due_at: int | None = None
    """When (ms) the next retry is due; None for a picture that is not retried: not delivered as a link, stored, too
    large or given up."""
    late_at: int | None = None
    """Since when the late copy is stored; None once the messages that showed the link carry the picture or are to stay
    as they are, and for a picture that was not late."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewPart:
    """One message of an outcome, planned before the first one is posted."""

    pictures: tuple[int, ...] = ()
    """Positions of the pictures that the message carries."""
    nonce: str
    route: Route | None = None
    """The first route; None means that of the task's reach."""


LATE_PARTS: Final = 100
"""Number of a part that carries late pictures, if the message with their links is out of reach: this number plus the
position of the first such picture."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OutcomePart:
    """One message of an outcome. The message was sent if `message_id` is set; it is *uncertain* if only `attempted_at`
    is set."""

    task_id: str
    number: int
    """From 0; no part but part 0 may mention the asker. From `LATE_PARTS` on: sent later, with late pictures. -1: the
    first message of an earlier outcome that an adoption withdrew."""
    pictures: tuple[int, ...]
    nonce: str
    route: Route
    attempted_at: int | None = None
    """When the part was first sent or about to be sent, by any route but `collected`, whose attempts are not stored;
    None if never."""
    message_id: int | None = None
    message_channel_id: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskEvent:
    """One entry of a task's audit trail: a move (`before` is None for a new task), or, with the same state before and
    after, what happened to a late picture. `why`: the cause, in words."""

    task_id: str
    at: int
    before: TaskState | None
    after: TaskState
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Limits on what a person may ask for and store; 0 means no limit. A day is the last 24 hours."""

    open_tasks_per_user: int
    """Tasks without a delivered outcome, however many pictures each has. A task whose outcome could not be delivered
    and waits for the asker does not count."""
    pictures_per_user_per_day: int
    """Pictures asked for: a task counts with its number of variants, unless it ended without a charge."""
    pictures_per_day: int
    """As the field above, for all people together."""
    stored_bytes_per_user: int = 0
    """Bytes of the person's sets and of the input pictures of their requests, reused ones too, as long as the bot
    stores them."""
    stored_bytes_per_user_per_day: int = 0
    """Bytes of such pictures that arrive in a day; those of requests count even if their copies are deleted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateLimits:
    """
    Limits that a create must keep. No create is begun at a limit.

    The image API counts a create when it arrives, at an unknown moment between the time its row is stored and the time
    its answer is stored. A create therefore counts for all of that time and `window_ms` more. So the limit holds
    however long the work between the row and the request takes: of the creates that arrive within `window_ms`, all
    others counted already when the row of the last one was stored.
    """

    per_window: int
    """Creates that are not answered, or were answered in the last `window_ms`."""
    window_ms: int
    unanswered_ms: int = 90_000
    """How long after its row was stored a create without an answer counts at most. Mostly the end of a create whose
    process died is known sooner: when another process takes its task over."""
    in_flight: int
    """Creates that the tasks that are `submitting` or `generating` and not overdue want, at the same time. A task that
    wants more begins alone."""
