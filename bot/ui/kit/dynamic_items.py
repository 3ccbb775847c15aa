"""
The base classes of all buttons and selects: their `custom_id`, and the answer if a press fails. A `custom_id` carries a
version, an action and a key, which says what the item is about (a task's id, a page of a list). What the bot knows of
it is read from the rows, so messages work after a restart; the engine checks who may use a task.
"""

from __future__ import annotations

import re
from typing import Any, ClassVar, Final, Self, TypeAlias, TypeVar

import discord
import structlog
from discord import ui

from bot.client import Atelier
from bot.engine.engine import Engine
from bot.error_replies import errors_answered
from bot.services import Services
from bot.texts import Texts, texts_in

TASK_ID: Final = "[0-9a-f]{16}"
"""Pattern of the id of a task. The ids of batches, reposts, sets and styles have the same form."""
PICTURE: Final = f"{TASK_ID}:[0-9]{{1,2}}"
"""Pattern of a task's id and the position of one of its pictures."""

Button: TypeAlias = ui.Button[ui.LayoutView]
Select: TypeAlias = ui.Select[ui.LayoutView] | ui.ChannelSelect[ui.LayoutView]
T = TypeVar("T", bound=Button | Select)


class MessageItem(ui.DynamicItem[T], template=""):
    """A button or select of a message. Its `custom_id` is `a1:<action>`, or `a1:<action>:<key>` if its class has a
    pattern `key`. Subclasses implement `press`. `about`: what an id in the key is the id of, for the log."""

    _prefix: ClassVar[str]
    _about: ClassVar[str | None]

    def __init_subclass__(cls, *, action: str, key: str = "", about: str = "task") -> None:
        cls._prefix = f"a1:{action}:" if key else f"a1:{action}"
        cls._about = about if key in {TASK_ID, PICTURE} else None
        super().__init_subclass__(template=f"{cls._prefix}(?P<key>{key})")

    def __init__(self, item: T, key: str) -> None:
        item.custom_id = self._prefix + key
        super().__init__(item)
        self.key = key

    async def callback(self, interaction: discord.Interaction[Any]) -> None:
        about = {self._about: self.key.partition(":")[0]} if self._about is not None else {}
        with structlog.contextvars.bound_contextvars(**about):
            async with errors_answered(interaction):
                await self.press(interaction)

    async def press(self, interaction: discord.Interaction[Any]) -> None:
        """Handle a press of the button, or a selection. Exceptions go to `answer_error`, which answers the person or
        only logs them."""
        raise NotImplementedError


class MessageButton(MessageItem[Button], action=""):
    def __init__(
        self,
        key: str = "",
        label: str = "",
        *,
        style: discord.ButtonStyle = discord.ButtonStyle.secondary,
        emoji: str | None = None,
    ) -> None:
        super().__init__(ui.Button(label=label, style=style, emoji=emoji), key)

    @classmethod
    async def from_custom_id(cls, _: discord.Interaction[Any], __: ui.Item[Any], match: re.Match[str], /) -> Self:
        return cls(match["key"])


class MessageSelect(MessageItem[Select], action=""):
    def __init__(self, select: Select, key: str = "") -> None:
        super().__init__(select, key)

    @classmethod
    async def from_custom_id(cls, _: discord.Interaction[Any], item: Any, match: re.Match[str], /) -> Self:
        return cls(item, match["key"])


class TaskButton(MessageButton, action="", key=TASK_ID):
    """A button about one task, or about a batch or a repost, whose ids have the same form; `label` is the name of its
    text."""

    label: ClassVar[str]
    _style: ClassVar[discord.ButtonStyle]
    _emoji: ClassVar[str | None]

    def __init_subclass__(
        cls,
        *,
        action: str,
        label: str,
        about: str = "task",
        style: discord.ButtonStyle = discord.ButtonStyle.secondary,
        emoji: str | None = None,
    ) -> None:
        super().__init_subclass__(action=action, key=TASK_ID, about=about)
        cls.label, cls._style, cls._emoji = label, style, emoji

    def __init__(self, task_id: str, say: Texts, *, label: str | None = None) -> None:
        super().__init__(task_id, say(label or self.label), style=self._style, emoji=self._emoji)
        self.task_id = task_id

    @classmethod
    async def from_custom_id(
        cls, interaction: discord.Interaction[Any], _: ui.Item[Any], match: re.Match[str], /
    ) -> Self:
        return cls(match["key"], texts_in(str(interaction.locale)))


class PictureButton(MessageButton, action="", key=PICTURE):
    """A button about one picture of a task."""

    def __init_subclass__(cls, *, action: str) -> None:
        super().__init_subclass__(action=action, key=PICTURE)

    @property
    def task_id(self) -> str:
        return self.key.partition(":")[0]

    @property
    def position(self) -> int:
        return int(self.key.partition(":")[2])


def services_of(interaction: discord.Interaction[Any]) -> Services:
    """Return the services with their type: discord.py leaves the client of a dynamic item's interaction untyped."""
    client: Atelier = interaction.client
    return client.services


def engine_of(interaction: discord.Interaction[Any]) -> Engine:
    return services_of(interaction).engine
