"""
The Discord of the sandbox: a server with a channel and three people, or a direct message.

Alice may manage the server; Mei's Discord is set to Chinese.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import discord
from discord import app_commands
from simcord import Env
from simcord.actors import MemberActor
from simcord.builders import ChannelHandle, UserHandle

from bot.client import Atelier
from bot.error_replies import answer_error
from bot.errors import BadReference, Reason, Unavailable
from bot.imaging.cost import SENT_BYTES
from storage.models import Reference

FETCH_SECONDS: Final = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A channel, and the people as whom it can be seen; the first one at the beginning."""

    channel: ChannelHandle
    viewers: tuple[UserHandle | MemberActor, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Attachments:
    """Implements the engine's FetchReference: simcord serves files through discord.py only, not over HTTP."""

    client: Atelier

    async def __call__(self, reference: Reference) -> bytes:
        try:
            async with asyncio.timeout(FETCH_SECONDS):
                data = await self.client.http.get_from_cdn(reference.url)
        except (discord.NotFound, discord.Forbidden) as error:
            raise BadReference(Reason.REFERENCE_UNFETCHABLE, filename=reference.filename) from error
        except (discord.HTTPException, TimeoutError) as error:
            raise Unavailable("the attachment cannot be fetched now") from error
        if len(data) > SENT_BYTES:
            megabytes = SENT_BYTES // 2**20
            raise BadReference(Reason.REFERENCE_TOO_LARGE, filename=reference.filename, megabytes=megabytes)
        return data


def people_a_server(env: Env, client: Atelier, *, direct: bool) -> Place:
    """Create the server and its people. Return the channel to show, or with `direct` Alice's direct message with the
    bot."""
    alice, bob, mei = (env.create_user(name, global_name=name.title()) for name in ("alice", "bob", "mei"))
    _speak(client, {mei.id: "zh-CN"})
    guild = env.create_guild("Atelier")
    channel = guild.create_text_channel("atelier", topic="Type /imagine")
    for name in ("gallery", "moderators"):
        guild.create_text_channel(name)
    managers = guild.create_role("Managers", permissions=discord.Permissions(manage_guild=True, manage_messages=True))
    members = [guild.add_member(alice, roles=[managers]), guild.add_member(bob), guild.add_member(mei)]
    if direct:
        return Place(channel=alice.dm_channel, viewers=(alice,))
    return Place(channel=channel, viewers=tuple(members))


def _speak(client: Atelier, languages: Mapping[int, str]) -> None:
    """Set people's languages; simcord reports English for everybody."""
    parsers = client._connection.parsers
    parse = parsers["INTERACTION_CREATE"]

    def parsed(data: Any) -> None:
        person = data.get("user") or data["member"]["user"]
        parse(data | {"locale": languages.get(int(person["id"]), data["locale"])})

    parsers["INTERACTION_CREATE"] = parsed


def spare_refusals(client: Atelier) -> None:
    """
    Replace the command tree's error handler: simcord counts every error that reaches the original as a crash and says
    so on the page, but a refusal is no crash.
    """

    @client.tree.error
    async def on_error(interaction: discord.Interaction[Atelier], error: app_commands.AppCommandError) -> None:
        await answer_error(interaction, error)


async def name_bot(client: Atelier) -> None:
    """Rename the bot to Atelier, the name that its users know."""
    if client.user is not None:
        await client.user.edit(username="Atelier")
