"""
Sentences about what did not work, and the one way out for errors.

`explain` makes a sentence of a reason; it says what happened and what to do next. `answer_error` is the last stop of
commands, views, modals and dynamic items.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Any, Final

import aiohttp
import discord
import structlog
from discord import app_commands

from bot.errors import AtelierError, Reason
from bot.markup import escaped
from bot.texts import Texts, texts_in
from storage.disks import says_full

HARMLESS_CODES: Final = frozenset({10062, 40060, 10015})
"""Unknown interaction, already acknowledged, unknown webhook: this answer came too late or twice. What was asked is
stored by then, and a fresh card is posted."""
FILENAME_UNITS: Final = 80

log = structlog.get_logger(__name__)

_UNSAID: Final = {
    "allowed": "unsaid-allowed",
    "channels": "unsaid-channels",
    "channel": "unsaid-channel",
    "name": "unsaid-name",
    "permissions": "unsaid-permissions",
    "filename": "unsaid-filename",
    "format": "unsaid-format",
    "named": "unsaid-named",
    "number": "unsaid-number",
}
"""The messages in place of a parameter that a row or an error does not carry."""
_UNMEASURED: Final = dict.fromkeys(("width", "height", "mask_width", "mask_height", "used"), "?")


def explain(reason: Reason, parameters: Mapping[str, str | int] | None, say: Texts) -> str:
    """What happened and what to do next. File names are escaped and shortened here."""
    said: dict[str, str | int] = {name: say(message) for name, message in _UNSAID.items()}
    said.update(_UNMEASURED)
    said.update({name: _said(name, value, say) for name, value in (parameters or {}).items()})
    message = f"reason-{_in_a_name(reason)}"
    if "free_at" not in said and f"{message}-at-once" in say:
        message = f"{message}-at-once"
    return say(message, **said)


def explain_to_operator(reason: Reason, parameters: Mapping[str, str | int], say: Texts) -> str:
    """The same for whoever runs the bot."""
    message = f"operator-{_in_a_name(reason)}"
    if message not in say:
        return say("operator-other", reason=reason.value.replace("_", " "))
    return say(message, **{"host": "?", "results": "?", **parameters})


async def answer_error(interaction: discord.Interaction[Any], error: Exception) -> None:
    """
    The last stop for an error: the person is told, only they see it, and a defect is logged. Never raises.

    A defect behind the answer is logged alone: what was asked is stored, and "try again" would have it paid twice.
    """
    cause = error.original if isinstance(error, app_commands.CommandInvokeError) else error
    sentence = _sentence(cause, texts_in(str(interaction.locale)), answered=_is_answered(interaction))
    if sentence is None:
        return
    try:
        await _whisper(interaction, sentence)
    except (discord.DiscordException, aiohttp.ClientError, OSError) as failure:
        log.info("an error could not be told", code=getattr(failure, "code", None))
    except Exception:
        log.exception("an error could not be told")


def _sentence(cause: Exception, say: Texts, *, answered: bool) -> str | None:
    """None where nothing needs to be said: what was asked is stored, and goes on without this answer. That holds for
    whatever Discord refuses, as it is asked for nothing before."""
    match cause:
        case AtelierError():
            return explain(cause.reason, cause.parameters, say)
        case app_commands.CommandSignatureMismatch() | app_commands.CommandNotFound():
            return say("answer-outdated")
        case _ if says_full(cause):
            log.error("a disk is full", error=str(cause).partition("\n")[0])
            return explain(Reason.DISK_FULL, None, say)
        case discord.HTTPException(code=code) if code in HARMLESS_CODES:
            log.info("an answer came too late", code=code)
            return None
        case discord.HTTPException(status=status) if status >= 500:
            log.warning("an answer did not reach Discord", status=status)
            return None
        case discord.HTTPException():
            log.error("Discord refuses an answer", exc_info=cause)
            return None
        case aiohttp.ClientError() | TimeoutError():
            log.warning("an answer did not reach Discord", error=type(cause).__name__)
            return None
        case _:
            number = secrets.token_hex(3)
            log.error("defect", number=number, exc_info=cause)
            return None if answered else explain(Reason.DEFECT, {"number": number}, say)


def _is_answered(interaction: discord.Interaction[Any]) -> bool:
    """With more than that we are at it: what still says "thinking" would do so for a quarter of an hour. Nothing that
    makes pictures is answered so."""
    thinking = interaction.response.type is discord.InteractionResponseType.deferred_channel_message
    return interaction.response.is_done() and not thinking


async def _whisper(interaction: discord.Interaction[Any], sentence: str) -> None:
    if interaction.response.is_done():
        await interaction.followup.send(sentence, ephemeral=True)
    else:
        await interaction.response.send_message(sentence, ephemeral=True)


def _in_a_name(reason: Reason) -> str:
    return reason.value.replace("_", "-")


def _said(name: str, value: str | int, say: Texts) -> str | int:
    match name:
        case "filename":
            return f"**{escaped(str(value), FILENAME_UNITS)}**"
        case "free_at":
            return f"<t:{int(value) // 1000}:R>"
        case "permissions":
            return _listed([_permission(one.strip(), say) for one in str(value).split(",")], say)
        case "named" | "format" | "name":
            return escaped(str(value), FILENAME_UNITS)
        case _:
            return value


def _permission(name: str, say: Texts) -> str:
    message = f"permission-{name.replace('_', '-')}"
    return say(message) if message in say else name


def _listed(words: list[str], say: Texts) -> str:
    if len(words) == 1:
        return words[0]
    return say("text-and", before=say("text-between").join(words[:-1]), last=words[-1])
