"""Check the words that a person wants added to each prompt."""

from __future__ import annotations

import re
from typing import Final

from bot.errors import BadChoice, Reason, TooLong
from bot.intake.names import has_mention
from bot.texts.discord_text import cleaned, is_blank, units
from bot.texts.prompt_parameters import has_parameter
from storage.bounds import LONGEST_ADDED_WORDS

_BRACES: Final = re.compile(r"[{}]")


def added_words(typed: str) -> str:
    """Return the words in one line; "" if nothing was typed. Raises BadChoice for words that would not be read as plain
    words at the end of a prompt (blanks alone, mentions, parameters, braces), and TooLong for more UTF-16 units than
    the form holds."""
    if not typed:
        return ""
    if is_blank(words := cleaned(typed)):
        raise BadChoice(Reason.ADDED_WORDS_BLANK)
    if units(words) > LONGEST_ADDED_WORDS:
        raise TooLong(LONGEST_ADDED_WORDS)
    if has_mention(words) or has_parameter(words) or _BRACES.search(words):
        raise BadChoice(Reason.ADDED_WORDS_PLAIN)
    return words
