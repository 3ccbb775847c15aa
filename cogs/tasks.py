"""`/tasks`: list a person's own tasks in pages, with thumbnails, only to that person."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any, Final
from urllib.parse import unquote

import discord
from discord import app_commands, ui
from discord.ext import commands

from bot.client import Atelier
from bot.engine.work.picture_work import Requester, WorkPriority
from bot.engine.work.thumbnails import StoredCopy
from bot.texts import Texts, texts_in
from bot.texts.command_texts import localized
from bot.texts.discord_text import storable, units
from bot.ui.kit.dynamic_items import MessageButton, MessageSelect, Select, engine_of, services_of
from bot.ui.kit.selected import single, task_in
from bot.ui.results.lookup import look_up
from bot.ui.waiting.task_list import A_PAGE, LONGEST_SEARCH, Page, page_view, task_options, which_options
from storage.models import Picture, Task
from storage.search import TaskFilter

ROOM: Final = 64
"""Most UTF-16 units of the search words in a `custom_id`, where each "%" is "%25"."""
SEARCH: Final = f".{{0,{ROOM}}}"
PLACE: Final = f"(?:{'|'.join(TaskFilter)}):[0-9]{{1,6}}:{SEARCH}"


class Tasks(commands.Cog):
    @app_commands.command(description=localized("tasks-command"))
    @app_commands.allowed_contexts(guilds=True, dms=True, private_channels=True)
    @app_commands.allowed_installs(guilds=True, users=True)
    @app_commands.describe(search=localized("tasks-search"))
    async def tasks(
        self,
        interaction: discord.Interaction[Atelier],
        search: app_commands.Range[str, 1, LONGEST_SEARCH] | None = None,
    ) -> None:
        await interaction.response.defer(ephemeral=True, thinking=True)
        await _show_page(interaction, TaskFilter.ALL, 0, _bounded(" ".join((search or "").split())))


class TaskListPageButton(MessageButton, action="tasks", key=PLACE):
    async def press(self, interaction: discord.Interaction[Any]) -> None:
        which, number, search = self.key.split(":", 2)
        await interaction.response.defer()
        await _show_page(interaction, TaskFilter(which), int(number), storable(unquote(search)))


class WhichSelect(MessageSelect, action="tasks-which", key=SEARCH):
    async def press(self, interaction: discord.Interaction[Any]) -> None:
        which = (
            single(self.item.values, {task_filter.value: task_filter for task_filter in TaskFilter}) or TaskFilter.ALL
        )
        await interaction.response.defer()
        await _show_page(interaction, which, 0, storable(unquote(self.key)))


class TaskSelect(MessageSelect, action="tasks-open"):
    """Show the selected task, as `/show` does."""

    async def press(self, interaction: discord.Interaction[Any]) -> None:
        await look_up(interaction, await services_of(interaction).stores.tasks.get(task_in(self.item.values)))


async def _show_page(interaction: discord.Interaction[Any], which: TaskFilter, number: int, search: str) -> None:
    """Show a page by editing the interaction's first answer. A page beyond the last becomes the last."""
    async with engine_of(interaction).lookup_slots.taken(interaction.user.id):
        await _answer(interaction, which, number, search)


async def _answer(interaction: discord.Interaction[Any], which: TaskFilter, number: int, search: str) -> None:
    store, person, say = services_of(interaction).stores.search, interaction.user.id, texts_in(str(interaction.locale))
    total = await store.count_own(person, words=search, which=which)
    number = min(number, max(0, (total - 1) // A_PAGE))
    found = await store.own(person, words=search, which=which, limit=A_PAGE, offset=number * A_PAGE)
    pictures = {task.id: await services_of(interaction).stores.pictures.of_task(task.id) for task in found}
    made = {task_id: len(of_task) for task_id, of_task in pictures.items()}
    kept = [task.id for task in found if await _is_kept(interaction, task)]
    page = Page(which=which, search=search, number=number, total=total, tasks=found, made=made, kept=kept)
    files = [file for task in found if (file := await _thumbnail(interaction, task, pictures[task.id])) is not None]
    names = {file.filename.removeprefix("small-").removesuffix(".jpg"): file.filename for file in files}
    view = page_view(say, page, names, _controls(say, page))
    await interaction.edit_original_response(view=view, attachments=files)


async def _is_kept(interaction: discord.Interaction[Any], task: Task) -> bool:
    """Return whether the task was withheld and its asker has not posted it since."""
    if task.withheld_at is None:
        return False
    reposts = await services_of(interaction).stores.reposts.of_task(task.id)
    return not any(repost.message_id is not None and repost.removed_at is None for repost in reposts)


async def _thumbnail(
    interaction: discord.Interaction[Any], task: Task, pictures: Sequence[Picture]
) -> discord.File | None:
    """Return a thumbnail of the task's first picture; None if none can be made, or if another person than the asker (a
    moderator) removed the result."""
    services = services_of(interaction)
    first = next(iter(pictures), None)
    if first is None or first.key is None or task.removed_by not in {None, task.asker_id}:
        return None
    requester = Requester(interaction.user.id, WorkPriority.BROWSING)
    data = await services.thumbnails.small(StoredCopy(first.key, first.bytes), requester)
    return discord.File(io.BytesIO(data), f"small-{task.id}.jpg") if data is not None else None


def _controls(say: Texts, page: Page) -> list[ui.Item[Any]]:
    rows: list[ui.Item[Any]] = []
    if page.tasks:
        opening: Select = ui.Select(placeholder=say("tasks-open"), options=task_options(say, page))
        rows.append(ui.ActionRow(TaskSelect(opening)))
    search = _in_custom_id(page.search)
    rows.append(ui.ActionRow(WhichSelect(ui.Select(options=which_options(say, page.which)), search)))
    turning = []
    if page.number:
        turning.append(TaskListPageButton(f"{page.which}:{page.number - 1}:{search}", say("tasks-newer")))
    if page.number < page.last:
        turning.append(TaskListPageButton(f"{page.which}:{page.number + 1}:{search}", say("tasks-older")))
    return [*rows, ui.ActionRow(*turning)] if turning else rows


def _bounded(search: str) -> str:
    """Shorten the search words until they fit into a `custom_id`."""
    while units(_in_custom_id(search)) > ROOM:
        search = search[:-1]
    return search.rstrip()


def _in_custom_id(search: str) -> str:
    """Encode the search words so that `unquote` reads them. Buttons of earlier versions have them wholly encoded."""
    return search.replace("%", "%25")


async def setup(bot: Atelier) -> None:
    bot.add_dynamic_items(TaskListPageButton, WhichSelect, TaskSelect)
    await bot.add_cog(Tasks())
