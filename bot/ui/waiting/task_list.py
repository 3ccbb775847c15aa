"""Build the paged list of a person's own tasks, which only this person sees."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import discord
from discord import ui

from bot.discord_limits import OPTION_CHARACTERS
from bot.texts import Texts
from bot.texts.discord_text import cleaned, escaped, is_blank, shortened
from bot.ui.kit.request_facts import cost, expected_price, look_of
from bot.ui.kit.text import alt_text
from storage.models import Task, TaskState
from storage.search import TaskFilter

A_PAGE: Final = 5
WORDS_UNITS: Final = 200
LONGEST_SEARCH: Final = 40
"""Most characters of the search words that a person can enter. They must fit into a `custom_id` of 100, together with
the filter and the page, so the command shortens words whose encoded form is longer."""

_WHICH: Final = {
    TaskFilter.ALL: "tasks-all",
    TaskFilter.WAITING: "tasks-waiting",
    TaskFilter.DONE: "tasks-done",
    TaskFilter.FAILED: "tasks-failed",
    TaskFilter.CANCELLED: "tasks-cancelled",
}
_NONE: Final = {
    TaskFilter.ALL: "tasks-none",
    TaskFilter.WAITING: "tasks-none-waiting",
    TaskFilter.DONE: "tasks-none-done",
    TaskFilter.FAILED: "tasks-none-failed",
    TaskFilter.CANCELLED: "tasks-none-cancelled",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """One page of a person's tasks. `number` counts from 0."""

    which: TaskFilter
    search: str
    number: int
    total: int
    """Number of tasks on all pages together."""
    tasks: Sequence[Task]
    made: Mapping[str, int]
    """Number of pictures, by task id."""
    kept: Collection[str]
    """Ids of the tasks that were withheld and that no message shows."""

    @property
    def last(self) -> int:
        return max(0, (self.total - 1) // A_PAGE)


def page_view(say: Texts, page: Page, thumbnails: Mapping[str, str], controls: Sequence[ui.Item[Any]]) -> ui.LayoutView:
    """Build the page. `thumbnails`: file names by task id; `controls`: the rows below the tasks."""
    container: ui.Container[ui.LayoutView] = ui.Container()
    container.add_item(ui.TextDisplay(_heading(say, page)))
    if not page.tasks:
        container.add_item(ui.TextDisplay(say("tasks-none-found") if page.search else say(_NONE[page.which])))
    for task in page.tasks:
        container.add_item(_entry(say, page, task, thumbnails.get(task.id)))
    for row in controls:
        container.add_item(row)
    return ui.LayoutView(timeout=None).add_item(container)


def which_options(say: Texts, chosen: TaskFilter) -> list[discord.SelectOption]:
    return [
        discord.SelectOption(label=say(name), value=kind.value, default=kind is chosen) for kind, name in _WHICH.items()
    ]


def task_options(say: Texts, page: Page) -> list[discord.SelectOption]:
    return [
        discord.SelectOption(
            label=shortened(_words(say, task), OPTION_CHARACTERS),
            description=_state(say, page, task),
            value=task.id,
        )
        for task in page.tasks
    ]


def _heading(say: Texts, page: Page) -> str:
    lines = [f"### {say('tasks-heading')}"]
    if page.search:
        lines.append(say("tasks-with-words", words=escaped(page.search, 3 * LONGEST_SEARCH)))
    if page.total:
        lines.append(f"-# {say('tasks-page', page=page.number + 1, pages=page.last + 1, count=page.total)}")
    return "\n".join(lines)


def _entry(say: Texts, page: Page, task: Task, thumbnail: str | None) -> ui.Item[Any]:
    words = f"*{say('text-wordless')}*" if is_blank(task.prompt) else escaped(task.prompt, WORDS_UNITS)
    price = cost(say, task, page.made.get(task.id, 0)) if _is_over(task) else expected_price(say, task)
    facts = [_state(say, page, task), *look_of(say, task), *price, f"<t:{task.created_at // 1000}:R>"]
    if task.private:
        facts.append(say("tasks-private"))
    text = f"**{words}**\n-# {' · '.join(facts)}"
    if thumbnail is None:
        return ui.TextDisplay(text)
    description = alt_text(say, say("outcome-picture"), task.prompt)
    shown = ui.Thumbnail[ui.LayoutView](f"attachment://{thumbnail}", description=description, spoiler=task.is_spoiler)
    return ui.Section(text, accessory=shown)


def _is_over(task: Task) -> bool:
    """Return whether the task was cancelled or its outcome is known."""
    return task.state in {TaskState.SETTLED, TaskState.CLOSED, TaskState.CANCELLED}


def _state(say: Texts, page: Page, task: Task) -> str:
    if task.state is TaskState.CANCELLED:
        return say("tasks-state-cancelled")
    if task.state is not TaskState.CLOSED:
        return say("tasks-state-kept") if task.undelivered_at is not None else say("tasks-state-waiting")
    if task.reason is not None:
        return say("tasks-state-failed")
    if task.removed_at is not None:
        return say("tasks-state-removed")
    if task.id in page.kept:
        return say("tasks-state-withheld")
    return say("tasks-state-done", count=page.made.get(task.id, 0))


def _words(say: Texts, task: Task) -> str:
    return say("text-wordless") if is_blank(task.prompt) else cleaned(task.prompt)
