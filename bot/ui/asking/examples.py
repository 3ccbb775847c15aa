"""The guide of a newcomer: examples of prompts, each with a button that opens the form with it, and what is left."""

from __future__ import annotations

from typing import Any, Final

import discord
from discord import ui

from bot.texts import Texts, texts_in
from bot.texts.discord_text import escaped
from bot.ui.asking.create_form import open_create_form
from bot.ui.kit.dynamic_items import MessageButton, engine_of

EXAMPLES: Final = 5
WORDS_UNITS: Final = 300


class ExampleButton(MessageButton, action="example", key="[1-5]"):
    """Open the form with an example as its prompt; nothing is made before the form is sent. The key is the number of
    the example."""

    async def press(self, interaction: discord.Interaction[Any]) -> None:
        await open_create_form(interaction, _example(texts_in(str(interaction.locale)), int(self.key)))


class HelpButton(MessageButton, action="help"):
    async def press(self, interaction: discord.Interaction[Any]) -> None:
        await send_help(interaction)


async def send_help(interaction: discord.Interaction[Any]) -> None:
    """Show the person alone the examples, and how many pictures are left, or that there is no limit per person."""
    say = texts_in(str(interaction.locale))
    left = await _left(interaction, say)
    await interaction.response.send_message(view=help_view(say, left), ephemeral=True)


def help_view(say: Texts, left: str) -> ui.LayoutView:
    container: ui.Container[ui.LayoutView] = ui.Container()
    container.add_item(ui.TextDisplay(f"### {say('help-heading')}\n{say('help-start')}"))
    for number in range(1, EXAMPLES + 1):
        button = ExampleButton(str(number), say("help-try"))
        container.add_item(ui.Section(escaped(_example(say, number), WORDS_UNITS), accessory=button))
    container.add_item(ui.Separator())
    container.add_item(ui.TextDisplay(f"{say('help-more')}\n-# {left}"))
    return ui.LayoutView(timeout=None).add_item(container)


def guide_view(say: Texts, text: str) -> ui.LayoutView:
    """Build a short text with a button that shows the examples."""
    button = HelpButton(label=say("help-open"))
    return ui.LayoutView(timeout=None).add_item(ui.TextDisplay(text)).add_item(ui.ActionRow(button))


def _example(say: Texts, number: int) -> str:
    return say(f"help-example-{number}")


async def _left(interaction: discord.Interaction[Any], say: Texts) -> str:
    budget = await engine_of(interaction).batches.budget(interaction.user.id, interaction.guild_id)
    if not budget.allowed:
        return say("help-no-limit")
    return say("batches-left", count=budget.left, allowed=budget.allowed)
