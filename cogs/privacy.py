"""`/privacy`: what is stored about a person, shown and handed out to that person alone."""

from __future__ import annotations

import asyncio
import io
import json
import zipfile
from typing import Any, Final

import discord
from discord import app_commands
from discord.ext import commands

from bot.client import Atelier
from bot.services import Services
from bot.texts import Texts, texts_in
from bot.translation import said
from bot.ui.arrival import upload_limit
from storage.people import Holdings
from storage.pictures import MissingCopy

MOST_BYTES: Final = 24 * 1024 * 1024
"""Of a file that is handed out, however much the place takes: it is held in memory."""
SPARE_BYTES: Final = 256 * 1024
"""For the archive's own list of what is in it."""


@app_commands.allowed_contexts(guilds=True, dms=True, private_channels=True)
@app_commands.allowed_installs(guilds=True, users=True)
class Privacy(commands.GroupCog, group_name="privacy", group_description=said("privacy-command")):
    @app_commands.command(description=said("privacy-show-command"))
    async def show(self, interaction: discord.Interaction[Atelier]) -> None:
        await interaction.response.defer(ephemeral=True, thinking=True)
        services = interaction.client.services
        held = await services.people.holdings(interaction.user.id)
        say = texts_in(str(interaction.locale))
        days = services.engine.keep_pictures.days
        await interaction.followup.send(_holdings(say, held, days), ephemeral=True)

    @app_commands.command(description=said("privacy-export-command"))
    async def export(self, interaction: discord.Interaction[Atelier]) -> None:
        await interaction.response.defer(ephemeral=True, thinking=True)
        limit = min(upload_limit(interaction), MOST_BYTES)
        data, left_out = await _exported(interaction.client.services, interaction.user.id, limit)
        say = texts_in(str(interaction.locale))
        answer = say("privacy-exported") if left_out == 0 else say("privacy-exported-part", count=left_out)
        file = discord.File(io.BytesIO(data), "atelier.zip")
        await interaction.followup.send(answer, file=file, ephemeral=True)


def _holdings(say: Texts, held: Holdings, days: int) -> str:
    counts = held.counts
    lines = [
        say("privacy-tasks", count=counts["tasks"]),
        say("privacy-copies", count=counts["copies"]),
        say("privacy-sets", count=counts["sets"]),
        say("privacy-batches", count=counts["batches"]),
        say("privacy-reports", count=counts["reports"]),
        say("privacy-changes", count=counts["setting_changes"] + counts["styles"]),
    ]
    since = [say("privacy-since", at=held.since // 1000)] if held.since is not None else []
    listed = "\n".join(f"- {line}" for line in lines)
    return "\n".join([f"### {say('privacy-heading')}", listed, *since, say("privacy-kept", days=days)])


async def _exported(services: Services, person_id: int, limit: int) -> tuple[bytes, int]:
    """A zip of at most `limit` bytes where the rows alone fit, and how many pictures found no room in it."""
    rows = await services.people.rows(person_id)
    archive = io.BytesIO()
    await asyncio.to_thread(_add, archive, "data.json", rows)
    left_out = 0
    for key in await services.people.copies(person_id):
        try:
            picture = await services.copies.get(key)
        except MissingCopy:
            continue
        if archive.tell() + len(picture) + SPARE_BYTES > limit:
            left_out += 1
            continue
        await asyncio.to_thread(_add, archive, key, picture)
    return archive.getvalue(), left_out


def _add(archive: io.BytesIO, name: str, content: bytes | dict[str, Any]) -> None:
    """Pictures are compressed already."""
    packed = zipfile.ZIP_STORED if isinstance(content, bytes) else zipfile.ZIP_DEFLATED
    data = content if isinstance(content, bytes) else json.dumps(content, ensure_ascii=False, indent=1)
    with zipfile.ZipFile(archive, "a", packed) as opened:
        opened.writestr(name, data)
    archive.seek(0, io.SEEK_END)


async def setup(bot: Atelier) -> None:
    await bot.add_cog(Privacy())
