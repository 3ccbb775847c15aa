"""
Open modals and handle their submissions, also after a restart of the process.

discord.py keeps an open modal only in memory: it would drop a modal that is submitted after a restart, and would keep
a modal that is never submitted forever. So modals are not registered with discord.py. As with buttons, the `custom_id`
says what a form is about, and the listener of `add_form` reads the submission in the process that receives it.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias, TypeVar

import discord
import structlog
from discord import ui

from bot.client import Atelier
from bot.error_replies import errors_answered
from bot.errors import TooLong, UnknownChoice
from bot.texts import Texts
from bot.texts.discord_text import storable, units
from bot.ui.kit.selected import several, single
from bot.ui.kit.text import shape
from storage.bounds import LONGEST_WORDS, MOST_REFERENCES
from storage.catalogue import DEFAULT
from storage.models import SPOILER_PREFIX

KEY: Final = "(?P<key>[0-9a-f]{16})?"

Label: TypeAlias = ui.Label[ui.Modal]
T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """A file uploaded with a form."""

    url: str = field(repr=False)
    filename: str
    size: int
    content_type: str | None
    flags: int = 0

    def is_spoiler(self) -> bool:
        marked = discord.AttachmentFlags._from_value(self.flags).spoiler
        return marked or self.filename.startswith(SPOILER_PREFIX)


class FormValues:
    """
    The submitted values of a form, by the names of the fields. A missing field is empty.

    Submitted values are untrusted, as Discord passes them on unchecked: each method raises UnknownChoice for a value of
    a wrong type or one that was not offered, and `words` raises TooLong. The constructor raises UnknownChoice, too.
    """

    def __init__(self, data: Mapping[str, Any]) -> None:
        self._fields = {component["custom_id"]: component for component in _fields(data.get("components"))}
        resolved = data.get("resolved")
        files = resolved.get("attachments") if isinstance(resolved, Mapping) else None
        self._files: Mapping[str, Any] = files if isinstance(files, Mapping) else {}

    def words(self, name: str, *, most: int = LONGEST_WORDS) -> str:
        """Return the text of a field, without the characters that no database stores (`storable`). `most`:
        characters."""
        value = self._field(name).get("value")
        if value is None:
            return ""
        if not isinstance(value, str):
            raise UnknownChoice
        if len(value) > most:
            raise TooLong(most)
        return storable(value)

    def one(self, name: str, offered: Mapping[str, T]) -> T | None:
        return single(self._values(name), offered)

    def several(self, name: str, offered: Mapping[str, T], *, most: int) -> tuple[T, ...]:
        return several(self._values(name), offered, most=most)

    def ticked(self, name: str) -> bool:
        value = self._field(name).get("value")
        if not isinstance(value, bool | None):
            raise UnknownChoice
        return value is True

    def files(self, name: str) -> tuple[Upload, ...]:
        """Return the uploaded files, in the order chosen. Raises UnknownChoice also for more than
        `MOST_REFERENCES`."""
        sent = {key: file for key, file in self._files.items() if isinstance(file, Mapping)}
        return tuple(map(_upload, several(self._values(name), sent, most=MOST_REFERENCES)))

    def _values(self, name: str) -> Sequence[Any]:
        values = self._field(name).get("values")
        if not isinstance(values, list | None):
            raise UnknownChoice
        return values or ()

    def _field(self, name: str) -> Mapping[str, Any]:
        return self._fields.get(name, {})


Submitted: TypeAlias = Callable[[discord.Interaction[Atelier], str, FormValues], Awaitable[None]]


async def open_form(
    interaction: discord.Interaction[Any], name: str, key: str, *, title: str, fields: Sequence[Label]
) -> None:
    """Open a form as the first answer, which Discord requires within 3 s. `key`: 16 hex digits that identify the
    subject of the form, or empty. At most five fields."""
    modal = ui.Modal(title=title, custom_id=f"a1:{name}:{key}")
    for item in fields:
        modal.add_item(item)
    modal.stop()  # discord.py stores only modals that are not stopped
    await interaction.response.send_modal(modal)


def add_form(bot: Atelier, name: str, submitted: Submitted) -> None:
    """Register the handler of a form; call this in a cog's `setup`. `submitted` receives the form's key ("" without
    one) and values; its exceptions go to `answer_error`, which answers the person or only logs them."""
    pattern = re.compile(f"a1:{name}:{KEY}")

    async def listen(interaction: discord.Interaction[Atelier]) -> None:
        data: Mapping[str, Any] = interaction.data or {}
        if interaction.type is not discord.InteractionType.modal_submit:
            return
        if match := pattern.fullmatch(data["custom_id"]):
            await _submit(submitted, interaction, match["key"] or "", data)

    bot.add_listener(listen, "on_interaction")


def words_field(say: Texts, words: str = "", *, changes: bool = False) -> Label:
    """Return the prompt field. It is optional, as pictures alone are enough. Words that do not fit are not shown: the
    field is then empty and says that they are kept. `changes`: its label asks what to change."""
    fits = fits_form(words)
    entry: ui.TextInput[ui.Modal] = ui.TextInput(
        custom_id="words",
        style=discord.TextStyle.paragraph,
        default=words if fits and words else None,
        required=False,
        max_length=LONGEST_WORDS,
    )
    label = say("forms-words-change") if changes else say("forms-words")
    hint = say("forms-words-hint") if fits else say("forms-words-kept")
    return ui.Label(text=label, description=hint, component=entry)


def fits_form(words: str) -> bool:
    """Return whether the prompt field can show all the words."""
    return units(words) <= LONGEST_WORDS


def files_field(say: Texts, *, most: int, label: str) -> Label:
    upload: ui.FileUpload[ui.Modal] = ui.FileUpload(custom_id="files", required=False, min_values=0, max_values=most)
    hint = say("forms-files-hint", most=MOST_REFERENCES)
    return ui.Label(text=label, description=hint, component=upload)


def size_field(say: Texts, size: str | None, *, otherwise: str | None = None) -> Label:
    """Return the field for the shape. If `size` is None, nothing is chosen in it, and it shows `otherwise` (None:
    Discord's own placeholder)."""
    options = [
        discord.SelectOption(label=shape(say, offered), value=offered, default=offered == size)
        for offered in DEFAULT.sizes
    ]
    select: ui.Select[ui.Modal] = ui.Select(
        custom_id="size", options=options, placeholder=otherwise, min_values=0, required=False
    )
    return ui.Label(text=say("forms-size"), component=select)


def variants_field(say: Texts, variants: int) -> Label:
    options = [
        discord.SelectOption(
            label=say("forms-variants-count", count=count), value=str(count), default=count == variants
        )
        for count in DEFAULT.variants
    ]
    select: ui.Select[ui.Modal] = ui.Select(custom_id="variants", options=options, required=False)
    return ui.Label(text=say("forms-variants"), component=select)


def size_in(filled: FormValues) -> str | None:
    return filled.one("size", {size: size for size in DEFAULT.sizes})


def variants_in(filled: FormValues) -> int | None:
    return filled.one("variants", {str(count): count for count in DEFAULT.variants})


async def _submit(
    submitted: Submitted, interaction: discord.Interaction[Atelier], key: str, data: Mapping[str, Any]
) -> None:
    with structlog.contextvars.bound_contextvars(form=data["custom_id"]):
        async with errors_answered(interaction):
            await submitted(interaction, key, FormValues(data))


def _fields(components: Any) -> Iterator[Mapping[str, Any]]:
    for component in components if isinstance(components, list | tuple) else ():
        if not isinstance(component, Mapping):
            raise UnknownChoice
        yield from _fields(component.get("components"))
        inner = component.get("component", component)
        if isinstance(inner, Mapping) and isinstance(inner.get("custom_id"), str):
            yield inner


def _upload(file: Mapping[str, Any]) -> Upload:
    url, filename, size = file.get("url"), file.get("filename"), file.get("size")
    content_type = file.get("content_type")
    if not (isinstance(url, str) and isinstance(filename, str) and isinstance(content_type, str | None)):
        raise UnknownChoice
    if type(size) is not int:
        raise UnknownChoice
    flags = file.get("flags", 0)
    if type(flags) is not int:
        raise UnknownChoice
    return Upload(url=url, filename=filename, size=size, content_type=content_type, flags=flags)
