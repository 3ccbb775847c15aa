"""`/privacy`: show, export and erase what is stored about a person, for that person only."""

from __future__ import annotations

from contextlib import aclosing
from typing import Final

import discord
from discord import app_commands
from discord.ext import commands

from bot.client import Atelier
from bot.discord_limits import BYTES_PER_MESSAGE, FOLLOWUPS_UNINSTALLED
from bot.intake.origin import upload_limit
from bot.texts import Texts, texts_in
from bot.texts.command_texts import localized
from bot.ui.privacy.erasure import CancelEraseButton, EraseButton, question_view, receipt_view, under_way
from bot.ui.privacy.export import archives
from storage.personal_data import PersonalDataSummary

MOST_PARTS: Final = 20
"""Most files of an export: as many as can be sent while the interaction can be answered. Fewer in a server that has not
installed the bot (`FOLLOWUPS_UNINSTALLED`)."""


@app_commands.allowed_contexts(guilds=True, dms=True, private_channels=True)
@app_commands.allowed_installs(guilds=True, users=True)
class Privacy(commands.GroupCog, group_name="privacy", group_description=localized("privacy-command")):
    @app_commands.command(description=localized("privacy-show-command"))
    async def show(self, interaction: discord.Interaction[Atelier]) -> None:
        """Show what is stored, and that an erasure is in progress, or the receipt of one if it has not been
        delivered; it counts as delivered then."""
        await interaction.response.defer(ephemeral=True, thinking=True)
        services, say = interaction.client.services, texts_in(str(interaction.locale))
        held = await services.stores.people.holdings(interaction.user.id)
        text = _holdings(say, held, services.engine.keep_pictures.days)
        erasure = await services.stores.erasures.of_person(interaction.user.id)
        if erasure is not None and erasure.done_at is None:
            text = f"{text}\n{under_way(say, erasure)}"
        await interaction.followup.send(text, ephemeral=True)
        if erasure is not None and erasure.done_at is not None:
            await interaction.followup.send(view=receipt_view(say, erasure), ephemeral=True)
            await services.engine.erasures.receipt_seen(erasure)

    @app_commands.command(description=localized("privacy-export-command"))
    async def export(self, interaction: discord.Interaction[Atelier]) -> None:
        """Send the files one after the other; then say how much was left out, if any. A second export of the same
        person is refused while the first one runs; exports of other people may have to end first."""
        await interaction.response.defer(ephemeral=True, thinking=True)
        say = texts_in(str(interaction.locale))
        async with interaction.client.services.engine.export_slots.taken(interaction.user.id):
            left_out = await _export(interaction, say)
        if left_out:
            await interaction.followup.send(say("privacy-exported-part", count=left_out), ephemeral=True)

    @app_commands.command(description=localized("privacy-erase-command"))
    async def erase(self, interaction: discord.Interaction[Atelier]) -> None:
        """Ask for a confirmation: its buttons begin the erasure, or keep the data."""
        services, say = interaction.client.services, texts_in(str(interaction.locale))
        held = await services.stores.people.holdings(interaction.user.id)
        await interaction.response.send_message(view=question_view(say, held), ephemeral=True)


async def _export(interaction: discord.Interaction[Atelier], say: Texts) -> int:
    """Send the files. Return the number of files of rows and pictures that were left out."""
    services, left_out = interaction.client.services, 0
    limit = min(upload_limit(interaction), BYTES_PER_MESSAGE)
    is_installed = interaction.is_guild_integration() or interaction.guild is None
    most = MOST_PARTS if is_installed else FOLLOWUPS_UNINSTALLED - 1  # the last one says what was left out
    async with aclosing(archives(services, interaction.user.id, say, limit=limit, most=most)) as made:
        async for archive in made:
            text = (
                say("privacy-exported") if archive.number == 1 else say("privacy-exported-more", number=archive.number)
            )
            file = discord.File(archive.file, f"atelier-{archive.number}.zip")
            await interaction.followup.send(text, file=file, ephemeral=True)
            left_out = archive.left_out
    return left_out


def _holdings(say: Texts, held: PersonalDataSummary, days: int) -> str:
    counts = held.counts
    lines = [
        say("privacy-tasks", count=counts["tasks"]),
        say("privacy-copies", count=counts["copies"]),
        say("privacy-sets", count=counts["sets"]),
        say("privacy-batches", count=counts["batches"]),
        say("privacy-proposals", count=counts["proposals"]),
        say("privacy-reports", count=counts["reports"]),
        say("privacy-drafts", count=counts["drafts"]),
        say("privacy-reposts", count=counts["reposts"]),
        say("privacy-preferences", count=counts["preferences"]),
        say("privacy-changes", count=counts["setting_changes"] + counts["styles"]),
    ]
    since = [say("privacy-since", at=held.since // 1000)] if held.since is not None else []
    listed = "\n".join(f"- {line}" for line in lines)
    proposals = [say("privacy-proposals-kept")] if counts["proposals"] else []
    kept = [say("privacy-kept", days=days), *proposals, say("privacy-ways")]
    return "\n".join([f"### {say('privacy-heading')}", listed, "", *since, *kept])


async def setup(bot: Atelier) -> None:
    bot.add_dynamic_items(EraseButton, CancelEraseButton)
    await bot.add_cog(Privacy())
