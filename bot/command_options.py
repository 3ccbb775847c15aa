"""
Check the options of a command against their declaration.

Discord checks an option before sending it, but discord.py passes on whatever it receives. Types, choices and greatest
lengths are therefore checked here, once for all commands: of texts, integers, booleans and attachments.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, Final

import discord
from discord import AppCommandOptionType, app_commands

from bot.discord_limits import LARGEST_INTEGER, TEXT_OPTION_CHARACTERS
from bot.errors import TooLong, UnknownChoice
from bot.texts.discord_text import storable

_COMMANDS: Final = frozenset({AppCommandOptionType.subcommand.value, AppCommandOptionType.subcommand_group.value})
_RESOLVED: Final = {AppCommandOptionType.attachment: "attachments"}


def check_options(interaction: discord.Interaction[Any]) -> None:
    """Clean the text options of an interaction in place with `storable`, and check the declared options of a slash
    command. Raises UnknownChoice (also for a wrong type or a missing attachment) or TooLong. While an option is still
    being typed (autocomplete), none is checked. Options that are not declared are ignored."""
    data: Mapping[str, Any] = interaction.data or {}
    given = list(_given(data.get("options") or ()))
    for option in given:
        if isinstance(option.get("value"), str):
            option["value"] = storable(option["value"])
    command = interaction.command
    if interaction.type is discord.InteractionType.autocomplete or not isinstance(command, app_commands.Command):
        return  # a value that is still being typed need not be valid
    declared = _declared(command)
    for option in given:
        if option["name"] in declared:
            _check(declared[option["name"]], option.get("value"), data.get("resolved") or {})


@cache
def _declared(command: app_commands.Command[Any, ..., Any]) -> Mapping[str, app_commands.Parameter]:
    """Return the declared options by name. discord.py builds all of them at each access."""
    return {parameter.display_name: parameter for parameter in command.parameters}


def _given(options: Any) -> Iterator[dict[str, Any]]:
    """Yield the options of the command itself, which may be a subcommand."""
    for option in options:
        if option.get("type") in _COMMANDS:
            yield from _given(option.get("options") or ())
        else:
            yield option


def _check(declared: app_commands.Parameter, value: Any, resolved: Mapping[str, Any]) -> None:
    match declared.type:
        case AppCommandOptionType.string:
            _check_text(declared, value)
        case AppCommandOptionType.integer:
            fits = type(value) is int and abs(value) <= LARGEST_INTEGER
            _require(fits and _is_offered(declared, value))
        case AppCommandOptionType.boolean:
            _require(isinstance(value, bool))
        case kind if kind in _RESOLVED:
            _require(isinstance(value, str) and value in (resolved.get(_RESOLVED[kind]) or {}))


def _check_text(declared: app_commands.Parameter, value: Any) -> None:
    """Check a text: its type, the choices, the greatest length. An empty text passes: the code that needs a text
    rejects an empty one with a better message."""
    _require(isinstance(value, str) and _is_offered(declared, value))
    longest = int(declared.max_value or TEXT_OPTION_CHARACTERS)
    if len(value) > longest:
        raise TooLong(longest)


def _is_offered(declared: app_commands.Parameter, value: int | str) -> bool:
    return not declared.choices or any(choice.value == value for choice in declared.choices)


def _require(holds: bool) -> None:
    if not holds:
        raise UnknownChoice
