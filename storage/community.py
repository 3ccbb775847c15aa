"""
What a community keeps besides its tasks, as values: settings, styles, sets of pictures, batches. Pure, as `models`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Final, TypeAlias, TypedDict

from storage.models import NOBODY, NewReference, NewTask, ReferenceKind, Route


@dataclass(frozen=True, slots=True, kw_only=True)
class GuildSettings:
    """What a server has chosen; the defaults are those of a server that has chosen nothing, and of direct messages."""

    channels: tuple[int, ...] = ()
    """Where pictures may be made, and in the threads there; empty is everywhere."""
    gallery_channel_id: int | None = None
    moderators_channel_id: int | None = None
    greatest_batch: int = 10
    """Tasks that one request with alternatives may make."""
    size: str = "1:1"
    variants: int = 1
    language: str | None = None
    """Of what everybody there reads; None is that of whoever asks."""


class Setting(StrEnum):
    """What a server can choose: the fields of `GuildSettings`, and the columns of `guild_settings`."""

    CHANNELS = "channels"
    GALLERY = "gallery_channel_id"
    MODERATORS = "moderators_channel_id"
    GREATEST_BATCH = "greatest_batch"
    SIZE = "size"
    VARIANTS = "variants"
    LANGUAGE = "language"


Chosen: TypeAlias = tuple[int, ...] | int | str | None
"""The value of a setting; None is what it is where nothing was chosen."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingChange:
    """One choice of one person for a server."""

    at: int
    by: int
    setting: Setting
    after: Chosen


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptPicture:
    """A picture of which we keep a copy, under `key`."""

    key: str
    filename: str
    content_type: str
    bytes: int
    width: int
    height: int

    @property
    def reference(self) -> NewReference:
        """It goes in from our copy; Discord may no longer have it."""
        return NewReference(
            kind=ReferenceKind.IMAGE,
            url="",
            filename=self.filename,
            declared_type=self.content_type,
            declared_bytes=self.bytes,
            kept_key=self.key,
        )


PROMPT: Final = "{prompt}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Style:
    """A server's named preset. `size` and `variants` are the server's where they are None."""

    id: str
    guild_id: int
    name: str
    template: str = field(repr=False)
    """Has `PROMPT` in it, once."""
    size: str | None = None
    variants: int | None = None
    picture: KeptPicture | None = None
    created_at: int
    changed_at: int
    changed_by: int

    def words(self, prompt: str) -> str:
        return self.template.replace(PROMPT, prompt)

    def references(self) -> tuple[NewReference, ...]:
        """The server's: whoever uses the style is not handed the picture."""
        return (replace(self.picture.reference, owner_id=NOBODY),) if self.picture is not None else ()


class StyleChanges(TypedDict, total=False):
    """What of a style is to be another; the rest stays, whoever changes that meanwhile."""

    name: str
    template: str
    size: str | None
    variants: int | None
    picture: KeptPicture | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReferenceSet:
    """A person's named pictures, one to five of them, to begin with again and again."""

    id: str
    owner_id: int
    name: str
    pictures: tuple[KeptPicture, ...]
    created_at: int

    def references(self) -> tuple[NewReference, ...]:
        return tuple(one.reference for one in self.pictures)


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """What somebody has begun to ask for in a form: the pictures to choose from."""

    id: str
    person_id: int
    at: int
    pictures: tuple[NewReference, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Tasks made out of one request, which are told together. Only proposed as long as `begun_at` is None."""

    id: str
    asked: NewTask = field(repr=False)
    """What the tasks have in common. Its prompt is as typed; its interaction, the one that proposed it."""
    words: tuple[str, ...] = field(repr=False)
    """The prompt of each task, by `batch_position`."""
    created_at: int
    begun_at: int | None
    due_at: int | None
    """When its messages are to be looked at."""
    owner: str | None
    """Whoever works on it, until `lease_until`."""
    lease_until: int
    failures: int
    route: Route
    """Of all its messages: the channel, or the asker's direct messages."""
    ending_nonce: str
    ending_attempted_at: int | None
    """When the asker was first told, or was about to be, that all is there."""
    ending_message_id: int | None = None
    ending_channel_id: int | None = None
    """Where that stands."""
    closed_at: int | None
    """Since when they know. Its messages may still change: hidden, removed, found after all."""


PICTURES_PER_MESSAGE: Final = 10
"""Discord."""


def batch_message_number(position: int, variants: int) -> int:
    """In which message of a batch, from 0, a task stands with all its pictures."""
    return position // max(1, PICTURES_PER_MESSAGE // variants)


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchMessage:
    """One message of a batch. It stands in Discord when `message_id` is set; *uncertain* when only `attempted_at`
    is."""

    batch_id: str
    route: Route
    number: int
    """From 0."""
    nonce: str
    attempted_at: int | None
    message_id: int | None
    message_channel_id: int | None
    shows: str | None
    """A digest of what it was last brought to show."""
    shown_at: int | None


class PostingKind(StrEnum):
    """Why a result is posted once more."""

    PUBLISHED = "published"
    """It was private; now it stands in the channel where it was asked for."""
    SHOWN = "shown"
    """Its asker found it again and wanted it in a channel."""
    GALLERY = "gallery"


class ReportState(StrEnum):
    OPEN = "open"
    HIDDEN = "hidden"
    """A spoiler until it is decided."""
    REMOVED = "removed"
    DISMISSED = "dismissed"


@dataclass(frozen=True, slots=True, kw_only=True)
class NewPosting:
    """A result is to be posted once more. The same `once` again is the same posting."""

    task_id: str
    kind: PostingKind
    once: str
    channel_id: int
    guild_id: int | None
    locale: str
    upload_limit: int
    asked_by: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Posting:
    """One message that shows a result once more. It stands in Discord when `message_id` is set; *uncertain* when only
    `attempted_at` is."""

    id: str
    task_id: str
    kind: PostingKind
    channel_id: int
    guild_id: int | None
    locale: str
    """Of those who read it there."""
    upload_limit: int
    asked_by: int
    asked_at: int
    due_at: int | None
    """When it is to be posted; None once that is done."""
    failures: int
    nonce: str
    attempted_at: int | None
    message_id: int | None
    hidden_at: int | None
    removed_at: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reported:
    """A result that somebody has reported in a server, and what its moderators made of it."""

    task_id: str
    guild_id: int
    state: ReportState
    locale: str
    """Of the moderators."""
    seen_channel_id: int
    seen_message_id: int
    """Where it was reported first."""
    opened_at: int
    decided_by: int | None
    decided_at: int | None
    due_at: int | None
    """When the moderators' message is to be brought up to date; None once that is done."""
    failures: int
    nonce: str
    attempted_at: int | None
    channel_id: int | None
    message_id: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """One person's word on a result."""

    reporter_id: int
    at: int
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Erasure:
    """Somebody wants everything about them erased that was there when they asked."""

    id: str
    """The number of the receipt."""
    person_id: int | None
    """None once they have been told."""
    asked_at: int
    removes: bool
    """Their messages in Discord are to go as well."""
    marked_at: int | None
    """Since when what was there is marked, and the messages of others that name them are to be brought up to date."""
    locale: str
    interaction_token: str | None = field(repr=False)
    due_at: int | None
    done_at: int | None
    counts: Mapping[str, int]
    """What is erased by now, by kind."""
