"""
Handle the buttons that publish a result, post it again, copy it to the gallery, report it or remove it.

Every repost is stored before it is sent, so it is not posted twice, and is tried again while Discord fails. It is given
up if the channel is closed to the bot, the result is gone, or it still fails after a day.
"""

from __future__ import annotations

from typing import Any, Final

import discord
from discord import ui

from bot.client import Atelier
from bot.discord_errors import map_discord_errors
from bot.discord_permissions import may_write
from bot.engine.outbox.curation import Removable
from bot.errors import BadChoice, NotHere, Reason, RouteClosed
from bot.intake.channels import lacking_in, unusable
from bot.intake.origin import check_posts, upload_limit
from bot.intake.roles import role_of
from bot.texts import Texts, texts_in
from bot.ui.kit.dynamic_items import TaskButton, engine_of, services_of
from bot.ui.kit.forms import FormValues, open_form
from bot.ui.kit.questions import question_row
from bot.ui.kit.text import message_link, quote
from storage.community import GuildSettings, NewRepost, RepostKind
from storage.models import Task

REPORT_FORM: Final = "report"
LONGEST_WHY: Final = 300
ASKED_PROMPT_UNITS: Final = 200
"""Of the prompt in a question before a removal: enough to recognise the result."""


class PublishButton(TaskButton, action="publish", label="curation-publish", style=discord.ButtonStyle.success):
    """Post a private result in the channel where it was requested, once for each task."""

    async def press(self, interaction: discord.Interaction[Any]) -> None:
        services, who = services_of(interaction), role_of(interaction)
        task = await services.engine.curation.postable(self.task_id, who)
        await _check_speaks(interaction, task)
        settings = await services.stores.guilds.settings(task.guild_id)
        guild = interaction.client.get_guild(task.guild_id) if task.guild_id is not None else None
        new = NewRepost(
            task_id=task.id,
            kind=RepostKind.PUBLISHED,
            once=f"published:{task.id}",
            channel_id=task.channel_id,
            guild_id=task.guild_id,
            locale=settings.language or task.guild_locale or task.locale,
            upload_limit=guild.filesize_limit if guild is not None else task.upload_limit,
            asked_by=interaction.user.id,
        )
        await _post(interaction, new)


class PostHereButton(TaskButton, action="post-here", label="curation-post-here", style=discord.ButtonStyle.success):
    """Post a result in the channel where it was looked up. Each message with this button posts only once."""

    async def press(self, interaction: discord.Interaction[Any]) -> None:
        services = services_of(interaction)
        settings = await services.stores.guilds.settings(interaction.guild_id)
        check_posts(interaction)
        message_id = interaction.message.id if interaction.message is not None else interaction.id
        new = NewRepost(
            task_id=self.task_id,
            kind=RepostKind.SHOWN,
            once=f"shown:{message_id}",
            channel_id=interaction.channel_id or 0,
            guild_id=interaction.guild_id,
            locale=settings.language or str(interaction.guild_locale or interaction.locale),
            upload_limit=upload_limit(interaction),
            asked_by=interaction.user.id,
        )
        await _post(interaction, new)


class GalleryButton(TaskButton, action="gallery", label="curation-to-gallery"):
    async def press(self, interaction: discord.Interaction[Any]) -> None:
        settings = await services_of(interaction).stores.guilds.settings(interaction.guild_id)
        guild = interaction.guild
        if guild is None or settings.gallery_channel_id is None:
            raise BadChoice(Reason.GALLERY_UNCHOSEN)
        lacks = lacking_in(guild, settings.gallery_channel_id)
        if lacks is None or lacks:
            raise unusable(settings.gallery_channel_id, lacks)
        new = gallery_repost(self.task_id, guild, settings, by=interaction.user.id)
        if new is not None:
            await _post(interaction, new)


class ReportButton(TaskButton, action="report", label="curation-report"):
    async def press(self, interaction: discord.Interaction[Any]) -> None:
        services = services_of(interaction)
        await services.engine.curation.postable(self.task_id, role_of(interaction))
        settings = await services.stores.guilds.settings(interaction.guild_id)
        if settings.moderators_channel_id is None:
            raise BadChoice(Reason.REPORTS_UNCHOSEN)
        say = texts_in(str(interaction.locale))
        entry: ui.TextInput[ui.Modal] = ui.TextInput(
            custom_id="why", style=discord.TextStyle.paragraph, required=False, max_length=LONGEST_WHY
        )
        why: ui.Label[ui.Modal] = ui.Label(
            text=say("reports-why"), description=say("reports-why-hint"), component=entry
        )
        await open_form(interaction, REPORT_FORM, self.task_id, title=say("reports-title"), fields=[why])


async def reported(interaction: discord.Interaction[Atelier], task_id: str, filled: FormValues) -> None:
    """Handle the submitted report form: store the report, of which the outbox informs the moderators, and thank the
    person. Raises AtelierError if the report is refused."""
    services = interaction.client.services
    task = await services.engine.curation.postable(task_id, role_of(interaction))
    if interaction.guild_id is None or interaction.channel_id is None:
        raise NotHere(Reason.NOT_THIS_SERVER)
    settings = await services.stores.guilds.settings(interaction.guild_id)
    await services.engine.reports.report(
        task.id,
        interaction.guild_id,
        by=interaction.user.id,
        why=filled.words("why", most=LONGEST_WHY),
        locale=settings.language or str(interaction.guild_locale or interaction.locale),
        seen=await _seen(interaction, task_id) or (interaction.channel_id, interaction.id),
    )
    say = texts_in(str(interaction.locale))
    await interaction.response.send_message(say("reports-thanks"), ephemeral=True)


async def _seen(interaction: discord.Interaction[Atelier], task_id: str) -> tuple[int, int] | None:
    """Return channel and id of the message with the button, or of the result's first message if the former is
    ephemeral, as moderators cannot open that; None if there is no such message."""
    message = interaction.message
    if message is not None and not message.flags.ephemeral:
        return message.channel.id, message.id
    part = (await interaction.client.services.stores.parts.first_of([task_id])).get(task_id)
    if part is None or part.message_channel_id is None or part.message_id is None:
        return None
    return part.message_channel_id, part.message_id


class RemoveButton(TaskButton, action="remove", label="curation-remove", style=discord.ButtonStyle.danger):
    """Ask for a confirmation first: a removal cannot be undone."""

    async def press(self, interaction: discord.Interaction[Any]) -> None:
        message_id = interaction.message.id if interaction.message is not None else None
        who = role_of(interaction)
        may = await engine_of(interaction).curation.removable(self.task_id, who, message_id)
        view = _remove_view(
            texts_in(str(interaction.locale)),
            may,
            own=may.task.asker_id == who.person_id,
            stays=await engine_of(interaction).curation.stays(self.task_id, who),
        )
        await interaction.response.send_message(view=view, ephemeral=True)


class RemoveAllButton(TaskButton, action="remove-all", label="curation-remove-all", style=discord.ButtonStyle.danger):
    async def press(self, interaction: discord.Interaction[Any]) -> None:
        await engine_of(interaction).curation.remove(self.task_id, role_of(interaction))
        await answer_removed(interaction, self.task_id)


class RemoveHereButton(
    TaskButton, action="remove-here", label="curation-remove-here", about="repost", style=discord.ButtonStyle.danger
):
    """Remove one repost of the result, for example its copy in a gallery. `task_id` is the id of the repost."""

    async def press(self, interaction: discord.Interaction[Any]) -> None:
        await engine_of(interaction).curation.remove_repost(self.task_id, role_of(interaction))
        await _replace_question(interaction, "curation-removed")


def gallery_repost(task_id: str, guild: discord.Guild, settings: GuildSettings, *, by: int) -> NewRepost | None:
    """Return the repost that copies a result to the server's gallery; for each task, it is stored at most once in each
    server. None if the server has no gallery."""
    if settings.gallery_channel_id is None:
        return None
    return NewRepost(
        task_id=task_id,
        kind=RepostKind.GALLERY,
        once=f"gallery:{guild.id}:{task_id}",
        channel_id=settings.gallery_channel_id,
        guild_id=guild.id,
        locale=settings.language or str(guild.preferred_locale),
        upload_limit=guild.filesize_limit,
        asked_by=by,
    )


async def _post(interaction: discord.Interaction[Any], new: NewRepost) -> None:
    """Post the result, and answer that it is posted or will be posted later. Raises AtelierError if the person may not
    repost it, or if the bot may not post in that channel."""
    curation, say = engine_of(interaction).curation, texts_in(str(interaction.locale))
    await interaction.response.defer(ephemeral=True, thinking=True)
    try:
        async with engine_of(interaction).lookup_slots.taken(interaction.user.id):
            repost = await curation.post_again(new, role_of(interaction))
    except RouteClosed:
        raise BadChoice(Reason.CANNOT_POST_THERE, channel=f"<#{new.channel_id}>") from None
    if repost.message_id is None:
        answer = say("curation-posted-later", channel=f"<#{repost.channel_id}>")
    else:
        link = message_link(repost.channel_id, repost.message_id, repost.guild_id)
        answer = say("curation-posted", link=link)
    await interaction.edit_original_response(content=answer)


async def _check_speaks(interaction: discord.Interaction[Any], task: Task) -> None:
    """Check that the result may be posted in the task's channel. If the button was pressed there: that the bot may
    post. If it was pressed elsewhere, perhaps much later: that the person could write in the task's channel now, if
    that is in a server. Raises NotHere, MissingPermissions, BadChoice, Unavailable."""
    if interaction.channel_id == task.channel_id:
        check_posts(interaction)
    elif task.guild_id is not None and not await _speaks(interaction, task.guild_id, task.channel_id):
        raise BadChoice(Reason.CANNOT_POST_THERE, channel=f"<#{task.channel_id}>")


async def _speaks(interaction: discord.Interaction[Any], guild_id: int, channel_id: int) -> bool:
    guild = interaction.client.get_guild(guild_id)
    channel = guild.get_channel_or_thread(channel_id) if guild is not None else None
    if guild is None or channel is None:
        return False
    try:
        with map_discord_errors():
            member = await guild.fetch_member(interaction.user.id)
    except RouteClosed:
        return False
    return may_write(channel.permissions_for(member), channel)


async def answer_removed(interaction: discord.Interaction[Any], task_id: str) -> None:
    """Replace the question by the answer that the result is removed. If the bot can no longer delete one of its
    messages (`Curation.stays`), the answer also asks the person to delete it."""
    stays = await engine_of(interaction).curation.stays(task_id, role_of(interaction))
    await _replace_question(interaction, "curation-removed-but" if stays else "curation-removed")


async def _replace_question(interaction: discord.Interaction[Any], message: str) -> None:
    text = texts_in(str(interaction.locale))(message)
    await interaction.response.edit_message(view=ui.LayoutView(timeout=None).add_item(ui.TextDisplay(text)))


def _remove_view(say: Texts, may: Removable, *, own: bool, stays: bool) -> ui.LayoutView:
    """Build the question: which result, what is removed, what stays, and who can still see it."""
    task, repost = may.task, may.repost
    buttons: list[ui.Item[Any]] = []
    if repost is not None:
        buttons.append(RemoveHereButton(repost.id, say))
    if may.everywhere:
        buttons.append(RemoveAllButton(task.id, say))
    lines = [say("curation-remove-question"), quote(say, task.prompt, most=ASKED_PROMPT_UNITS).text]
    if may.everywhere:
        lines.append(say("curation-remove-own") if own else say("curation-remove-others"))
    if stays:
        lines.append(say("curation-stays"))
    question = ui.LayoutView(timeout=None).add_item(ui.TextDisplay("\n".join(lines)))
    return question.add_item(question_row(say, *buttons))
