"""
Every sentence about what did not work, and the one way out for errors.

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

HARMLESS_CODES: Final = frozenset({10062, 40060, 10015})
"""Unknown interaction, already acknowledged, unknown webhook: this answer came too late or twice. What was asked is
stored by then, and a fresh card is posted."""
FILENAME_UNITS: Final = 80

log = structlog.get_logger(__name__)

_SENTENCES: Final[Mapping[Reason, str]] = {
    Reason.TOO_MANY_OPEN: "You already have {allowed} requests waiting or running. Ask again when one of them is done, "
    "or cancel one.",
    Reason.TOO_MANY_TODAY: "You have had your {allowed} pictures of the last 24 hours. Ask again {free_at}.",
    Reason.SERVICE_FULL_TODAY: "I have made the {allowed} pictures I may make in 24 hours. Ask again {free_at}.",
    Reason.NOT_YOURS: "Only the person who asked for this picture can do that. Type `/imagine` to ask for your own.",
    Reason.TOO_LATE_TO_CANCEL: "This one has already left the queue, so it can no longer be cancelled. "
    "Wait for it here.",
    Reason.TASK_UNKNOWN: "I no longer know this request. Type `/imagine` to make a new one.",
    Reason.ASKED_AGAIN_ALREADY: "You have asked for this again already. Wait for that one.",
    Reason.COLLECTED_ALREADY: "That one is on its way to you already. Wait for it where you came for it first.",
    Reason.NO_LONGER_KEPT: "I no longer keep that one for you: it has reached you by another way, or will. "
    "Look in the channel where you asked for it, and in your direct messages, or type `/imagine` to ask anew.",
    Reason.GOT_THROUGH: "This one did get through after all. Look for it in this channel, "
    "or type `/imagine` to ask for another.",
    Reason.BLANK_PROMPT: "There is nothing to go by yet. Write what you would like to see, or attach a picture.",
    Reason.NOT_THIS_SERVER: "I may not make pictures here. Ask whoever runs me to allow this place, "
    "or use me in a server where I am allowed.",
    Reason.MISSING_PERMISSIONS: "In this channel I still need permission to {permissions}. "
    "Ask a moderator to allow it, or ask me in another channel.",
    Reason.REFERENCE_EMPTY: "{filename} is empty. Attach the picture again.",
    Reason.REFERENCE_TOO_LARGE: "{filename} is larger than 25 MB. Make it smaller and attach it again.",
    Reason.REFERENCE_TOO_MANY_PIXELS: "{filename} has too many pixels for me. Make it smaller and attach it again.",
    Reason.REFERENCE_NOT_A_PICTURE: "{filename} is not a picture I can open. Attach a JPEG, PNG or WebP file instead.",
    Reason.REFERENCE_FORMAT: "{filename} is in the format {format}, which I cannot use. "
    "Save it as JPEG, PNG or WebP and attach it again.",
    Reason.REFERENCE_ANIMATED: "{filename} is animated. Save one frame as JPEG, PNG or WebP and attach that.",
    Reason.REFERENCE_BROKEN: "{filename} is damaged or cut short. Save it once more and attach it again.",
    Reason.REFERENCE_MISNAMED: "{filename} is named like {named} but is {format} inside. "
    "Rename it to match and attach it again.",
    Reason.REFERENCE_UNFETCHABLE: "Discord no longer has {filename}. Attach it again.",
    Reason.MASK_WITHOUT_IMAGE: "A mask needs the picture it belongs to. Attach that as `image`, or leave the mask out.",
    Reason.MASK_WITH_SEVERAL: "A mask works with exactly one picture. Attach only that picture, or leave the mask out.",
    Reason.MASK_SIZE: "The mask {filename} is {mask_width} × {mask_height}, but the picture is {width} × {height}. "
    "Make the mask exactly as large and attach both again.",
    Reason.MASK_NOT_BLACK_AND_WHITE: "The mask {filename} is not black and white. "
    "Paint what may change black and the rest white, then attach it again.",
    Reason.POLICY: "The image service does not allow this request. Try other words or another picture.",
    Reason.REFERENCE_POLICY: "The image service does not allow one of the attached pictures. Try another one.",
    Reason.API_REFERENCE_TOO_LARGE: "The image service found an attached picture too large. "
    "Make it smaller and ask again.",
    Reason.API_REFERENCE_FORMAT: "The image service could not read an attached picture. "
    "Save it as PNG or JPEG and ask again.",
    Reason.API_REFERENCE_UNFETCHABLE: "The image service could not get hold of an attached picture. Ask again, "
    "or attach the picture anew.",
    Reason.GENERATION_FAILED: "The image service tried and did not manage. Ask again, perhaps in other words.",
    Reason.NO_PICTURES: "The image service said it was done but sent no picture. Ask again.",
    Reason.INVALID_REQUEST: "The image service could not work with this request. Try it in other words, "
    "or with other pictures.",
    Reason.ACCOUNT_KEY: "The image service does not accept my key at the moment. "
    "Whoever runs me has to put that right; ask again later.",
    Reason.ACCOUNT_CREDIT: "My credit with the image service is used up. Whoever runs me has to top it up; "
    "ask again later.",
    Reason.ACCOUNT_QUOTA: "My quota with the image service is used up for now. Ask again later.",
    Reason.SERVICE_FAULT: "The image service has trouble of its own at the moment. Ask again in a few minutes.",
    Reason.SERVICE_UNREACHABLE: "The image service could not be reached for a whole day, so I stopped trying. "
    "Nothing was spent. Ask again later.",
    Reason.UNCONFIRMED: "I lost the line to the image service and cannot tell whether it took this request. "
    "You can ask again, but that may cost a second time.",
    Reason.LOST: "The image service gave no answer for a whole day, so I stopped waiting. Ask again.",
    Reason.NOBODY_TOLD: "I could not reach you. Type `/imagine` where I may post, and I tell you of it there.",
    Reason.DEFECT: "Something went wrong on my side. Try again, and if it happens again, "
    "tell whoever runs me this number: {number}.",
}

_MORE_THAN_A_DAY: Final[Mapping[Reason, str]] = {
    Reason.TOO_MANY_TODAY: "This asks for more than the {allowed} you may have in 24 hours. "
    "Ask for fewer pictures at once.",
    Reason.SERVICE_FULL_TODAY: "This asks for more than the {allowed} I may make in 24 hours. "
    "Ask for fewer pictures at once.",
}
"""Where no day is long enough: without `free_at`."""

_UNSAID: Final[Mapping[str, str]] = {
    "allowed": "allowed",
    "permissions": "post here",
    "filename": "One of the files",
    "format": "another format",
    "named": "something else",
    "number": "none",
    "width": "?",
    "height": "?",
    "mask_width": "?",
    "mask_height": "?",
}
"""Said in place of a parameter that a row or an error does not carry."""

_PERMISSIONS: Final[Mapping[str, str]] = {
    "view_channel": "see this channel",
    "send_messages": "send messages",
    "send_messages_in_threads": "send messages in threads",
    "attach_files": "attach files",
    "read_message_history": "read the message history",
}

_OPERATOR: Final[Mapping[Reason, str]] = {
    Reason.ACCOUNT_KEY: "The image service refuses the key. Check `KIE_API_KEY` and start the bot again; until then "
    "requests wait.",
    Reason.ACCOUNT_CREDIT: "The credit with the image service is used up. Top it up; requests wait until then and go "
    "on by themselves.",
    Reason.ACCOUNT_QUOTA: "The key's quota with the image service is used up. Raise it, or wait until it is renewed.",
    Reason.NOBODY_TOLD: "An outcome could be told neither in its channel nor by direct message. I keep it and tell its "
    "asker at their next command. Check what I may do in the channels where I am used; the log names the task.",
}

OUTDATED: Final = "This command has changed. Reload Discord and try again."


def explain(reason: Reason, parameters: Mapping[str, str | int] | None = None) -> str:
    """What happened and what to do next. File names are escaped and shortened here."""
    said = dict(_UNSAID)
    said.update({name: _said(name, value) for name, value in (parameters or {}).items()})
    sentence = _SENTENCES[reason] if "free_at" in said else _MORE_THAN_A_DAY.get(reason, _SENTENCES[reason])
    return sentence.format_map(said)


def explain_to_operator(reason: Reason) -> str:
    """The same for whoever runs the bot."""
    return _OPERATOR.get(reason) or f"Something needs a look: {reason.value.replace('_', ' ')}. Check the log."


async def answer_error(interaction: discord.Interaction[Any], error: Exception) -> None:
    """
    The last stop for an error: the person is told, only they see it, and a defect is logged. Never raises.

    A defect behind the answer is logged alone: what was asked is stored, and "try again" would have it paid twice.
    """
    cause = error.original if isinstance(error, app_commands.CommandInvokeError) else error
    sentence = _sentence(cause, answered=interaction.response.is_done())
    if sentence is None:
        return
    try:
        await _whisper(interaction, sentence)
    except (discord.DiscordException, aiohttp.ClientError, OSError) as failure:
        log.info("an error could not be told", code=getattr(failure, "code", None))
    except Exception:
        log.exception("an error could not be told")


def _sentence(cause: Exception, *, answered: bool) -> str | None:
    """None where nothing needs to be said: what was asked is stored, and goes on without this answer. That holds for
    whatever Discord refuses, as it is asked for nothing before."""
    match cause:
        case AtelierError():
            return explain(cause.reason, cause.parameters)
        case app_commands.CommandSignatureMismatch() | app_commands.CommandNotFound():
            return OUTDATED
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
            return None if answered else explain(Reason.DEFECT, {"number": number})


async def _whisper(interaction: discord.Interaction[Any], sentence: str) -> None:
    if interaction.response.is_done():
        await interaction.followup.send(sentence, ephemeral=True)
    else:
        await interaction.response.send_message(sentence, ephemeral=True)


def _said(name: str, value: str | int) -> str:
    match name:
        case "filename":
            return f"**{escaped(str(value), FILENAME_UNITS)}**"
        case "free_at":
            return f"<t:{int(value) // 1000}:R>"
        case "permissions":
            return _listed([_PERMISSIONS.get(one.strip(), one.strip()) for one in str(value).split(",")])
        case "named" | "format":
            return escaped(str(value), FILENAME_UNITS)
        case _:
            return str(value)


def _listed(words: list[str]) -> str:
    return " and ".join([", ".join(words[:-1]), words[-1]]) if len(words) > 1 else words[0]
