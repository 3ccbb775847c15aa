"""Show the family of a picture: the tasks made from one another, as far as the viewer may see them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import discord
from discord import ui

from bot.engine.intake.requests import visible_to
from bot.texts import Texts, texts_in
from bot.texts.discord_text import escaped, is_blank
from bot.ui.kit.dynamic_items import TaskButton, services_of
from bot.ui.kit.text import message_link
from storage.models import Derivation, OutcomePart, Reach, Route, Task, TaskState

MOST_KIN: Final = 10
LOOKED_AT: Final = 100
"""Most tasks of a family that are loaded, the newest ones; the list shows `MOST_KIN` of those that the viewer may
see."""
WORDS_UNITS: Final = 100

_CAME_BY: Final = {
    Derivation.AGAIN: "actions-kin-again",
    Derivation.EDIT: "actions-kin-edit",
    Derivation.VARY: "actions-kin-vary",
}


class FamilyButton(TaskButton, action="family", label="actions-family"):
    async def press(self, interaction: discord.Interaction[Any]) -> None:
        services = services_of(interaction)
        task = await services.engine.requests.visible(self.task_id, interaction.user.id)
        family = await services.stores.tasks.family(task, limit=LOOKED_AT)
        seen = [relative for relative in family if relative.id == task.id or may_see(interaction, relative)]
        parts = await services.stores.parts.first_of([relative.id for relative in seen])
        view = family_view(texts_in(str(interaction.locale)), task, seen, parts, viewer_id=interaction.user.id)
        await interaction.response.send_message(view=view, ephemeral=True)


def family_view(
    say: Texts, task: Task, family: Sequence[Task], parts: Mapping[str, OutcomePart], *, viewer_id: int
) -> ui.LayoutView:
    """Build the list: the newest `MOST_KIN` of `family`, oldest first, and how many of `family` are older; for a single
    task, only a note. `task`: the task whose button was pressed."""
    container: ui.Container[ui.LayoutView] = ui.Container()
    if len(family) == 1:
        container.add_item(ui.TextDisplay(say("actions-kin-alone")))
        return ui.LayoutView(timeout=None).add_item(container)
    container.add_item(ui.TextDisplay(f"### {say('actions-kin')}"))
    for relative in family[-MOST_KIN:]:
        link = _link(parts.get(relative.id), relative, viewer_id)
        container.add_item(ui.TextDisplay(_entry(say, relative, link, is_this=relative.id == task.id)))
    if (older := len(family) - MOST_KIN) > 0:
        container.add_item(ui.TextDisplay(f"-# {say('actions-kin-older', count=older)}"))
    return ui.LayoutView(timeout=None).add_item(container)


def _entry(say: Texts, task: Task, link: str | None, *, is_this: bool) -> str:
    what = say(_CAME_BY[task.derivation]) if task.derivation is not None else say("actions-kin-first")
    words = f"*{say('text-wordless')}*" if is_blank(task.prompt) else escaped(task.prompt, WORDS_UNITS)
    facts = [f"<t:{task.created_at // 1000}:R>"]
    if is_this:
        facts.append(say("actions-kin-this"))
    elif link is not None:
        facts.append(f"[{say('actions-kin-open')}]({link})")
    if task.reason is not None or task.state is TaskState.CANCELLED:
        facts.append(say("actions-kin-none"))
    elif task.open:
        facts.append(say("actions-kin-waiting"))
    line = say("actions-kin-line", what=what, asker=f"<@{task.asker_id}>")
    return f"**{line}**: {words}\n-# {' · '.join(facts)}"


def _link(part: OutcomePart | None, task: Task, viewer_id: int) -> str | None:
    """Return a link to the task's message, or None if the viewer cannot open it: an ephemeral answer has no link, and
    only the asker can open a direct message."""
    if part is None or task.private or part.message_id is None or part.message_channel_id is None:
        return None
    if part.route is Route.DIRECT:
        return message_link(part.message_channel_id, part.message_id, None) if _is(task, viewer_id) else None
    if part.route in {Route.EPHEMERAL, Route.COLLECTED} or task.reach is Reach.ANSWER:
        return None
    return message_link(part.message_channel_id, part.message_id, task.guild_id)


def may_see(interaction: discord.Interaction[Any], task: Task) -> bool:
    """Return True for an own task, and for another person's task that is neither private nor removed and is from this
    channel or from another channel of this server that the person can read; of private threads and of channels that are
    not in the cache, only from this one."""
    if not visible_to(task, interaction.user.id):
        return False
    return _is(task, interaction.user.id) or task.channel_id == interaction.channel_id or _reads(interaction, task)


def _is(task: Task, person_id: int) -> bool:
    return task.asker_id == person_id


def _reads(interaction: discord.Interaction[Any], task: Task) -> bool:
    """Return whether the person can read the task's channel in this server; False for a private thread, and for a
    channel that is not in the cache, such as an old thread."""
    guild, person = interaction.guild, interaction.user
    if guild is None or guild.id != task.guild_id or not isinstance(person, discord.Member):
        return False
    channel = guild.get_channel_or_thread(task.channel_id)
    if channel is None or (isinstance(channel, discord.Thread) and channel.is_private()):
        return False
    return channel.permissions_for(person).view_channel
