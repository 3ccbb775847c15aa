"""`/show`: show an earlier task again, only to the person who asks."""

from __future__ import annotations

import re
from typing import Final

import discord
from discord import app_commands
from discord.ext import commands

from bot.client import Atelier
from bot.discord_limits import CHOICE_CHARACTERS, CHOICES
from bot.services import Services
from bot.texts import Texts, texts_in
from bot.texts.command_texts import localized
from bot.texts.discord_text import cleaned, is_blank, shortened
from bot.ui.results.lookup import look_up
from storage.models import Task

TASK: Final = re.compile("[0-9a-f]{16}")
LINK: Final = re.compile(r"https://(?:\w+\.)?discord(?:app)?\.com/channels/(?:\d+|@me)/\d+/(?P<message>\d{1,20})")


class Show(commands.Cog):
    @app_commands.command(description=localized("show-command"))
    @app_commands.allowed_contexts(guilds=True, dms=True, private_channels=True)
    @app_commands.allowed_installs(guilds=True, users=True)
    @app_commands.describe(what=localized("show-what"))
    async def show(self, interaction: discord.Interaction[Atelier], what: app_commands.Range[str, 1, 200]) -> None:
        services = interaction.client.services
        task = await _found(services, what.strip(), interaction.user.id)
        await look_up(interaction, task)

    @show.autocomplete("what")
    async def offer(self, interaction: discord.Interaction[Atelier], typed: str) -> list[app_commands.Choice[str]]:
        """Offer up to `CHOICES` of the person's own tasks whose prompts contain each typed word (any if it is blank),
        newest first."""
        say = texts_in(str(interaction.locale))
        search = interaction.client.services.stores.search
        own = await search.own(interaction.user.id, words=typed.strip(), limit=CHOICES)
        return [app_commands.Choice(name=_choice(say, task), value=task.id) for task in own]


async def _found(services: Services, what: str, person_id: int) -> Task | None:
    """Find a task by its id or by a link to one of its messages; `what` in another form is words, by which the person's
    newest own task is found. None if there is no such task. Whether the person may see the task is not checked."""
    if TASK.fullmatch(what):
        return await services.stores.tasks.get(what)
    if link := LINK.fullmatch(what):
        message_id = int(link["message"])
        return await services.stores.search.task_of_message(
            message_id
        ) or await services.engine.batches.task_of_message(message_id)
    own = await services.stores.search.own(person_id, words=what, limit=1)
    return own[0] if own else None


def _choice(say: Texts, task: Task) -> str:
    words = say("text-wordless") if is_blank(task.prompt) else cleaned(task.prompt)
    return shortened(words, CHOICE_CHARACTERS)


async def setup(bot: Atelier) -> None:
    await bot.add_cog(Show())
