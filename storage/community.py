"""Values of the community features: settings, styles, sets of pictures, batches, reposts, reports, erasures. No I/O."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Final, TypeAlias, TypedDict

from storage.catalogue import DEFAULT
from storage.models import NO_USER, SPOILER_PREFIX, NewReference, NewTask, ReferenceKind, Route


@dataclass(frozen=True, slots=True, kw_only=True)
class GuildSettings:
    """Settings of a server. A setting that the server has not chosen has its default, as all have in direct
    messages."""

    channels: tuple[int, ...] = ()
    """Channels in which pictures may be made, including their threads; empty means every channel."""
    gallery_channel_id: int | None = None
    moderators_channel_id: int | None = None
    greatest_batch: int = 10
    """Largest number of tasks that one request with alternatives may make."""
    size: str = "1:1"
    variants: int = 1
    language: str | None = None
    """Language of messages that everybody in the server reads; None means the asker's language."""
    models: tuple[str, ...] = ()
    """Keys of the models that the server offers; empty means all."""
    model: str = DEFAULT.key
    """Key of the model of a request that names none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Preferences:
    """Defaults that a person has chosen for their requests; None where nothing is chosen."""

    model: str | None = None
    """Key of a model."""
    size: str | None = None
    variants: int | None = None
    private: bool | None = None
    words: str = field(default="", repr=False)
    """Words that are added to each prompt: plain words in one line, without parameters, mentions and braces."""


class PreferenceChanges(TypedDict, total=False):
    """The defaults to change. The others keep their stored values, also if another window changed them since."""

    model: str | None
    size: str | None
    variants: int | None
    private: bool | None
    words: str


class Setting(StrEnum):
    """Settings that a server can choose: the fields of `GuildSettings` and the columns of `guild_settings`."""

    CHANNELS = "channels"
    GALLERY = "gallery_channel_id"
    MODERATORS = "moderators_channel_id"
    MODELS = "models"
    MODEL = "model"
    SIZE = "size"
    VARIANTS = "variants"
    GREATEST_BATCH = "greatest_batch"
    LANGUAGE = "language"


Chosen: TypeAlias = tuple[int, ...] | tuple[str, ...] | int | str | None
"""Value of a setting; None means that nothing was chosen and the default applies."""
LISTS: Final = frozenset({Setting.CHANNELS, Setting.MODELS})
"""Settings whose value is a tuple; their default is an empty one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingChange:
    """One change of a server's setting by one person."""

    at: int
    by: int
    setting: Setting
    after: Chosen


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredPicture:
    """A picture of which the bot stores a copy under `key`."""

    key: str
    filename: str
    content_type: str
    bytes: int
    width: int
    height: int

    @property
    def reference(self) -> NewReference:
        """Return a reference that is read from the stored copy, because Discord may have deleted the original."""
        return NewReference(
            kind=ReferenceKind.IMAGE,
            url="",
            filename=self.filename,
            declared_type=self.content_type,
            declared_bytes=self.bytes,
            stored_key=self.key,
            spoiler=self.filename.startswith(SPOILER_PREFIX),
        )


PROMPT: Final = "{prompt}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Style:
    """A server's named preset. If `size` or `variants` is None, the style leaves it open."""

    id: str
    guild_id: int
    name: str
    template: str = field(repr=False)
    """Contains `PROMPT` exactly once."""
    size: str | None = None
    variants: int | None = None
    picture: StoredPicture | None = None
    created_at: int
    changed_at: int
    changed_by: int

    def words(self, prompt: str) -> str:
        return self.template.replace(PROMPT, prompt)

    def references(self) -> tuple[NewReference, ...]:
        """Return the style's picture as a reference that belongs to the server: a person who uses the style never gets
        the picture itself."""
        return (replace(self.picture.reference, owner_id=NO_USER),) if self.picture is not None else ()


class StyleChanges(TypedDict, total=False):
    """The fields of a style to change. Other fields keep their stored values, even if another person changed them
    since."""

    name: str
    template: str
    size: str | None
    variants: int | None
    picture: StoredPicture | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReferenceSet:
    """A person's named set of one to five pictures, for repeated use as references."""

    id: str
    owner_id: int
    name: str
    pictures: tuple[StoredPicture, ...]
    created_at: int

    def references(self) -> tuple[NewReference, ...]:
        return tuple(picture.reference for picture in self.pictures)


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """The pictures that a person can choose from in an open form."""

    id: str
    person_id: int
    at: int
    pictures: tuple[NewReference, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Tasks made from one request and delivered together. The batch is only a proposal while `begun_at` is None."""

    id: str
    asked: NewTask = field(repr=False)
    """What all tasks share. The prompt still has its braces; the interaction is the one that proposed the batch."""
    words: tuple[str, ...] = field(repr=False)
    """The prompt of each task, by `batch_position`."""
    created_at: int
    begun_at: int | None
    due_at: int | None
    """When (ms) its messages are to be compared with its tasks and updated; None if nothing has changed since, or the
    work was given up."""
    owner: str | None
    """The worker that holds the batch, until `lease_until`."""
    lease_until: int
    failures: int
    route: Route
    """Route of its messages from now on: the channel or the asker's direct messages; `COLLECTED` once the asker has
    collected one of them. Earlier ones may have another route."""
    ending_nonce: str
    ending_attempted_at: int | None
    """When (ms) the closing message, which notifies the asker, was first sent or about to be sent."""
    ending_message_id: int | None = None
    ending_channel_id: int | None = None
    """Channel of the closing message `ending_message_id`."""
    closed_at: int | None
    """When (ms) the closing message was sent, or it became clear that none will be: all tasks were cancelled or
    removed, the asker has collected the last message, or did not come for as long as copies are kept. The other
    messages may still change: pictures may be hidden, removed or downloaded late."""
    undelivered_at: int | None = None
    """When (ms) the complete batch was first found to be undeliverable by any route. Until `closed_at` it is kept for
    its asker."""
    collect_token: str | None = field(default=None, repr=False)
    """Token of the last interaction with which the asker came for the next message of the kept batch."""
    collect_at: int | None = None
    """When (ms) the asker came by `collect_token`; None once that interaction is answered."""


PICTURES_PER_MESSAGE: Final = 10
"""Discord: attachments per message."""


def batch_message_number(position: int, variants: int) -> int:
    """Return the number (from 0) of the batch message that carries all pictures of the task at `position`."""
    return position // max(1, PICTURES_PER_MESSAGE // variants)


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchMessage:
    """One message of a batch. The message was posted if `message_id` is set; it is *uncertain* if only `attempted_at`
    is set."""

    batch_id: str
    route: Route
    number: int
    """From 0."""
    nonce: str
    attempted_at: int | None
    message_id: int | None
    message_channel_id: int | None
    shows: str | None
    """Digest of what the message last showed."""
    shown_at: int | None
    """When (ms) `shows` was last stored."""


class RepostKind(StrEnum):
    """Why a result is reposted."""

    PUBLISHED = "published"
    """A private result was published in the channel where it was asked for."""
    SHOWN = "shown"
    """The asker looked up the result and posted it in a channel."""
    GALLERY = "gallery"


class ReportState(StrEnum):
    OPEN = "open"
    HIDDEN = "hidden"
    """The moderators made the result a spoiler; they may still remove it or dismiss the reports."""
    REMOVED = "removed"
    DISMISSED = "dismissed"


@dataclass(frozen=True, slots=True, kw_only=True)
class NewRepost:
    """A request to repost a result. A second request with the same `once` is not stored: it is the same repost."""

    task_id: str
    kind: RepostKind
    once: str
    channel_id: int
    guild_id: int | None
    locale: str
    upload_limit: int
    """Bytes per file that the channel accepts."""
    asked_by: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Repost:
    """One message that reposts a result. The message was posted if `message_id` is set; it is *uncertain* if only
    `attempted_at` is set."""

    id: str
    task_id: str
    kind: RepostKind
    channel_id: int
    guild_id: int | None
    locale: str
    """Language of the people who read the message."""
    upload_limit: int
    asked_by: int
    asked_at: int
    due_at: int | None
    """When (ms) the result is to be posted; None once it is posted."""
    failures: int
    nonce: str
    attempted_at: int | None
    message_id: int | None
    hidden_at: int | None
    removed_at: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportCase:
    """A result that was reported in a server, and what was decided: by the server's moderators, or by a removal in
    another way, also by the asker."""

    task_id: str
    guild_id: int
    state: ReportState
    locale: str
    """Language of the moderators."""
    seen_channel_id: int
    seen_message_id: int
    """Channel and message in which the result was reported first."""
    opened_at: int
    decided_by: int | None
    decided_at: int | None
    due_at: int | None
    """When (ms) a decision is to be carried out and the moderators' message to be posted or updated; None once both are
    done or given up."""
    failures: int
    nonce: str
    attempted_at: int | None
    channel_id: int | None
    message_id: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """One person's report of a result."""

    reporter_id: int
    at: int
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Erasure:
    """A person's request to erase all data about them that existed when they asked."""

    id: str
    """Also the number of the receipt."""
    person_id: int | None
    """None once the person got the receipt, or could not be reached for 30 days."""
    asked_at: int
    removes: bool
    """Whether the messages of the person's results in Discord are deleted too."""
    marked_at: int | None
    """When (ms) the person's tasks were first marked as removed."""
    locale: str
    interaction_token: str | None = field(repr=False)
    due_at: int | None
    done_at: int | None
    counts: Mapping[str, int]
    """Numbers of items erased so far, by kind."""
