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
from bot.discord_limits import FILES_PER_UPLOAD, OPTION_CHARACTERS, OPTIONS_PER_SELECT
from bot.error_replies import errors_answered
from bot.errors import TooLong, UnknownChoice
from bot.texts import Texts
from bot.texts.discord_text import shortened, storable, units
from bot.texts.shapes import shape
from bot.ui.kit.model_choices import price_and_good_for
from bot.ui.kit.selected import several, single
from storage.bounds import LONGEST_WORDS
from storage.catalogue import MODELS, Model, all_sizes, all_variants
from storage.models import SPOILER_PREFIX

KEY: Final = "(?P<key>[0-9a-f]{16})?"
PRIVATE: Final = "p"
"""After the number of pictures, in the value of an option: only the asker sees them."""

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
        `FILES_PER_UPLOAD`."""
        sent = {key: file for key, file in self._files.items() if isinstance(file, Mapping)}
        return tuple(map(_upload, several(self._values(name), sent, most=FILES_PER_UPLOAD)))

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


def files_field(say: Texts, model: Model, *, besides: int = 0, label: str) -> Label:
    """Return the field for pictures. It takes as many as Discord allows, because the form may choose another model than
    `model`, of which the hint tells. `besides`: pictures that the request has without these."""
    most = max(1, FILES_PER_UPLOAD - besides)
    upload: ui.FileUpload[ui.Modal] = ui.FileUpload(custom_id="files", required=False, min_values=0, max_values=most)
    hint = say("forms-files-hint", most=model.most_references, model=model.name)
    return ui.Label(text=label, description=shortened(hint, OPTION_CHARACTERS), component=upload)


def model_field(
    say: Texts, models: Mapping[str, Model], usual: Model, chosen: Model | None = None, *, why: str = ""
) -> list[Label]:
    """Return the field for the model, with the price of one picture by each; no field if there is only one. Without
    `chosen`, nothing is chosen in it, and it shows `usual`. `why`: why the usual one is not another, if there is
    something to say."""
    if len(models) < 2:
        return []
    options = [
        discord.SelectOption(
            label=model.name,
            description=price_and_good_for(say, model),
            value=model.key,
            default=model == chosen,
        )
        for model in models.values()
    ]
    select: ui.Select[ui.Modal] = ui.Select(
        custom_id="model",
        options=options[:OPTIONS_PER_SELECT],
        placeholder=say("forms-model-usual", model=usual.name),
        min_values=0,
        required=False,
    )
    hint = shortened(why, OPTION_CHARACTERS) if why else None
    return [ui.Label(text=say("forms-model"), description=hint, component=select)]


def size_field(say: Texts, model: Model, size: str | None = None, *, otherwise: str | None = None) -> Label:
    """Return the field for the shape, with the model's shapes. If `size` is None, nothing is chosen in it, and it shows
    `otherwise` (None: Discord's own placeholder)."""
    options = [
        discord.SelectOption(label=shape(say, offered), value=offered, default=offered == size)
        for offered in model.sizes
    ]
    select: ui.Select[ui.Modal] = ui.Select(
        custom_id="size",
        options=options[:OPTIONS_PER_SELECT],
        placeholder=otherwise,
        min_values=0,
        required=False,
    )
    return ui.Label(text=say("forms-size"), component=select)


def variants_field(say: Texts, model: Model, variants: int, *, private: bool | None = None) -> Label:
    """Return the field for the number of pictures. Unless `private` is None, it also says for whom they are, each
    number once for all and once for the asker alone: a form has no room for a field of its own."""
    counts = [(count, alone) for alone in ((False,) if private is None else (False, True)) for count in model.variants]
    options = [
        discord.SelectOption(
            label=say("forms-variants-private" if alone else "forms-variants-count", count=count),
            value=f"{count}{PRIVATE if alone else ''}",
            default=(count, alone) == (variants, private is True),
        )
        for count, alone in counts
    ]
    select: ui.Select[ui.Modal] = ui.Select(custom_id="variants", options=options, required=False)
    return ui.Label(text=say("forms-variants"), component=select)


def private_field(say: Texts, *, private: bool) -> Label:
    return ui.Label(text=say("forms-private"), component=ui.Checkbox(custom_id="private", default=private))


def model_in(filled: FormValues) -> str | None:
    return filled.one("model", {key: key for key in MODELS})


def size_in(filled: FormValues) -> str | None:
    return filled.one("size", {size: size for size in all_sizes()})


def variants_in(filled: FormValues) -> int | None:
    return filled.one("variants", {f"{count}{kind}": count for count in all_variants() for kind in ("", PRIVATE)})


def private_in(filled: FormValues) -> bool:
    """Return whether the pictures are for the asker alone, by the number of pictures or by the field "private"."""
    kinds = {"": False, PRIVATE: True}
    chosen = {f"{count}{kind}": alone for count in all_variants() for kind, alone in kinds.items()}
    return filled.one("variants", chosen) is True or filled.ticked("private")


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
