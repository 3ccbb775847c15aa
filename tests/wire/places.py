"""The loopback Discord's people, servers, channels, threads and direct messages, and the bot's permissions in each."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from enum import IntEnum, IntFlag
from typing import Any

BOT_ID, APPLICATION_ID, OWNER_ID, GUILD_ID, CHANNEL_ID, ALICE_ID = 7001, 7002, 7003, 7010, 7011, 7021
FILE_BYTES = 10 * 1024 * 1024
"""Bytes per file in a server without boosts."""


class May(IntFlag):
    """The Discord permissions that are checked here."""

    VIEW = 1 << 10
    SEND = 1 << 11
    MANAGE_MESSAGES = 1 << 13
    EMBED = 1 << 14
    ATTACH = 1 << 15
    HISTORY = 1 << 16
    MANAGE_THREADS = 1 << 34
    SEND_IN_THREADS = 1 << 38
    USUAL = VIEW | SEND | EMBED | ATTACH | HISTORY | SEND_IN_THREADS


class Kind(IntEnum):
    TEXT = 0
    DIRECT = 1
    VOICE = 2
    GROUP = 3
    """A group of friends; the bot is not a member."""
    ANNOUNCEMENTS = 5
    ANNOUNCEMENT_THREAD = 10
    THREAD = 11
    """A thread, or a post when the parent is a forum."""
    PRIVATE_THREAD = 12
    STAGE = 13
    FORUM = 15
    MEDIA = 16

    @property
    def is_thread(self) -> bool:
        return self in {Kind.ANNOUNCEMENT_THREAD, Kind.THREAD, Kind.PRIVATE_THREAD}


@dataclass(eq=False, kw_only=True)
class Person:
    id: int
    name: str
    locale: str = "en-US"
    direct: bool = True
    """Whether the person accepts direct messages from the bot."""
    is_bot: bool = False

    def payload(self) -> dict[str, Any]:
        about = {"avatar": None, "global_name": self.name, "public_flags": 0, "flags": 0, "primary_guild": None}
        bot = {"bot": True} if self.is_bot else {}
        return {"id": str(self.id), "username": self.name, "discriminator": "0", **about, **bot}


@dataclass(eq=False, kw_only=True)
class Guild:
    id: int
    name: str
    locale: str = "en-US"
    upload_limit: int = FILE_BYTES
    installed: bool = True
    """
    Whether the bot is a member. If not, only people have installed the app, and the bot can only respond to them
    there.
    """

    def shard(self, shards: int) -> int:
        return (self.id >> 22) % shards


@dataclass(eq=False, kw_only=True)
class Channel:
    id: int
    name: str = ""
    kind: Kind = Kind.TEXT
    guild: Guild | None = None
    may: May = May.USUAL
    """What the bot may do here."""
    parent: Channel | None = None
    archived: bool = False
    locked: bool = False
    joined: bool = True
    """Whether the bot is a member of the thread."""
    recipient: Person | None = None
    gone: bool = False

    @property
    def file_bytes(self) -> int:
        return self.guild.upload_limit if self.guild else FILE_BYTES

    def payload(self) -> dict[str, Any]:
        about: dict[str, Any] = {"id": str(self.id), "type": int(self.kind), "flags": 0, "last_message_id": None}
        if self.recipient is not None:
            return about | {"recipients": [self.recipient.payload()]}
        if self.kind is Kind.GROUP:
            return about | {"recipients": [], "name": self.name, "icon": None, "owner_id": str(ALICE_ID)}
        assert self.guild is not None
        about |= {"guild_id": str(self.guild.id), "name": self.name}
        if self.kind in {Kind.VOICE, Kind.STAGE}:
            about |= {"bitrate": 64000, "user_limit": 0}
        if self.parent is None:
            return about | {"position": 0, "permission_overwrites": [], "nsfw": False, "topic": None}
        return about | self._as_thread(self.parent)

    def _as_thread(self, parent: Channel) -> dict[str, Any]:
        times = {"archive_timestamp": "2026-01-01T00:00:00+00:00", "auto_archive_duration": 1440}
        counts = {"message_count": 0, "member_count": 1, "total_message_sent": 0}
        state = {"archived": self.archived, "locked": self.locked, **times}
        return {"parent_id": str(parent.id), "owner_id": str(ALICE_ID), "thread_metadata": state, **counts}


@dataclass
class Places:
    """Starts with Alice in one channel of one server, the bot, and the bot's owner."""

    people: dict[int, Person] = field(default_factory=dict)
    guilds: dict[int, Guild] = field(default_factory=dict)
    channels: dict[int, Channel] = field(default_factory=dict)
    _ids: itertools.count[int] = field(default_factory=lambda: itertools.count(8000))

    def __post_init__(self) -> None:
        self.bot = self._enter(Person(id=BOT_ID, name="Atelier", is_bot=True))
        self.owner = self._enter(Person(id=OWNER_ID, name="owner"))
        self.alice = self._enter(Person(id=ALICE_ID, name="alice"))
        self.guild = Guild(id=GUILD_ID, name="Studio")
        self.channel = Channel(id=CHANNEL_ID, name="pictures", guild=self.guild)
        self.guilds[GUILD_ID] = self.guild
        self.channels[CHANNEL_ID] = self.channel

    def add_person(self, name: str) -> Person:
        return self._enter(Person(id=next(self._ids), name=name))

    def add_guild(self, name: str, *, lane: int = 0) -> Guild:
        """Add a server whose events go to shard `lane` modulo the number of shards."""
        guild = Guild(id=(lane << 22) + next(self._ids), name=name)
        self.guilds[guild.id] = guild
        return guild

    def add_channel(self, guild: Guild | None = None, name: str = "more-pictures") -> Channel:
        guild = guild or self.guild
        may = May.USUAL if guild.installed else May(0)
        return self._open(Channel(id=next(self._ids), name=name, guild=guild, may=may))

    def add(self, kind: Kind, name: str = "a place") -> Channel:
        """Add a channel of the first server, or a group, which belongs to no server."""
        if kind is Kind.GROUP:
            return self._open(Channel(id=next(self._ids), name=name, kind=kind, may=May(0)))
        return self._open(Channel(id=next(self._ids), name=name, kind=kind, guild=self.guild))

    def add_thread(self, channel: Channel | None = None, kind: Kind = Kind.THREAD, *, joined: bool = True) -> Channel:
        parent = channel or self.channel
        thread = Channel(id=next(self._ids), name="a thread", kind=kind, guild=parent.guild, parent=parent)
        thread.joined = joined
        return self._open(thread)

    def direct(self, person: Person) -> Channel:
        """Return the person's direct-message channel, created at the first call."""
        known = [channel for channel in self.channels.values() if channel.recipient is person]
        return known[0] if known else self._open(Channel(id=next(self._ids), kind=Kind.DIRECT, recipient=person))

    def channels_of(self, guild: Guild) -> list[Channel]:
        return [channel for channel in self.channels.values() if channel.guild is guild and not channel.gone]

    def _enter(self, person: Person) -> Person:
        self.people[person.id] = person
        return person

    def _open(self, channel: Channel) -> Channel:
        self.channels[channel.id] = channel
        return channel
