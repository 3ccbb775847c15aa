"""Words in square brackets in a prompt that make the image API's emulator fail or misbehave. They may be combined."""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import StrEnum
from typing import Final


class Magic(StrEnum):
    """
    The words, ordered by when their effect shows: at the create, in the task's record, at the download of its pictures,
    at its callback.
    """

    KEY = "[401]"
    CREDIT = "[402]"
    INVALID = "[422]"
    QUOTA = "[433]"
    BUSY = "[429]"
    MAINTENANCE = "[455]"
    FULL = "[550]"
    FAULT = "[500]"
    ALWAYS_FAULT = "[500 always]"
    MODEL_GONE = "[model gone]"
    SECOND_CREDIT = "[second 402]"
    SLOW = "[slow]"
    DROPPED = "[dropped]"
    HTML = "[html]"
    POLICY = "[policy]"
    PICTURE_POLICY = "[picture policy]"
    FAILED = "[failed]"
    INTERNAL = "[internal]"
    UNFETCHED = "[451]"
    ALWAYS_UNFETCHED = "[451 always]"
    SECOND_FAILS = "[second fails]"
    CREATE_FAILED = "[flag 2]"
    OUTER_FAILED = "[501]"
    STUCK = "[stuck]"
    LONG = "[long]"
    OVERDUE = "[overdue]"
    LAG = "[lag]"
    MISSING = "[missing]"
    NULL = "[null]"
    FLAKY = "[flaky]"
    ODD = "[odd]"
    NO_CREDITS = "[no credits]"
    TROUBLE = "[trouble]"
    SIX = "[six]"
    EMPTY = "[empty]"
    LATE_FILE = "[late file]"
    GONE = "[gone]"
    NO_PICTURE = "[no picture]"
    REFUSED = "[403]"
    REFUSED_THERE = "[403 there]"
    BIG = "[big]"
    NO_CALLBACK = "[no callback]"
    CALLBACK_TWICE = "[callback twice]"
    EARLY_CALLBACK = "[early callback]"
    FORGED_CALLBACK = "[forged callback]"


EFFECTS: Final[Mapping[Magic, str]] = {
    Magic.KEY: "the create is refused: wrong key",
    Magic.CREDIT: "the create is refused: not enough credit",
    Magic.INVALID: "the create is refused: something in it is not valid",
    Magic.QUOTA: "the create is refused: the key's quota is used up",
    Magic.BUSY: "the first create is refused: too many at once; the next create is accepted",
    Magic.MAINTENANCE: "the first create is refused: maintenance; the next create is accepted",
    Magic.FULL: "the first create is refused: the job queue is full; the next create is accepted",
    Magic.FAULT: "the first create is answered with a server error; the next create is accepted",
    Magic.ALWAYS_FAULT: "every create is answered with a server error",
    Magic.MODEL_GONE: "the create is refused: the image API no longer has this model",
    Magic.SECOND_CREDIT: "of every four creates with the same prompt, the second is refused: not enough credit",
    Magic.SLOW: "the create is accepted and answered late",
    Magic.DROPPED: "the create is accepted and charged, and the connection breaks before the answer",
    Magic.HTML: "the create is answered with a web page (a gateway's 502) and not accepted",
    Magic.POLICY: "fails: the content policy",
    Magic.PICTURE_POLICY: "fails: an attached picture violates the policy",
    Magic.FAILED: "fails: could not generate",
    Magic.INTERNAL: "fails: internal error",
    Magic.UNFETCHED: "the first task fails: an attached picture could not be downloaded; the next task works",
    Magic.ALWAYS_UNFETCHED: "every task fails: an attached picture could not be downloaded",
    Magic.SECOND_FAILS: "of every four tasks with the same prompt, the second fails: could not generate",
    Magic.CREATE_FAILED: "fails with flag 2 (create failed) instead of 3; models without flags give another code",
    Magic.OUTER_FAILED: "fails, and a poll is answered with code 501 instead of a record (not with 4o's own endpoint)",
    Magic.STUCK: "the progress stays at 0 until the end",
    Magic.LONG: "takes five times as long",
    Magic.OVERDUE: "never finishes",
    Magic.LAG: "finishes, but its record says so only some seconds later",
    Magic.MISSING: "its record does not exist for the first seconds",
    Magic.NULL: "its record is empty for the first seconds",
    Magic.FLAKY: "every second poll of the task is answered with a server error",
    Magic.ODD: "its record has another form: numbers as text, other names, JSON inside JSON",
    Magic.NO_CREDITS: "its record does not tell the credits",
    Magic.TROUBLE: "the image API's catalogue says for an hour that most tasks of this model fail",
    Magic.SIX: "makes six pictures at the price of one (not with Flux Kontext's own endpoint)",
    Magic.EMPTY: "succeeds without any picture",
    Magic.LATE_FILE: "each picture is not found at its first download",
    Magic.GONE: "its pictures are not found",
    Magic.NO_PICTURE: "its downloads are a web page instead of pictures",
    Magic.REFUSED: "its pictures are refused (403) for the first five minutes, at every address",
    Magic.REFUSED_THERE: "its pictures are refused (403) at their own addresses, and served at later addresses",
    Magic.BIG: "its pictures are too large for Discord (more than 10 MiB)",
    Magic.NO_CALLBACK: "sends no callback, even if the create asks for one",
    Magic.CALLBACK_TWICE: "sends its callback twice",
    Magic.EARLY_CALLBACK: "finishes at once, and sends its callback before the create is answered",
    Magic.FORGED_CALLBACK: "its callback names a picture on another host instead of its own",
}


def spoken(prompt: str) -> frozenset[Magic]:
    """Return the magic words in a prompt; case and extra spaces are ignored."""
    found = {f"[{' '.join(words.split())}]" for words in re.findall(r"\[([^\[\]]*)\]", prompt.lower())}
    return frozenset(word for word in Magic if word.value in found)


def table() -> str:
    """Return a table of all words with their effects, one line each."""
    wide = max(len(word) for word in EFFECTS)
    return "\n".join(f"{word.value:<{wide}}  {effect}" for word, effect in EFFECTS.items())
