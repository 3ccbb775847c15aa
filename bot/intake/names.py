"""
Write the mentions, custom emoji, timestamps and command mentions in typed words as names: "@Ann", "#pictures",
":smile:", "November 14, 2023".

Source of the forms: Discord's reference, "Message Formatting".
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

import discord

from bot.texts import Texts
from bot.texts.discord_text import cleaned, is_blank

_FORMS: Final = re.compile(
    r"\\?<(?:@!?(?P<person>[0-9]{1,20})|@&(?P<role>[0-9]{1,20})|#(?P<channel>[0-9]{1,20})"
    r"|a?:(?P<emoji>\w{1,32}):[0-9]{1,20}|/(?P<command>[-\w ]{1,100}):[0-9]{1,20}"
    r"|t:(?P<seconds>-?[0-9]{1,15})(?::(?P<form>[tTdDfFsSR]))?|id:(?P<page>[a-z-]{1,32})(?::[0-9]{1,20})?)>"
)
_EVERYBODY: Final = re.compile("@(?:everyone|here)")
_SYNTAX: Final = re.compile(r"[{}<>\\,\uff0c]")
"""Characters that mean something in a prompt."""
_DASHES: Final = re.compile("[-\u2010\u2011\u2212]{2,}|[\u2012-\u2015]+")
_TIMES: Final = {"t": "names-time", "T": "names-time", "d": "names-date", "D": "names-date"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """What is known of the people, roles and channels that words may mention: their names, by id."""

    people: Mapping[int, str] = field(default_factory=dict)
    roles: Mapping[int, str] = field(default_factory=dict)
    channels: Mapping[int, str] = field(default_factory=dict)
    guild: discord.Guild | None = None
    """The server, whose cache knows its roles and channels and some of its members."""

    def person(self, person_id: int) -> str | None:
        member = self.guild.get_member(person_id) if self.guild is not None else None
        return self.people.get(person_id) or (member.display_name if member is not None else None)

    def role(self, role_id: int) -> str | None:
        role = self.guild.get_role(role_id) if self.guild is not None else None
        return self.roles.get(role_id) or (role.name if role is not None else None)

    def channel(self, channel_id: int) -> str | None:
        channel = self.guild.get_channel_or_thread(channel_id) if self.guild is not None else None
        return self.channels.get(channel_id) or (channel.name if channel is not None else None)


def names_in(interaction: discord.Interaction[Any]) -> Names:
    """Return the names that came with the interaction, its asker's and the bot's; the server's cache has others."""
    data: Mapping[str, Any] = interaction.data or {}
    resolved = data.get("resolved") or {}
    asker, bot = interaction.user, interaction.client.user
    people = {asker.id: asker.display_name}
    if bot is not None:
        people[bot.id] = bot.display_name
    people |= dict(_named(resolved.get("users"), "username", "global_name"))
    people |= dict(_named(resolved.get("members"), "nick"))
    return Names(
        people=people,
        roles=dict(_named(resolved.get("roles"), "name")),
        channels=dict(_named(resolved.get("channels"), "name")),
        guild=interaction.guild,
    )


def names_of(message: discord.Message) -> Names:
    """Return the names of the message's author and of what it mentions; the server's cache has others."""
    return Names(
        people={person.id: person.display_name for person in (message.author, *message.mentions)},
        roles={role.id: role.name for role in message.role_mentions},
        channels={channel.id: channel.name for channel in message.channel_mentions},
        guild=message.guild,
    )


def named(typed: str, names: Names, say: Texts) -> str:
    """
    Return the words with names. Names have no characters that would be read as a group, a parameter or a mention. What
    has no known name becomes a neutral word.
    """
    return _FORMS.sub(lambda form: _name(form, names, say), typed)


def has_mention(words: str) -> bool:
    """Return whether the words have a form that Discord shows as something else: a mention, an emoji, a time."""
    return _FORMS.search(words) is not None or _EVERYBODY.search(words) is not None


def _name(form: re.Match[str], names: Names, say: Texts) -> str:
    if form["person"]:
        return "@" + _plain(names.person(int(form["person"])), say("text-somebody"))
    if form["role"]:
        return "@" + _plain(names.role(int(form["role"])), say("names-role"))
    if form["channel"]:
        return "#" + _plain(names.channel(int(form["channel"])), say("names-channel"))
    if form["emoji"]:
        return f":{form['emoji']}:"
    if form["command"]:
        return f"/{form['command']}"
    if form["page"]:
        return f"#{form['page']}"
    return _plain(_moment(form, say), say("names-moment"))


def _moment(form: re.Match[str], say: Texts) -> str | None:
    """Return the date, the time of day (UTC), or both, as the form says; None for a time outside the calendar."""
    try:
        when = datetime.fromtimestamp(int(form["seconds"]), UTC)
    except (OverflowError, ValueError, OSError):
        return None
    return say(_TIMES.get(form["form"] or "f", "names-date-and-time"), when=when)


def _plain(name: str | None, otherwise: str) -> str:
    """Return the name without syntax, in one line; `otherwise` if nothing of it can be seen."""
    written = cleaned(_DASHES.sub("-", _SYNTAX.sub(" ", name or "")))
    return otherwise if is_blank(written) else written


def _named(resolved: Any, *fields: str) -> Iterator[tuple[int, str]]:
    """Yield the id and the name of each entry: the last of the fields that has one."""
    for key, entry in resolved.items() if isinstance(resolved, Mapping) else ():
        found = [entry[name] for name in fields if isinstance(entry, Mapping) and entry.get(name)]
        if found:
            yield int(key), str(found[-1])
