"""
Make messages for errors, and handle the exceptions of interactions.

`explain` turns a reason into a message that says what happened and what to do next. `answer_error` is the last
handler for exceptions of commands; `errors_answered` is the same for buttons, selects and forms.
"""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final

import aiohttp
import discord
import structlog
from discord import app_commands

from bot.discord_errors import ClosedCode
from bot.errors import AtelierError, Reason, ServiceError
from bot.texts import Texts, texts_in
from bot.texts.discord_text import escaped
from bot.texts.shapes import shape
from storage.availability import DatabaseAway
from storage.bounds import MOST_STORED_REFERENCES
from storage.disks import says_full

HARMLESS_CODES: Final = frozenset(
    {ClosedCode.UNKNOWN_INTERACTION, ClosedCode.ALREADY_ACKNOWLEDGED, ClosedCode.UNKNOWN_WEBHOOK}
)
"""The answer came too late or twice. If a request is stored, it continues."""
FILENAME_UNITS: Final = 80
FILES_NAMED: Final = 6
"""Most files of which one answer says what is wrong; with more it might be too long for a message."""

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
    "model": "unsaid-model",
    "number": "unsaid-number",
}
"""Messages that replace a parameter which a row or an error lacks."""
_UNMEASURED: Final = dict.fromkeys(
    ("width", "height", "mask_width", "mask_height", "used", "megabytes", "models", "size", "sizes", "nearest_size",
     "resolution", "resolutions", "nearest_resolution", "numbers"),
    "?",
)  # fmt: skip


def explain(reason: Reason, parameters: Mapping[str, str | int] | None, say: Texts) -> str:
    """Return a message that says what happened and what to do next. File names and other names are escaped and
    shortened here, and most parameters that are missing are replaced by general words or `?`."""
    if reason is Reason.REFERENCES_UNUSABLE:
        return "\n".join(_several(parameters or {}, say))
    formatted: dict[str, str | int] = {name: say(message) for name, message in _UNSAID.items()}
    formatted.update(_UNMEASURED)
    formatted["others"] = "none"
    formatted.update({name: _formatted(name, value, say) for name, value in (parameters or {}).items()})
    message = f"reason-{_in_a_name(reason)}"
    if "free_at" not in formatted and f"{message}-at-once" in say:
        message = f"{message}-at-once"
    return say(message, **formatted)


def _several(parameters: Mapping[str, str | int], say: Texts) -> Iterator[str]:
    """Yield a line above the list of files that cannot be used, then a line for each file, as `BadReference.together`
    numbers them."""
    yield say("reason-references-unusable", count=parameters.get("count", 0))
    numbers = [number for number in range(1, MOST_STORED_REFERENCES + 2) if f"reason_{number}" in parameters]
    for number in numbers[:FILES_NAMED]:
        ending = f"_{number}"
        own = {name.removesuffix(ending): value for name, value in parameters.items() if name.endswith(ending)}
        yield f"- {explain(Reason(str(parameters[f'reason_{number}'])), own, say)}"
    if (more := len(numbers) - FILES_NAMED) > 0:
        yield f"- {say('unsaid-more-files', count=more)}"


def explain_to_operator(reason: Reason, parameters: Mapping[str, str | int], say: Texts) -> str:
    """Return the message for the operator instead of the person; for a reason without one, a message that names the
    reason."""
    message = f"operator-{_in_a_name(reason)}"
    if message not in say:
        return say("operator-other", reason=reason.value.replace("_", " "))
    return say(message, **{"host": "?", "results": "?", **parameters})


def explain_away(error: DatabaseAway, say: Texts) -> str:
    """Return the message for a database that cannot be used now."""
    return say("answer-database-uncertain" if error.uncertain else "answer-database-away")


@asynccontextmanager
async def errors_answered(interaction: discord.Interaction[Any]) -> AsyncIterator[None]:
    """Pass any exception within the block to `answer_error`, as discord.py would only log it. None leaves the block."""
    try:
        yield
    except Exception as error:  # noqa: BLE001  # last handler: replies, and logs defects
        await answer_error(interaction, error)


async def answer_error(interaction: discord.Interaction[Any], error: Exception) -> None:
    """
    Handle an error of an interaction: send the person an ephemeral message, and log every error but an AtelierError and
    an outdated command. Never raises an Exception.

    Discord's refusals and network errors are only logged, unless the person sees "thinking". So are a defect, a
    ServiceError and a database that is away after the interaction was answered: a request may be stored then, and "try
    again" would make the person pay twice.
    """
    cause = error.original if isinstance(error, app_commands.CommandInvokeError) else error
    say, thinking = texts_in(str(interaction.locale)), _is_thinking(interaction)
    sentence = _sentence(cause, say, answered=interaction.response.is_done() and not thinking)
    if sentence is None and thinking:
        sentence = say("answer-not-now")
    if sentence is None:
        return
    try:
        await _whisper(interaction, sentence)
    except (discord.DiscordException, aiohttp.ClientError, OSError) as failure:
        log.info("error reply to a person not delivered: Discord or network error", code=getattr(failure, "code", None))
    except Exception:
        log.exception("error reply to a person not delivered: unexpected exception")


def _sentence(cause: Exception, say: Texts, *, answered: bool) -> str | None:
    """Log the error, unless it is an AtelierError, a DatabaseAway or an outdated command, and return the message for
    it. None for a defect, a DatabaseAway and a ServiceError if the interaction is `answered`, and for every refusal by
    Discord and network error that discord.py raises, which are taken to concern the answer only: a request is stored
    before the first call to Discord and continues without the answer."""
    match cause:
        case AtelierError():
            return explain(cause.reason, cause.parameters, say)
        case app_commands.CommandSignatureMismatch() | app_commands.CommandNotFound():
            return say("answer-outdated")
        case DatabaseAway():
            return None if answered else explain_away(cause, say)
        case _ if says_full(cause):
            log.error(
                "interaction failed: disk full, an error reply is sent to the person",
                error=str(cause).partition("\n")[0],
            )
            return explain(Reason.DISK_FULL, None, say)
        case ServiceError():
            log.warning(
                "interaction failed: a service, Discord or this machine failed or refused, a person without an answer "
                "is asked to try later",
                error=f"{type(cause).__name__}: {cause}",
            )
            return None if answered else say("answer-not-now")
        case discord.HTTPException(code=code) if code in HARMLESS_CODES:
            log.info(
                "interaction answer dropped: too late or sent twice; if a request is stored, it continues", code=code
            )
            return None
        case discord.HTTPException(status=status) if status >= 500:
            log.warning(
                "interaction answer perhaps not delivered: Discord server error; if a request is stored, it continues",
                status=status,
            )
            return None
        case discord.HTTPException():
            log.error("interaction answer refused by Discord: if a request is stored, it continues", exc_info=cause)
            return None
        case aiohttp.ClientError() | TimeoutError():
            log.warning(
                "interaction answer perhaps not delivered: network error; if a request is stored, it continues",
                error=type(cause).__name__,
            )
            return None
        case _:
            number = secrets.token_hex(3)
            log.error("interaction failed: unexpected exception", number=number, exc_info=cause)
            return None if answered else explain(Reason.DEFECT, {"number": number}, say)


def _is_thinking(interaction: discord.Interaction[Any]) -> bool:
    """Return whether the first answer was "thinking", which stays for 15 minutes unless another answer replaces it. No
    command that makes pictures answers with it."""
    return interaction.response.type is discord.InteractionResponseType.deferred_channel_message


async def _whisper(interaction: discord.Interaction[Any], sentence: str) -> None:
    if interaction.response.is_done():
        await interaction.followup.send(sentence, ephemeral=True)
    else:
        await interaction.response.send_message(sentence, ephemeral=True)


def _in_a_name(reason: Reason) -> str:
    return reason.value.replace("_", "-")


def _formatted(name: str, value: str | int, say: Texts) -> str | int:
    match name:
        case "filename":
            return f"**{escaped(str(value), FILENAME_UNITS)}**"
        case "free_at":
            return f"<t:{int(value) // 1000}:R>"
        case "permissions":
            return _listed([_permission(name.strip(), say) for name in str(value).split(",")], say)
        case "models" | "resolutions" | "numbers":
            return _listed(str(value).split(","), say, "text-or")
        case "sizes":
            return _listed([shape(say, size) for size in str(value).split(",")], say, "text-or-shapes")
        case "size" | "nearest_size":
            return shape(say, str(value))
        case "allowed" if isinstance(value, int) and value >= 1000:
            return f"{value:,}"
        case "named" | "format" | "name":
            return escaped(str(value), FILENAME_UNITS)
        case _:
            return value


def _permission(name: str, say: Texts) -> str:
    message = f"permission-{name.replace('_', '-')}"
    return say(message) if message in say else name


def _listed(words: list[str], say: Texts, joined: str = "text-and") -> str:
    """Return the words as one text. `joined`: the message that puts the last one behind the others."""
    if len(words) == 1:
        return words[0]
    return say(joined, before=say("text-between").join(words[:-1]), last=words[-1])
