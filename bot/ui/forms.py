"""
Forms that outlive the process that opened them.

discord.py keeps an open modal in memory alone: one that is filled in after a restart would be dropped, and one that is
never filled in would stay for good. So it is not told of ours: what a form is about stands in its `custom_id`, as with
buttons, and whatever comes back is read by `add_form`'s listener, in whichever process that is.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

import discord
import structlog
from discord import ui

from bot.client import Atelier
from bot.markup import shortened
from bot.replies import answer_error
from bot.texts import Texts
from bot.ui.asking import MOST_REFERENCES
from bot.ui.text import shape

SIZES: Final = ("1:1", "3:2", "2:3")
VARIANTS: Final = (1, 2, 4)
LONGEST_WORDS: Final = 4000
"""Discord: of a field in a form."""
KEY: Final = "(?P<key>[0-9a-f]{16})?"

Label: TypeAlias = ui.Label[ui.Modal]


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """A file that came with a form."""

    url: str = field(repr=False)
    filename: str
    size: int
    content_type: str | None


class Filled:
    """What somebody filled in, by the names of the fields. One that was left out is empty."""

    def __init__(self, data: Mapping[str, Any]) -> None:
        self._fields = {one["custom_id"]: one for one in _fields(data["components"])}
        self._files: Mapping[str, Any] = data.get("resolved", {}).get("attachments", {})

    def words(self, name: str) -> str:
        return str(self._field(name).get("value") or "")

    def chosen(self, name: str) -> tuple[str, ...]:
        return tuple(self._field(name).get("values") or ())

    def first(self, name: str) -> str | None:
        return next(iter(self.chosen(name)), None)

    def ticked(self, name: str) -> bool:
        return self._field(name).get("value") is True

    def files(self, name: str) -> tuple[Upload, ...]:
        """In the order chosen."""
        return tuple(_upload(self._files[one]) for one in self.chosen(name) if one in self._files)

    def _field(self, name: str) -> Mapping[str, Any]:
        return self._fields.get(name, {})


Submitted: TypeAlias = Callable[[discord.Interaction[Atelier], str, Filled], Awaitable[None]]


async def open_form(
    interaction: discord.Interaction[Any], name: str, key: str, *, title: str, fields: Sequence[Label]
) -> None:
    """As the first answer, which has to come within 3 s. `key`: 16 hex digits that say what the form is about, or
    nothing. At most five fields."""
    modal = ui.Modal(title=title, custom_id=f"a1:{name}:{key}")
    for one in fields:
        modal.add_item(one)
    modal.stop()  # discord.py keeps only those that still wait
    await interaction.response.send_modal(modal)


def add_form(bot: Atelier, name: str, submitted: Submitted) -> None:
    """In a cog's `setup`. `submitted` is given the form's key and what was filled in; its errors reach the person."""
    pattern = re.compile(f"a1:{name}:{KEY}")

    async def listen(interaction: discord.Interaction[Atelier]) -> None:
        data: Mapping[str, Any] = interaction.data or {}
        if interaction.type is not discord.InteractionType.modal_submit:
            return
        if match := pattern.fullmatch(data["custom_id"]):
            await _submit(submitted, interaction, match["key"] or "", data)

    bot.add_listener(listen, "on_interaction")


def words_field(say: Texts, words: str = "", *, changes: bool = False) -> Label:
    """Not required: pictures alone are enough."""
    entry: ui.TextInput[ui.Modal] = ui.TextInput(
        custom_id="words",
        style=discord.TextStyle.paragraph,
        default=shortened(words, LONGEST_WORDS) or None,
        required=False,
        max_length=LONGEST_WORDS,
    )
    label = say("forms-words-change") if changes else say("forms-words")
    return ui.Label(text=label, description=say("forms-words-hint"), component=entry)


def files_field(say: Texts, *, most: int, label: str) -> Label:
    upload: ui.FileUpload[ui.Modal] = ui.FileUpload(custom_id="files", required=False, min_values=0, max_values=most)
    hint = say("forms-files-hint", most=MOST_REFERENCES)
    return ui.Label(text=label, description=hint, component=upload)


def size_field(say: Texts, size: str) -> Label:
    options = [discord.SelectOption(label=shape(say, one), value=one, default=one == size) for one in SIZES]
    return ui.Label(text=say("forms-size"), component=ui.Select(custom_id="size", options=options, required=False))


def variants_field(say: Texts, variants: int) -> Label:
    options = [
        discord.SelectOption(label=say("forms-variants-count", count=one), value=str(one), default=one == variants)
        for one in VARIANTS
    ]
    select: ui.Select[ui.Modal] = ui.Select(custom_id="variants", options=options, required=False)
    return ui.Label(text=say("forms-variants"), component=select)


def variants_in(filled: Filled) -> int | None:
    chosen = filled.first("variants")
    return int(chosen) if chosen is not None else None


async def _submit(
    submitted: Submitted, interaction: discord.Interaction[Atelier], key: str, data: Mapping[str, Any]
) -> None:
    with structlog.contextvars.bound_contextvars(form=data["custom_id"]):
        try:
            await submitted(interaction, key, Filled(data))
        except Exception as error:  # noqa: BLE001  # the last stop: it is told and, if a defect, logged
            await answer_error(interaction, error)


def _fields(components: Sequence[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    for one in components:
        yield from _fields(one.get("components", ()))
        inner = one.get("component", one)
        if "custom_id" in inner:
            yield inner


def _upload(file: Mapping[str, Any]) -> Upload:
    return Upload(
        url=file["url"], filename=file["filename"], size=int(file["size"]), content_type=file.get("content_type")
    )
