"""Names and descriptions of commands in people's languages: Discord is told all of them when commands are published."""

from __future__ import annotations

from typing import Any, Final

import discord
from discord import app_commands
from discord.app_commands import TranslationContextLocation as Location

from bot.texts import DEFAULT, texts_in

_COMMAND_NAMES: Final = frozenset({Location.command_name, Location.group_name})


def said(name: str) -> app_commands.locale_str:
    """The message `name`: in English by default, and in every other language through `CatalogueTranslator`."""
    return app_commands.locale_str(texts_in(DEFAULT)(name), message=name)


class CatalogueTranslator(app_commands.Translator):
    """
    What was made by `said` is looked up by its message. Names that stand in code have theirs by convention: `show-name`
    for `/show`, `style-add-name` for `/style add`, `option-prompt` for the option `prompt` of whatever command.
    """

    async def translate(
        self, string: app_commands.locale_str, locale: discord.Locale, context: app_commands.TranslationContextTypes
    ) -> str | None:
        say = texts_in(str(locale))
        name = string.extras.get("message") or _by_convention(string.message, context)
        if name is None or name not in say or say.language == DEFAULT:
            return None
        return say(name)


def _by_convention(text: str, context: app_commands.TranslationContext[Any, Any]) -> str | None:
    if context.location in _COMMAND_NAMES and not isinstance(context.data, app_commands.ContextMenu):
        return f"{context.data.qualified_name.replace(' ', '-')}-name"
    if context.location is Location.parameter_name:
        return f"option-{text.replace('_', '-')}"
    return None
