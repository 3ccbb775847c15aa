"""
Build requests to the image API and parse its answers tolerantly: numbers may be strings, values that are not needed
may be missing, null or malformed, and unknown values are ignored.
"""

from __future__ import annotations

import json
import re
from contextlib import suppress
from dataclasses import replace
from typing import Annotated, Final, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, RootModel, ValidationError
from pydantic.alias_generators import to_camel

from bot.engine.lifecycle.unknown_failures import without_prompt
from bot.engine.ports import CreateRequest, Record, RecordStatus
from bot.kie import codes

LONGEST_TEXT: Final = 2000
"""Characters that are read of a message from the API."""
LONGEST_WORDS: Final = 200
"""Characters of such a message that go into a log."""
ADDRESS: Final = r"^https?://[^\s\x00-\x1f\x7f]+$"


def create_body(create: CreateRequest) -> dict[str, object]:
    """Return the JSON of a create. Size, number and both switches are always given, so that the API's defaults (which
    changed before) have no effect; a blank prompt and missing files, mask and callback address are left out."""
    request = create.request
    body: dict[str, object] = {
        "size": request.size,
        "nVariants": request.variants,
        "isEnhance": request.enhance,
        "enableFallback": request.fallback,
    }
    if request.prompt.strip():
        body["prompt"] = request.prompt
    if create.files:
        body["filesUrl"] = list(create.files)
    if create.mask:
        body["maskUrl"] = create.mask
    if create.callback_url:
        body["callBackUrl"] = create.callback_url
    return body


def tidy(words: str) -> str:
    """Return a message of the API in a form fit for a log: one short line, without the queries of addresses."""
    line = " ".join(re.sub(r"\?\S*=\S*", "", words).split())
    return "".join(letter for letter in line if letter.isprintable())[:LONGEST_WORDS]


def _text(value: object) -> str:
    return "" if value is None else str(value)[:LONGEST_TEXT]


def _number(value: object) -> int | None:
    """Return an integer as it is, or from its text; None for anything else, 3.0 and "3.0" included."""
    with suppress(ValueError):
        return int(value) if isinstance(value, int | str) else None
    return None


def _fraction(value: object) -> float:
    """Return a number from 0 to 1, also from its text; 0 for anything else, larger numbers included."""
    with suppress(ValueError, OverflowError):
        if isinstance(value, str | int | float) and 0.0 <= float(value) <= 1.0:
            return float(value)
    return 0.0


def _unwrapped(value: object) -> object:
    """Return the parsed JSON of a string; any other value unchanged."""
    if isinstance(value, str):
        with suppress(ValueError, RecursionError):
            return json.loads(value)
    return value


def _addresses(response: object) -> tuple[str, ...]:
    """Return the result addresses in a record's `response`: an object or its JSON, the list under either spelling. What
    is no http or https address is left out; the result may be empty."""
    response = _unwrapped(response)
    if not isinstance(response, dict):
        return ()
    entries = _unwrapped(response.get("resultUrls") or response.get("result_urls"))
    if isinstance(entries, str):
        entries = [entries]
    if not isinstance(entries, list):
        return ()
    stripped = (entry.strip(" \t\r\n\"'") for entry in entries if isinstance(entry, str))
    return tuple(entry for entry in stripped if entry.isprintable() and re.match(ADDRESS, entry))


Text = Annotated[str, BeforeValidator(_text)]


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


class _Data(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, coerce_numbers_to_str=True, str_strip_whitespace=True)


class Created(_Data):
    task_id: str = Field(pattern=r"^[!-~]{1,200}$")


class Uploaded(_Data):
    """The API's documentation omits the second `success` inside `data`; recorded answers have it."""

    success: Literal[True] = True
    download_url: str = Field(pattern=ADDRESS)


class Link(RootModel[Annotated[str, Field(pattern=ADDRESS)]]):
    """A plain string with an address that is valid for 20 minutes."""


class Credits(RootModel[Annotated[float, Field(allow_inf_nan=False)]]):
    """The number of credits, which may be a fraction."""


def _asked(parameters: object) -> tuple[str, tuple[str, ...]] | None:
    """Return the prompt and the addresses of the input pictures, which a record repeats as JSON text; None if the text
    cannot be read."""
    asked = _unwrapped(parameters)
    if not isinstance(asked, dict):
        return None
    prompt, files = asked.get("prompt"), _unwrapped(asked.get("filesUrl"))
    if prompt is not None and not isinstance(prompt, str):
        return None
    listed = files if isinstance(files, list) else [files]
    return prompt or "", tuple(address for address in listed if isinstance(address, str))


class RecordInfo(_Data):
    """The API's record of a task. The envelope of a failed task has code 200, as the query itself succeeded."""

    success_flag: int
    """0 is running, 1 is done; 2, 3 and any other value mean failed."""
    progress: Annotated[float, BeforeValidator(_fraction)] = 0.0
    urls: Annotated[tuple[str, ...], BeforeValidator(_addresses)] = Field(default=(), alias="response")
    error_code: Annotated[int | None, BeforeValidator(_number)] = None
    error_message: Text = ""
    asked: Annotated[tuple[str, tuple[str, ...]] | None, BeforeValidator(_asked)] = Field(
        default=None, alias="paramJson", repr=False
    )

    def as_record(self) -> Record:
        record = self._outcome()
        if self.asked is None:
            return record
        prompt, files = self.asked
        return replace(record, prompt=prompt, files=files)

    def _outcome(self) -> Record:
        match self.success_flag:
            case 0:
                return Record(status=RecordStatus.RUNNING, progress=self.progress)
            case 1:
                return Record(status=RecordStatus.SUCCEEDED, progress=self.progress, urls=self.urls)
            case _:
                prompt, _ = self.asked or ("", ())
                reason = codes.failure(self.error_code, without_prompt(self.error_message, prompt))
                message = f"{_text(self.error_code)} {self.error_message}"
                return Record(status=RecordStatus.FAILED, progress=self.progress, reason=reason, message=tidy(message))
