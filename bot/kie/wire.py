"""
Parse what the image API answers, tolerantly: numbers may be strings, values that are not needed may be missing, null or
malformed, and unknown values are ignored.
"""

from __future__ import annotations

import json
import re
from contextlib import suppress
from typing import Annotated, Final, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, RootModel, ValidationError
from pydantic.alias_generators import to_camel

LONGEST_TEXT: Final = 2000
"""Characters that are read of a message from the API."""
LONGEST_WORDS: Final = 200
"""Characters of such a message that go into a log."""
ADDRESS: Final = r"^https?://[^\s\x00-\x1f\x7f]+$"


def tidy(words: str) -> str:
    """Return a message of the API in a form fit for a log: one short line, without the queries of addresses."""
    line = " ".join(re.sub(r"\?\S*=\S*", "", words).split())
    return "".join(letter for letter in line if letter.isprintable())[:LONGEST_WORDS]


def text(value: object) -> str:
    return "" if value is None else str(value)[:LONGEST_TEXT]


def number(value: object) -> int | None:
    """Return an integer as it is, or from its text; None for anything else, 3.0 and "3.0" included."""
    with suppress(ValueError):
        return int(value) if isinstance(value, int | str) else None
    return None


def unwrapped(value: object) -> object:
    """Return the parsed JSON of a string; any other value unchanged."""
    if isinstance(value, str):
        with suppress(ValueError, RecursionError):
            return json.loads(value)
    return value


def addresses(entries: object) -> tuple[str, ...]:
    """Return the http and https addresses in a list, in its JSON, or in place of one. Anything else is left out."""
    entries = unwrapped(entries)
    listed = entries if isinstance(entries, list) else [entries]
    stripped = (entry.strip(" \t\r\n\"'") for entry in listed if isinstance(entry, str))
    return tuple(entry for entry in stripped if entry.isprintable() and re.match(ADDRESS, entry))


Text = Annotated[str, BeforeValidator(text)]


class Envelope(BaseModel):
    """The object that wraps every answer."""

    code: Annotated[int, Field(gt=-(10**9), lt=10**9)]
    msg: Text = ""
    data: object = None

    @classmethod
    def read(cls, body: bytes) -> Self | None:
        """Return the envelope; None for any other body: HTML, a truncated answer, JSON without a `code`."""
        try:
            return cls.model_validate_json(body)
        except ValidationError:
            return None


class Data(BaseModel):
    """The object in an envelope. Its errors do not repeat what it holds, which may be a secret."""

    model_config = ConfigDict(
        alias_generator=to_camel,
        coerce_numbers_to_str=True,
        str_strip_whitespace=True,
        hide_input_in_errors=True,
        defer_build=True,  # until the first answer, so that the bot starts sooner
    )


class Created(Data):
    task_id: str = Field(pattern=r"^[!-~]{1,200}$")


class Uploaded(Data):
    """The API's documentation omits the second `success` inside `data`; recorded answers have it."""

    success: Literal[True] = True
    download_url: str = Field(pattern=ADDRESS)


class Link(RootModel[Annotated[str, Field(pattern=ADDRESS)]]):
    """A plain string with an address that is valid for 20 minutes."""


class Credits(RootModel[Annotated[float, Field(allow_inf_nan=False)]]):
    """The number of credits, which may be a fraction."""
