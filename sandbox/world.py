"""
The Discord of the sandbox: a server with a channel and three people, or a direct message, and its web page.

Alice may manage the server; Mei's Discord is set to Chinese.
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
from bot.error_replies import answer_error
from bot.errors import BadReference, Reason, Unavailable
from bot.imaging.cost import SENT_BYTES
from storage.models import Reference

LOOK_SECONDS: Final = 0.5
GATHER_SECONDS: Final = 5.0
"""Card changes are collected for this long, because every refresh makes a click in progress fail."""
OUTCOME_SECONDS: Final = 0.4
"""Delay between a result and the refresh, so that the same refresh shows the removal of its card."""
FETCH_SECONDS: Final = 30.0

log = structlog.get_logger(__name__)


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


def open_page(env: Env, client: Atelier, *, direct: bool, port: int) -> Preview:
    """Create the server and its people and open the page: on a channel, or on Alice's direct message with the bot."""
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


async def keep_fresh(env: Env, preview: Preview) -> None:
    """Refresh the page after the engine's background changes: soon for results, less often for cards."""
    seen = looked_at = len(env.http_requests)
    refreshed_at = 0.0
    while True:
        await asyncio.sleep(LOOK_SECONDS)
        if any(entry.path.endswith("/callback") for entry in env.http_requests[looked_at:]):
            refreshed_at = time.monotonic()  # a person is clicking: delay the next card refresh
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
    """
    Return whether a request changed messages. An interaction response needs no refresh: the page shows it by itself.
    """
    return entry.method != "GET" and ("/messages" in entry.path)


def _is_outcome(entry: HttpLogEntry) -> bool:
    return entry.method in {"POST", "DELETE"}


async def _refresh(preview: Preview) -> bool:
    try:
        await preview.refresh()
    except (SetupError, TimeoutError) as error:
        log.debug("page refresh skipped: page is busy", error=str(error))
        return False
    return True
