"""The guide of a newcomer: examples of prompts, each with a button that opens the form with it, what a picture costs,
and what is left."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import discord
from discord import ui

from bot.intake.choosing import defaults_of
from bot.texts import Texts, texts_in
from bot.texts.discord_text import escaped
from bot.ui.asking.create_form import open_create_form
from bot.ui.kit.dynamic_items import MessageButton, engine_of, services_of
from bot.ui.kit.text import sentences
from storage.catalogue import Model

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
    """Show the person alone the examples, what a picture costs, and how many pictures are left, or that there is no
    limit per person."""
    say = texts_in(str(interaction.locale))
    usual, models = await models_here(interaction)
    left = await _left(interaction, say)
    view = help_view(say, left=left, usual=usual, models=models.values())
    await interaction.response.send_message(view=view, ephemeral=True)


async def models_here(interaction: discord.Interaction[Any]) -> tuple[Model, Mapping[str, Model]]:
    """Return the model that makes a picture for this person if none is chosen, and all that can be chosen here."""
    defaults = await defaults_of(services_of(interaction), interaction.guild_id, interaction.user.id)
    return defaults.model, defaults.here


def help_view(say: Texts, *, left: str, usual: Model, models: Iterable[Model]) -> ui.LayoutView:
    """Build the guide. `usual`: the model that makes a picture if none is chosen; `models`: all that can be chosen."""
    others = [model for model in models if model != usual]
    container: ui.Container[ui.LayoutView] = ui.Container()
    container.add_item(ui.TextDisplay(f"### {say('help-heading')}\n{say('help-start')}"))
    for number in range(1, EXAMPLES + 1):
        button = ExampleButton(str(number), say("help-try"))
        container.add_item(ui.Section(escaped(_example(say, number), WORDS_UNITS), accessory=button))
    container.add_item(ui.Separator())
    more = [say("help-more"), *([say("help-models")] if others else [])]
    container.add_item(ui.TextDisplay("\n".join([*more, f"-# {_prices(say, usual, others)}", f"-# {left}"])))
    return ui.LayoutView(timeout=None).add_item(container)


def guide_view(say: Texts, text: str) -> ui.LayoutView:
    """Build a short text with a button that shows the examples."""
    button = HelpButton(label=say("help-open"))
    return ui.LayoutView(timeout=None).add_item(ui.TextDisplay(text)).add_item(ui.ActionRow(button))


def _example(say: Texts, number: int) -> str:
    return say(f"help-example-{number}")


def _prices(say: Texts, usual: Model, others: Sequence[Model]) -> str:
    """Return the price of a picture by the usual model, and that of the other models; ranges, if they have choices."""
    lines, of_usual, of_others = [_price(say, usual)], _amounts([usual]), _amounts(others)
    if others and of_usual == of_others and len(of_usual) == 1:
        lines.append(say("help-price-same", count=len(others), model=others[0].name))
    elif len(others) == 1:
        lines.append(_price(say, others[0]))
    elif len(of_others) == 1:
        lines.append(say("help-price-others", count=of_others[0]))
    elif others:
        lines.append(say("help-prices-others", least=of_others[0], most=of_others[-1]))
    return sentences(say, lines)


def _price(say: Texts, model: Model) -> str:
    amounts = _amounts([model])
    if len(amounts) == 1:
        return say("help-price", model=model.name, count=amounts[0])
    return say("help-prices", model=model.name, least=amounts[0], most=amounts[-1])


def _amounts(models: Iterable[Model]) -> list[float]:
    """Return the prices of one picture from words, in every resolution, lowest first."""
    return sorted(
        {
            model.price(variants=1, resolution=resolution)
            for model in models
            for resolution in model.resolutions or (None,)
        }
    )


async def _left(interaction: discord.Interaction[Any], say: Texts) -> str:
    budget = await engine_of(interaction).batches.budget(interaction.user.id, interaction.guild_id)
    if not budget.allowed:
        return say("help-no-limit")
    return say("batches-left", count=budget.left, allowed=budget.allowed)
