"""Say whether pictures can be made now, how many requests wait, how long a picture takes, and which models have
trouble."""

from __future__ import annotations

from typing import Any, Final

import discord
from discord import ui

from bot.engine.cards.status import ServiceStatus
from bot.texts import Texts, texts_in
from bot.ui.asking.examples import models_here
from bot.ui.kit.dynamic_items import engine_of
from bot.ui.kit.request_facts import model_name
from bot.ui.kit.text import rough_time
from bot.ui.waiting.cards import PAUSED

_OPEN: Final = discord.Colour(0x3BA55D)
_PAUSED: Final = discord.Colour(0xC9A227)


async def send_status(interaction: discord.Interaction[Any]) -> None:
    """Answer the person alone. The operator's account is not part of the answer."""
    usual, models = await models_here(interaction)
    status = await engine_of(interaction).status.now(usual.key, among=models)
    say = texts_in(str(interaction.locale))
    await interaction.response.send_message(view=status_view(say, status, usual.key), ephemeral=True)


def status_view(say: Texts, status: ServiceStatus, model: str) -> ui.LayoutView:
    colour = _OPEN if status.paused is None else _PAUSED
    container: ui.Container[ui.LayoutView] = ui.Container(accent_colour=colour)
    container.add_item(ui.TextDisplay("\n".join(_lines(say, status, model))))
    return ui.LayoutView(timeout=None).add_item(container)


def _lines(say: Texts, status: ServiceStatus, model: str) -> list[str]:
    waiting = say("status-line", count=status.waiting)
    if status.paused is not None:
        why = [say(PAUSED[status.paused])] if status.paused in PAUSED else []
        return [f"### {say('status-paused')}", *why, say("status-keeps"), waiting]
    takes = say("status-takes", model=model_name(model), time=rough_time(say, status.seconds))
    trouble = [
        say("status-trouble", model=model_name(key), since=f"<t:{since // 1000}:t>")
        for key, since in status.trouble.items()
    ]
    return [f"### {say('status-open')}", waiting, takes, *trouble]
