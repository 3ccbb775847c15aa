"""
What is remembered, as values. Pure: no database, no Discord, no HTTP.

Times are integers: milliseconds since the epoch, UTC. Ids of Discord are integers; those of the image API opaque text.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, TypedDict


class TaskState(StrEnum):
    """Where a task is in its life; `MOVES` says where it can go from there."""

    QUEUED = "queued"
    """Only we know of it."""
    SUBMITTING = "submitting"
    """A create was written down and may have been sent: perhaps the image API knows."""
    GENERATING = "generating"
    """The image API knows it by `kie_id`."""
    SETTLED = "settled"
    """The outcome is known; nobody was told yet."""
    CLOSED = "closed"
    """The asker was told."""
    CANCELLED = "cancelled"
    """The asker took it back while it was queued."""


MOVES: Final[Mapping[TaskState, frozenset[TaskState]]] = {
    TaskState.QUEUED: frozenset({TaskState.SUBMITTING, TaskState.SETTLED, TaskState.CANCELLED}),
    TaskState.SUBMITTING: frozenset({TaskState.GENERATING, TaskState.QUEUED, TaskState.SETTLED}),
    TaskState.GENERATING: frozenset({TaskState.SETTLED, TaskState.QUEUED}),
    TaskState.SETTLED: frozenset({TaskState.CLOSED, TaskState.GENERATING}),
    TaskState.CLOSED: frozenset({TaskState.GENERATING}),
    TaskState.CANCELLED: frozenset(),
}

OPEN_STATES: Final = frozenset({TaskState.QUEUED, TaskState.SUBMITTING, TaskState.GENERATING, TaskState.SETTLED})


NOBODY: Final = 0
"""In the place of a person: one who was erased, or a picture that is no person's own."""
UNNAMED: Final = "picture"
"""The file name of a picture that is somebody else's than the asker's: their own name for it may say too much."""


class ReferenceKind(StrEnum):
    IMAGE = "image"
    MASK = "mask"


class Route(StrEnum):
    """How a part of an outcome reaches the asker, in the order tried."""

    CHANNEL = "channel"
    ORIGINAL = "original"
    """Edits the interaction's first answer: harmless to repeat."""
    DIRECT = "direct"
    COLLECTED = "collected"
    """Edits the answer to the button with which the asker came for it: for them alone, harmless to repeat."""


class Reach(StrEnum):
    """How we get at the place where a task was asked for."""

    CHANNEL = "channel"
    """We may post there."""
    ANSWER = "answer"
    """Only in answer to the interaction, for 15 minutes; then by direct message. What only the asker is to see, and
    where only the asker has installed us."""


class Kinship(StrEnum):
    """How a task came from another one."""

    AGAIN = "again"
    EDIT = "edit"
    VARY = "vary"


def first_route(reach: Reach) -> Route:
    """How an outcome is brought first."""
    return Route.CHANNEL if reach is Reach.CHANNEL else Route.ORIGINAL


def new_task_id() -> str:
    """16 hex digits: short enough for a `custom_id`, a file name and a person; 64 random bits."""
    return secrets.token_hex(8)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewReference:
    """A picture that goes in, as the asker attached it."""

    kind: ReferenceKind
    url: str = field(repr=False)
    """Discord's signed address; short-lived."""
    filename: str
    declared_type: str | None = None
    declared_bytes: int = 0
    kept_key: str | None = None
    """A copy of ours to take instead of fetching `url` (when a task is asked again)."""
    owner_id: int | None = None
    """Whose picture it is, as in `Reference`; None is whoever asks."""

    @property
    def is_gone(self) -> bool:
        """There is no way left to its bytes: its owner was erased."""
        return not self.url and self.kept_key is None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """A picture that goes in, with what became of it. `key` is our own copy, once prepared."""

    task_id: str
    position: int
    """From 0, in the order attached; the mask comes last."""
    kind: ReferenceKind
    url: str = field(repr=False)
    filename: str
    declared_type: str | None = None
    declared_bytes: int = 0
    kept_key: str | None = None
    key: str | None = None
    content_type: str | None = None
    bytes: int | None = None
    width: int | None = None
    height: int | None = None
    uploaded_url: str | None = None
    """Where the image API finds our copy, after it went through its File Upload API."""
    uploaded_at: int | None = None
    owner_id: int | None = None
    """Whose picture it is: who attached it, whose set, avatar or message it comes from. `NOBODY` for a result that
    others could see, for a server's style, and where its owner was erased. Somebody else's is used and never handed
    out, and is erased with its owner."""

    @property
    def is_gone(self) -> bool:
        """There is no way left to its bytes: its owner was erased."""
        return not self.url and self.kept_key is None and self.key is None

    def is_of_another(self, asker_id: int) -> bool:
        """It belongs to another person than this one."""
        return self.owner_id not in {None, NOBODY, asker_id}


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Where a request came from: one interaction of one person in one channel."""

    interaction_id: int
    interaction_token: str = field(repr=False)
    arrived_at: int
    asker_id: int
    channel_id: int
    guild_id: int | None = None
    locale: str = "en-US"
    guild_locale: str | None = None
    upload_limit: int = 10 * 1024 * 1024
    """Bytes per file that this channel takes."""
    private: bool = False
    """Only the asker is to see anything of it."""
    reach: Reach = Reach.CHANNEL


@dataclass(frozen=True, slots=True, kw_only=True)
class NewTask(Origin):
    """One request of one person, as it arrived. `interaction_id` is unique: the same one again is the same task."""

    prompt: str
    size: str = "1:1"
    variants: int = 1
    enhance: bool = False
    fallback: bool = False
    references: tuple[NewReference, ...] = ()
    again_of: str | None = None
    """The task this one asks again."""
    kinship: Kinship | None = None
    parent_id: str | None = None
    """The task whose request or picture this one began with."""
    parent_picture: int | None = None
    """The position of that picture, where it began with one."""
    style: str | None = None
    """The name of the preset its words were put into."""
    batch_id: str | None = None
    batch_position: int | None = None


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
    prompt: str = field(repr=False)
    size: str
    variants: int
    enhance: bool
    fallback: bool
    again_of: str | None
    private: bool
    reach: Reach
    kinship: Kinship | None
    parent_id: str | None
    parent_picture: int | None
    family_id: str | None
    """The first task of those that came from one another; None for that one itself."""
    style: str | None
    batch_id: str | None
    batch_position: int | None
    created_at: int
    due_at: int
    """Not looked at before this time."""
    owner: str | None
    """The process that works on it, until `lease_until`."""
    lease_until: int
    failures: int
    """Failed attempts in a row at the present step; the distance to the next one grows with it."""
    faults: int
    """Creates that the image API answered with 500; at most three."""
    attempts: int
    """How often work on it that may end the whole process was begun without coming to an end: counted when it is
    claimed, back to 0 when it is released. At a start, more than 0 means that the process died during that work."""
    prepared_at: int | None
    by_upload: bool
    """Its references go through the File Upload API instead of as links."""
    kie_id: str | None
    unconfirmed_at: int | None
    """Since when nobody knows whether its create was taken; a callback may still say so."""
    claimed_kie_id: str | None
    """What a callback says that its create was taken as; not looked into yet."""
    generating_at: int | None
    progress: float
    """0 to 1, as the image API last said."""
    overdue_told_at: int | None
    settled_at: int | None
    reason: str | None
    """Why there are no pictures; None for success or while open."""
    reason_parameters: Mapping[str, str | int]
    charged: bool
    """It has cost pictures, or may have, or may yet: counts against the limits per day."""
    kept_at: int | None
    """Since when its outcome waits for the asker to come back, as nobody could be told."""
    collect_token: str | None = field(repr=False)
    """The asker has come for it: the token of that interaction."""
    collect_at: int | None
    closed_at: int | None
    card_message_id: int | None
    unwanted_at: int | None
    """Since when its asker wants it kept and not posted."""
    hidden_at: int | None
    """Since when its messages are spoilers."""
    removed_at: int | None
    """Since when its messages are to go, or are gone."""
    removed_by: int | None
    upkeep_at: int | None
    """When its messages in Discord are to be looked at, because what they should be has changed."""

    @property
    def open(self) -> bool:
        return self.state in OPEN_STATES


class Changes(TypedDict, total=False):
    """The columns a move or a change may set."""

    due_at: int
    owner: str | None
    lease_until: int
    failures: int
    faults: int
    attempts: int
    prepared_at: int | None
    by_upload: bool
    kie_id: str | None
    unconfirmed_at: int | None
    claimed_kie_id: str | None
    generating_at: int | None
    progress: float
    overdue_told_at: int | None
    charged: bool
    kept_at: int | None
    closed_at: int | None
    card_message_id: int | None
    unwanted_at: int | None
    hidden_at: int | None
    removed_at: int | None
    removed_by: int | None
    upkeep_at: int | None


class Released(TypedDict):
    """The columns that give a task out of one's hands."""

    owner: None
    lease_until: int
    due_at: int
    attempts: int


def released(due_at: int) -> Released:
    """Nobody's any more, to be looked at again at `due_at` (ms). The work on it has come to an end in order."""
    return {"owner": None, "lease_until": 0, "due_at": due_at, "attempts": 0}


@dataclass(frozen=True, slots=True, kw_only=True)
class Create:
    """One create of a task, written down before it was sent."""

    id: int
    task_id: str
    at: int
    kie_id: str | None
    """What the image API called it, once that is known."""
    called_back_at: int | None
    """When a callback with its token first came."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """A picture that came out. `key` is our own copy; without one it is told as a link to `url`."""

    task_id: str
    position: int
    url: str = field(repr=False)
    key: str | None = None
    content_type: str | None = None
    bytes: int | None = None
    width: int | None = None
    height: int | None = None
    unfetchable: bool = False
    """Told as a link, as it could not be fetched within some minutes, or as the process died of it: then also where
    there is a copy."""
    tries: int = 0
    """How often it was tried again after that."""
    due_at: int | None = None
    """When it is tried the next time (ms); None where it is here, or given up."""
    late_at: int | None = None
    """Since when we have it, while the messages that told its link are not edited yet to hold it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewPart:
    """One message of an outcome, decided before the first is posted."""

    pictures: tuple[int, ...] = ()
    """Positions of the pictures it carries."""
    nonce: str


LATE_PARTS: Final = 100
"""The number of a part that brings pictures which came late, where the message that told their links is out of reach:
this and the position of the first of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OutcomePart:
    """One message of an outcome. Sent when `message_id` is set; *uncertain* when only `attempted_at` is."""

    task_id: str
    number: int
    """From 0; part 0 mentions the asker. From `LATE_PARTS` on: sent later, with pictures that came late."""
    pictures: tuple[int, ...]
    nonce: str
    route: Route
    attempted_at: int | None = None
    """When it was first sent, by whatever route; None if it never was."""
    message_id: int | None = None
    message_channel_id: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskEvent:
    """One row of the audit trail."""

    task_id: str
    at: int
    before: TaskState | None
    after: TaskState
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a submit must not pass; 0 is no limit. Days are the last 24 hours; variants count."""

    open_tasks_per_user: int
    pictures_per_user_per_day: int
    pictures_per_day: int
    stored_bytes_per_user: int = 0
    """Of what they attached and their sets, as long as we keep it."""
    stored_bytes_per_user_per_day: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateLimits:
    """What starting a create must not pass."""

    per_window: int
    window_ms: int
    in_flight: int
    """Tasks `submitting` or `generating` and not overdue."""
