"""Translate the names and descriptions of commands. Discord receives all languages when the commands are published."""

from __future__ import annotations

from typing import Any, Final

import discord
from discord import app_commands
from discord.app_commands import TranslationContextLocation as Location

from bot.texts import DEFAULT, Texts, texts_in

_COMMAND_NAMES: Final = frozenset({Location.command_name, Location.group_name})


def localized(name: str) -> app_commands.locale_str:
    """Return the message `name` in English; `CatalogueTranslator` translates it into the other languages."""
    return app_commands.locale_str(texts_in(DEFAULT)(name), message=name)


class CatalogueTranslator(app_commands.Translator):
    """
    Look up strings made by `localized` by the name of their message. Names that are written in code have a message by
    convention: `show-name` for `/show`, `style-add-name` for `/style add`, `option-prompt` for the option `prompt` of
    any command. A string without such a message, and every string in English, stays as it is.
    """

    async def translate(
        self, string: app_commands.locale_str, locale: discord.Locale, context: app_commands.TranslationContextTypes
    ) -> str | None:
        say = texts_in(locale.value)
        if say.language == DEFAULT:
            return None
        name = string.extras.get("message") or _by_convention(string.message, context)
        return self._text(say, name) if name is not None and name in say else None

    def _text(self, say: Texts, name: str) -> str:
        return say(name)


class SourceTranslator(CatalogueTranslator):
    """Return the sources of messages, which tell whether a translation has changed and need not be parsed."""

    def _text(self, say: Texts, name: str) -> str:
        return say.source(name)


def _by_convention(text: str, context: app_commands.TranslationContext[Any, Any]) -> str | None:
    if context.location in _COMMAND_NAMES and not isinstance(context.data, app_commands.ContextMenu):
        return f"{context.data.qualified_name.replace(' ', '-')}-name"
    if context.location is Location.parameter_name:
        return f"option-{text.replace('_', '-')}"
    return None
