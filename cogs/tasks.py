"""`/tasks`: list a person's own tasks in pages, with thumbnails, only to that person."""

from __future__ import annotations

import io
import re
from typing import Any, Final, Self
from urllib.parse import quote, unquote

import discord
from discord import app_commands, ui
from discord.ext import commands

from bot.client import Atelier
from bot.engine.picture_work import Requester, WorkPriority
from bot.engine.thumbnails import StoredCopy
from bot.errors import UnknownChoice
from bot.markup import storable
from bot.replies import answer_error
from bot.texts import Texts, texts_in
from bot.translation import localized
from bot.ui.buttons import engine_of, services_of
from bot.ui.lookup import look_up
from bot.ui.own_tasks import A_PAGE, LONGEST_SEARCH, Page, page_view, task_options, which_options
from bot.ui.selected import single, task_in
from storage.models import Task
from storage.search import TaskFilter

PLACE: Final = f"(?P<which>{'|'.join(TaskFilter)}):(?P<number>[0-9]{{1,6}}):(?P<search>.{{0,64}})"
ROOM: Final = 64
"""Characters for the search words in a `custom_id`, percent-encoded."""


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
        await _show_page(interaction, TaskFilter.ALL, 0, _bounded((search or "").strip()))


class TaskListPageButton(ui.DynamicItem[ui.Button[ui.LayoutView]], template=f"a1:tasks:{PLACE}"):
    def __init__(self, which: TaskFilter, number: int, search: str, *, label: str | None = None) -> None:
        custom_id = f"a1:tasks:{which}:{number}:{quote(search)}"
        super().__init__(ui.Button(label=label, custom_id=custom_id))
        self.place = which, number, search

    @classmethod
    async def from_custom_id(
        cls, interaction: discord.Interaction[Any], item: ui.Item[Any], match: re.Match[str], /
    ) -> Self:
        return cls(TaskFilter(match["which"]), int(match["number"]), storable(unquote(match["search"])))

    async def callback(self, interaction: discord.Interaction[Any]) -> None:
        await _turned(interaction, *self.place)


class WhichSelect(ui.DynamicItem[ui.Select[ui.LayoutView]], template="a1:tasks-which:(?P<search>.{0,64})"):
    def __init__(self, select: ui.Select[ui.LayoutView], search: str) -> None:
        super().__init__(select)
        self.search = search

    @classmethod
    async def from_custom_id(
        cls, interaction: discord.Interaction[Any], item: ui.Item[Any], match: re.Match[str], /
    ) -> Self:
        return cls(item, storable(unquote(match["search"])))  # type: ignore[arg-type]  # discord.py passes a Select here

    async def callback(self, interaction: discord.Interaction[Any]) -> None:
        try:
            which = single(self.item.values, {one.value: one for one in TaskFilter}) or TaskFilter.ALL
        except UnknownChoice as error:
            await answer_error(interaction, error)
            return
        await _turned(interaction, which, 0, self.search)


class TaskSelect(ui.DynamicItem[ui.Select[ui.LayoutView]], template="a1:tasks-open"):
    """Show the selected task, as `/show` does."""

    def __init__(self, select: ui.Select[ui.LayoutView]) -> None:
        super().__init__(select)

    @classmethod
    async def from_custom_id(
        cls, interaction: discord.Interaction[Any], item: ui.Item[Any], match: re.Match[str], /
    ) -> Self:
        return cls(item)  # type: ignore[arg-type]  # discord.py passes a Select here

    async def callback(self, interaction: discord.Interaction[Any]) -> None:
        try:
            await look_up(interaction, await services_of(interaction).stores.tasks.get(task_in(self.item.values)))
        except Exception as error:  # noqa: BLE001  # last handler: replies, and logs defects
            await answer_error(interaction, error)


async def _turned(interaction: discord.Interaction[Any], which: TaskFilter, number: int, search: str) -> None:
    try:
        await interaction.response.defer()
        await _show_page(interaction, which, number, search)
    except Exception as error:  # noqa: BLE001  # last handler: replies, and logs defects
        await answer_error(interaction, error)


async def _show_page(interaction: discord.Interaction[Any], which: TaskFilter, number: int, search: str) -> None:
    """Show a page by editing the interaction's first answer. A page beyond the last becomes the last."""
    async with engine_of(interaction).lookup_slots.taken(interaction.user.id):
        await _answer(interaction, which, number, search)


async def _answer(interaction: discord.Interaction[Any], which: TaskFilter, number: int, search: str) -> None:
    store, person, say = services_of(interaction).stores.search, interaction.user.id, texts_in(str(interaction.locale))
    total = await store.count_own(person, words=search, which=which)
    number = min(number, max(0, (total - 1) // A_PAGE))
    found = await store.own(person, words=search, which=which, limit=A_PAGE, offset=number * A_PAGE)
    page = Page(which=which, search=search, number=number, total=total, tasks=found)
    files = [file for task in found if (file := await _thumbnail(interaction, task)) is not None]
    names = {file.filename.removeprefix("small-").removesuffix(".jpg"): file.filename for file in files}
    view = page_view(say, page, names, _controls(say, page))
    await interaction.edit_original_response(view=view, attachments=files)


async def _thumbnail(interaction: discord.Interaction[Any], task: Task) -> discord.File | None:
    """Return a thumbnail of the task's first picture; None without a copy, or if a moderator removed the result."""
    services = services_of(interaction)
    first = next(iter(await services.stores.pictures.of_task(task.id)), None)
    if first is None or first.key is None or task.removed_by not in {None, task.asker_id}:
        return None
    requester = Requester(interaction.user.id, WorkPriority.BROWSING)
    data = await services.thumbnails.small(StoredCopy(first.key, first.bytes), requester)
    return discord.File(io.BytesIO(data), f"small-{task.id}.jpg") if data is not None else None


def _controls(say: Texts, page: Page) -> list[ui.Item[Any]]:
    rows: list[ui.Item[Any]] = []
    if page.tasks:
        opening: ui.Select[ui.LayoutView] = ui.Select(
            custom_id="a1:tasks-open", placeholder=say("tasks-open"), options=task_options(say, page.tasks)
        )
        rows.append(ui.ActionRow(TaskSelect(opening)))
    choice: ui.Select[ui.LayoutView] = ui.Select(
        custom_id=f"a1:tasks-which:{quote(page.search)}", options=which_options(say, page.which)
    )
    rows.append(ui.ActionRow(WhichSelect(choice, page.search)))
    turning = []
    if page.number:
        turning.append(TaskListPageButton(page.which, page.number - 1, page.search, label=say("tasks-newer")))
    if page.number < page.last:
        turning.append(TaskListPageButton(page.which, page.number + 1, page.search, label=say("tasks-older")))
    return [*rows, ui.ActionRow(*turning)] if turning else rows


def _bounded(search: str) -> str:
    """Shorten the search words until they fit into a `custom_id`."""
    while len(quote(search)) > ROOM:
        search = search[:-1]
    return search


async def setup(bot: Atelier) -> None:
    bot.add_dynamic_items(TaskListPageButton, WhichSelect, TaskSelect)
    await bot.add_cog(Tasks())
