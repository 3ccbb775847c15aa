"""
Register the buttons that publish, copy, report and remove results, and handle two events: stars, which copy results to
a gallery, and deleted messages.
"""

from __future__ import annotations

from typing import Final

import discord
import structlog
from discord.ext import commands

from bot.client import Atelier
from bot.engine.outbox.curation import Role
from bot.errors import UserError
from bot.intake.roles import moderates
from bot.services import Services
from bot.ui.curation.buttons import (
    REPORT_FORM,
    GalleryButton,
    PostHereButton,
    PublishButton,
    RemoveAllButton,
    RemoveButton,
    RemoveHereButton,
    ReportButton,
    gallery_repost,
    reported,
)
from bot.ui.curation.reports import ConfirmRemovalButton, DismissButton, HideReportedButton, RemoveReportedButton
from bot.ui.kit.forms import add_form
from bot.ui.kit.questions import KeepButton
from storage.community import RepostKind

STAR: Final = "\N{WHITE MEDIUM STAR}"

log = structlog.get_logger(__name__)


class Gallery(commands.Cog):
    def __init__(self, bot: Atelier) -> None:
        self._bot = bot

    @commands.Cog.listener()
    async def on_raw_reaction_add(self, payload: discord.RawReactionActionEvent) -> None:
        """Have a result copied to the server's gallery if its asker or a moderator of the server reacts with a star.
        Ignore stars of other people, those on messages of batches and in the gallery, and those below a result that is
        hidden or removed. A result is copied once."""
        guild = self._bot.get_guild(payload.guild_id) if payload.guild_id is not None else None
        if guild is None or payload.member is None or payload.member.bot or payload.emoji.name != STAR:
            return
        services = self._bot.services
        settings = await services.stores.guilds.settings(guild.id)
        task_id = await _shown_in(services, payload.message_id)
        new = gallery_repost(task_id, guild, settings, by=payload.user_id) if task_id is not None else None
        if new is None:
            return
        try:
            await services.engine.curation.copy_starred(new, _role(guild, payload.channel_id, payload.member))
        except UserError as error:
            log.debug(
                "star ignored: result not available for a copy in the gallery, or person not entitled to it",
                task=new.task_id,
                reason=error.reason,
            )

    @commands.Cog.listener()
    async def on_raw_message_delete(self, payload: discord.RawMessageDeleteEvent) -> None:
        await self._bot.services.engine.curation.message_gone(payload.message_id)

    @commands.Cog.listener()
    async def on_raw_bulk_message_delete(self, payload: discord.RawBulkMessageDeleteEvent) -> None:
        for message_id in payload.message_ids:
            await self._bot.services.engine.curation.message_gone(message_id)


async def _shown_in(services: Services, message_id: int) -> str | None:
    """Return the id of the task whose result the message shows. None for any other message, also one of a batch, and
    for a copy in a gallery, which needs no second copy."""
    repost = await services.stores.reposts.in_message(message_id)
    if repost is not None:
        return repost.task_id if repost.kind is not RepostKind.GALLERY else None
    task = await services.stores.search.task_of_message(message_id)
    return task.id if task is not None else None


def _role(guild: discord.Guild, channel_id: int, member: discord.Member) -> Role:
    channel = guild.get_channel_or_thread(channel_id)
    allowed = channel.permissions_for(member) if channel is not None else member.guild_permissions
    return Role(person_id=member.id, guild_id=guild.id, moderates=moderates(allowed))


async def setup(bot: Atelier) -> None:
    bot.add_dynamic_items(PublishButton, PostHereButton, GalleryButton, ReportButton)
    bot.add_dynamic_items(RemoveButton, RemoveAllButton, RemoveHereButton, KeepButton)
    bot.add_dynamic_items(RemoveReportedButton, ConfirmRemovalButton, HideReportedButton, DismissButton)
    add_form(bot, REPORT_FORM, reported)
    await bot.add_cog(Gallery(bot))
