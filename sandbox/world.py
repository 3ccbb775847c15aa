"""
The Discord of the sandbox: a server with a channel and three people, or a direct message, and the page of it.

Alice may manage the server; Mei has her Discord in Chinese.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import discord
import structlog
from discord import app_commands
from simcord import Env, HttpLogEntry, SetupError
from simcord.preview import Preview

from bot.client import Atelier
from bot.errors import BadReference, Reason, Unavailable
from bot.imaging.decoding import MAX_BYTES
from bot.replies import answer_error
from storage.models import Reference

LOOK_SECONDS: Final = 0.5
GATHER_SECONDS: Final = 5.0
"""Every refresh makes a click that is under way fail, so changes of cards wait for each other."""
OUTCOME_SECONDS: Final = 0.4
"""An outcome is posted and its card removed: both are shown by one refresh."""
FETCH_SECONDS: Final = 30.0

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Attachments:
    """Fulfils the engine's FetchReference: this Discord gives its files through discord.py only, not over HTTP."""

    client: Atelier

    async def __call__(self, reference: Reference) -> bytes:
        try:
            async with asyncio.timeout(FETCH_SECONDS):
                data = await self.client.http.get_from_cdn(reference.url)
        except (discord.NotFound, discord.Forbidden) as error:
            raise BadReference(Reason.REFERENCE_UNFETCHABLE, filename=reference.filename) from error
        except (discord.HTTPException, TimeoutError) as error:
            raise Unavailable("the attachment cannot be fetched now") from error
        if len(data) > MAX_BYTES:
            megabytes = MAX_BYTES // 2**20
            raise BadReference(Reason.REFERENCE_TOO_LARGE, filename=reference.filename, megabytes=megabytes)
        return data


def open_page(env: Env, client: Atelier, *, direct: bool, port: int) -> Preview:
    """Furnish the world and show it: a channel as its people see it, or one person's direct message with the bot."""
    alice, bob, mei = (env.create_user(name, global_name=name.title()) for name in ("alice", "bob", "mei"))
    _speak(client, {mei.id: "zh-CN"})
    guild = env.create_guild("Atelier")
    channel = guild.create_text_channel("atelier", topic="Type /imagine")
    for name in ("gallery", "moderators"):
        guild.create_text_channel(name)
    managers = guild.create_role("Managers", permissions=discord.Permissions(manage_guild=True, manage_messages=True))
    members = [guild.add_member(alice, roles=[managers]), guild.add_member(bob), guild.add_member(mei)]
    if direct:
        return env.preview(alice.dm_channel, viewers=[alice], layout="channel", port=port)
    return env.preview(channel, viewers=members, layout="channel", port=port)


def _speak(client: Atelier, languages: Mapping[int, str]) -> None:
    """simcord says of everybody that their Discord is in English."""
    parsers = client._connection.parsers
    parse = parsers["INTERACTION_CREATE"]

    def parsed(data: Any) -> None:
        person = data.get("user") or data["member"]["user"]
        parse(data | {"locale": languages.get(int(person["id"]), data["locale"])})

    parsers["INTERACTION_CREATE"] = parsed


def spare_refusals(client: Atelier) -> None:
    """simcord takes all that reaches the tree's error handler for a crash, and its page says so; a refusal is none."""

    @client.tree.error
    async def on_error(interaction: discord.Interaction[Atelier], error: app_commands.AppCommandError) -> None:
        await answer_error(interaction, error)


async def name_bot(client: Atelier) -> None:
    """Its people know it by its own name."""
    if client.user is not None:
        await client.user.edit(username="Atelier")


async def keep_fresh(env: Env, preview: Preview) -> None:
    """Show what the engine does in the background: outcomes soon, cards now and then, nothing when nothing changed."""
    seen = looked_at = len(env.http_requests)
    refreshed_at = 0.0
    while True:
        await asyncio.sleep(LOOK_SECONDS)
        if any(entry.path.endswith("/callback") for entry in env.http_requests[looked_at:]):
            refreshed_at = time.monotonic()  # somebody is at the page: what follows at once waits a little
        looked_at = len(env.http_requests)
        news = [entry for entry in env.http_requests[seen:] if _changes_messages(entry)]
        if any(_is_outcome(entry) for entry in news):
            await asyncio.sleep(OUTCOME_SECONDS)
        elif not news or time.monotonic() - refreshed_at < GATHER_SECONDS:
            continue
        counted = len(env.http_requests)
        if await _refresh(preview):
            seen, refreshed_at = counted, time.monotonic()


def _changes_messages(entry: HttpLogEntry) -> bool:
    """A person's own action shows by itself; whatever else changes a message does not."""
    return entry.method != "GET" and ("/messages" in entry.path)


def _is_outcome(entry: HttpLogEntry) -> bool:
    return entry.method in {"POST", "DELETE"}


async def _refresh(preview: Preview) -> bool:
    try:
        await preview.refresh()
    except (SetupError, TimeoutError) as error:
        log.debug("the page is busy", error=str(error))
        return False
    return True
