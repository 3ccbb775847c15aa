"""The loopback Discord's messages, and a log of every post, edit and deletion, with its files."""

from __future__ import annotations

import asyncio
import re
import time
from dataclasses import dataclass, field, replace
from datetime import timedelta
from enum import StrEnum
from typing import Any

from tests.wire import components
from tests.wire.cdn import Cdn, Stored
from tests.wire.clock import Clock
from tests.wire.components import LOADING, V2
from tests.wire.places import Channel, Person, Places
from tests.wire.refusals import Refused, invalid
from tests.wire.uploads import FILES, Sent, Upload

NONCE_LIFE = timedelta(minutes=5)
"""How long a nonce is remembered; Discord says a few minutes."""


class Doing(StrEnum):
    POSTED = "posted"
    EDITED = "edited"
    DELETED = "deleted"


class Way(StrEnum):
    """The kind of request that caused an act."""

    CHANNEL = "channel"
    CALLBACK = "callback"
    ORIGINAL = "original"
    FOLLOWUP = "followup"
    PERSON = "person"
    """By a person, not by the bot."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """One post, edit or deletion of a message."""

    doing: Doing
    way: Way
    message_id: str
    channel_id: str
    payload: dict[str, Any]
    """As it was sent."""
    files: tuple[Upload, ...]
    at: float = field(default_factory=time.perf_counter)
    """Seconds, by `time.perf_counter`."""


@dataclass(eq=False, kw_only=True)
class Kept:
    """One existing message."""

    id: str
    channel: Channel
    author: Person
    written: str
    """When the message was posted, as ISO 8601."""
    nonce: str | None = None
    posted_ms: int = 0
    flags: int = 0
    content: str = ""
    embeds: list[dict[str, Any]] = field(default_factory=list)
    components: list[dict[str, Any]] = field(default_factory=list)
    """As they were sent."""
    attachments: list[Stored] = field(default_factory=list)
    allowed_mentions: dict[str, Any] | None = None
    edited: str | None = None
    only_for: Person | None = None
    """The only person who sees the message, if it is ephemeral."""
    about: dict[str, Any] = field(default_factory=dict)
    """Further fields of the payload."""
    payload: dict[str, Any] = field(default_factory=dict)
    """The payload as last returned."""


@dataclass
class Messages:
    clock: Clock
    cdn: Cdn
    places: Places
    changed: asyncio.Condition
    keep_bytes: bool = True
    """Whether to keep uploaded contents, so that the CDN serves them."""
    kept: dict[str, Kept] = field(default_factory=dict)
    acts: list[Act] = field(default_factory=list)
    _nonces: dict[tuple[int, str | None], Kept] = field(default_factory=dict)

    async def post(
        self,
        channel: Channel,
        author: Person,
        sent: Sent,
        *,
        way: Way,
        only_for: Person | None = None,
        about: dict[str, Any] | None = None,
    ) -> Kept:
        """
        Post a message; with `enforce_nonce` return the author's earlier message of this nonce instead. Raises
        Refused.
        """
        wanted = int(sent.payload.get("flags") or 0)
        self._check_files(channel, sent)
        if not wanted & LOADING:
            components.check(sent.payload, wanted, carries_files=bool(sent.files))
        self._check_media(sent, [])
        if before := self._same(author, sent.payload):
            return before
        kept = Kept(
            id=str(self.clock.snowflake()),
            channel=channel,
            author=author,
            written=self.clock.written(),
            posted_ms=self.clock.now(),
            nonce=str(sent.payload["nonce"]) if sent.payload.get("nonce") else None,
            flags=wanted,
            only_for=only_for,
            about=about or {},
        )
        self._fill(kept, sent)
        self.kept[kept.id] = kept
        self._nonces[author.id, kept.nonce] = kept
        await self._tell(Doing.POSTED, way, kept, sent)
        return kept

    async def edit(self, kept: Kept, sent: Sent, *, way: Way) -> Kept:
        """Edit a message; fields that are not sent stay unchanged. Raises Refused."""
        self._check_files(kept.channel, sent)
        flags = (kept.flags | int(sent.payload.get("flags") or 0)) & ~LOADING
        stays = {"content": kept.content, "embeds": kept.embeds, "components": kept.components}
        staying = self._staying(kept, sent)
        components.check(stays | sent.payload, flags, carries_files=bool(staying or sent.files))
        self._check_media(sent, staying)
        kept.flags, kept.attachments, kept.edited = flags, staying, self.clock.written()
        self._fill(kept, sent)
        await self._tell(Doing.EDITED, way, kept, sent)
        return kept

    async def delete(self, kept: Kept, *, way: Way) -> None:
        del self.kept[kept.id]
        await self._tell(Doing.DELETED, way, kept, Sent(payload={}))

    def find(self, channel: Channel, message_id: str) -> Kept:
        """Return a message of this channel. Raises Refused (10008), for ephemeral messages too."""
        kept = self.kept.get(message_id)
        if kept is None or kept.channel is not channel or kept.only_for is not None:
            raise Refused(10008)
        return kept

    def history(self, channel: Channel) -> list[Kept]:
        """Return the channel's messages that everybody sees, newest first."""
        seen = [kept for kept in self.kept.values() if kept.channel is channel and kept.only_for is None]
        return sorted(seen, key=lambda kept: -int(kept.id))

    def given_out(self, kept: Kept) -> dict[str, Any]:
        """Return the message's payload, with freshly signed addresses."""
        attachments = [self.cdn.payload(attachment) for attachment in kept.attachments]
        mentions, everyone = self._mentions(kept)
        kept.payload = {
            "id": kept.id,
            "channel_id": str(kept.channel.id),
            "author": kept.author.payload(),
            "content": kept.content,
            "timestamp": kept.written,
            "edited_timestamp": kept.edited,
            "tts": False,
            "mention_everyone": everyone,
            "mentions": [person.payload() for person in mentions],
            "mention_roles": [],
            "attachments": attachments,
            "embeds": kept.embeds,
            "pinned": False,
            "type": 0,
            "flags": kept.flags,
            "components": components.shown(kept.components, lambda url: self._media(url, attachments)),
            **({"nonce": kept.nonce} if kept.nonce else {}),
            **kept.about,
        }
        return kept.payload

    def _same(self, author: Person, payload: dict[str, Any]) -> Kept | None:
        """Return the author's recent message with the same enforced nonce, even if it was deleted since."""
        if not (payload.get("enforce_nonce") and payload.get("nonce")):
            return None
        kept = self._nonces.get((author.id, str(payload["nonce"])))
        since = self.clock.now() - NONCE_LIFE // timedelta(milliseconds=1)
        return kept if kept is not None and kept.posted_ms > since else None

    def _check_files(self, channel: Channel, sent: Sent) -> None:
        named = sent.payload.get("attachments") or []
        if len(sent.files) > FILES or len(named) > FILES:
            raise invalid("attachments", "BASE_TYPE_MAX_LENGTH", f"Must be {FILES} or fewer in length.")
        if any(file.size > channel.file_bytes for file in sent.files):
            raise Refused(50045)

    def _staying(self, kept: Kept, sent: Sent) -> list[Stored]:
        """Return the attachments that the edit keeps: the listed ones, or all if there is no list. Raises Refused."""
        listed = sent.payload.get("attachments", ...)
        if listed is ...:
            return kept.attachments
        ids = {str(attachment["id"]) for attachment in listed or []}
        unknown = (
            ids - {str(attachment.id) for attachment in kept.attachments} - {str(file.number) for file in sent.files}
        )
        if unknown:
            raise invalid("attachments", "ATTACHMENT_NOT_FOUND", "An attachment is neither there nor sent along")
        return [attachment for attachment in kept.attachments if str(attachment.id) in ids]

    def _check_media(self, sent: Sent, staying: list[Stored]) -> None:
        names = {attachment.name for attachment in staying} | {_named(sent, file)[0] for file in sent.files}
        for path, component in components.walked(sent.payload.get("components") or []):
            for url in components.media_of(component):
                if url.startswith("attachment://") and url.removeprefix("attachment://") not in names:
                    raise invalid(path, "MEDIA_ATTACHMENT_NOT_FOUND", "The referenced attachment was not found")

    def _fill(self, kept: Kept, sent: Sent) -> None:
        kept.attachments = [*kept.attachments, *(self._store(kept.channel, sent, file) for file in sent.files)]
        for name in ("content", "embeds", "components"):
            if name in sent.payload:
                setattr(kept, name, sent.payload[name] or ("" if name == "content" else []))
        kept.allowed_mentions = sent.payload.get("allowed_mentions")
        self.given_out(kept)

    def _store(self, channel: Channel, sent: Sent, file: Upload) -> Stored:
        name, description = _named(sent, file)
        data = file.data if self.keep_bytes else None
        return self.cdn.store(f"attachments/{channel.id}", name, data, file.size, description=description)

    def _media(self, url: str, attachments: list[dict[str, Any]]) -> dict[str, Any]:
        about = {"id": "1", "width": None, "height": None}
        for attachment in attachments:
            if url == f"attachment://{attachment['filename']}":
                found = {name: attachment[name] for name in ("url", "proxy_url", "content_type")}
                return about | found | {"attachment_id": attachment["id"]}
        return about | {"url": url, "proxy_url": url, "content_type": None}

    def _mentions(self, kept: Kept) -> tuple[list[Person], bool]:
        """Return who is notified (named in the text and allowed), and whether everybody is."""
        texts = (
            [component.get("content", "") for _, component in components.walked(kept.components)]
            if kept.flags & V2
            else []
        )
        text = " ".join([kept.content, *texts])
        allowed = kept.allowed_mentions
        parse = ("users", "roles", "everyone") if allowed is None else allowed.get("parse") or ()
        users = None if "users" in parse else {str(user_id) for user_id in (allowed or {}).get("users") or ()}
        named = dict.fromkeys(re.findall(r"<@!?(\d+)>", text))
        known = [self.places.people.get(int(number)) for number in named if users is None or number in users]
        everyone = "everyone" in parse and re.search("@(everyone|here)", text) is not None
        return [person for person in known if person is not None], everyone

    async def _tell(self, doing: Doing, way: Way, kept: Kept, sent: Sent) -> None:
        files = sent.files if self.keep_bytes else tuple(replace(file, data=b"") for file in sent.files)
        channel = str(kept.channel.id)
        act = Act(doing=doing, way=way, message_id=kept.id, channel_id=channel, payload=sent.payload, files=files)
        async with self.changed:
            self.acts.append(act)
            self.changed.notify_all()


def _named(sent: Sent, file: Upload) -> tuple[str, str | None]:
    """Return the file's name and description, from the payload or else from the form."""
    for attachment in sent.payload.get("attachments") or []:
        if str(attachment["id"]) == str(file.number):
            return attachment.get("filename") or file.name, attachment.get("description")
    return file.name, None
