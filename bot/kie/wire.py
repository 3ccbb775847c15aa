"""
What goes over the wire to the image API and comes back, read tolerantly: numbers may be strings, what is not needed may
be missing, null or nonsense, and what is not known is passed over.
"""

from __future__ import annotations

import json
import re
from contextlib import suppress
from dataclasses import replace
from typing import Annotated, Final, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, RootModel, ValidationError
from pydantic.alias_generators import to_camel

from bot.engine.ports import CreateRequest, Record, RecordStatus
from bot.kie import codes

LONGEST_TEXT: Final = 2000
"""Characters read of what they say."""
LONGEST_WORDS: Final = 200
"""Characters of it that go into a log."""
ADDRESS: Final = r"^https?://[^\s\x00-\x1f\x7f]+$"


def create_body(request: CreateRequest) -> dict[str, object]:
    """The JSON of a create. Every option is said, so that none of their defaults (which changed before) decides."""
    body: dict[str, object] = {
        "size": request.size,
        "nVariants": request.variants,
        "isEnhance": request.enhance,
        "enableFallback": request.fallback,
    }
    if request.prompt.strip():
        body["prompt"] = request.prompt
    if request.files:
        body["filesUrl"] = list(request.files)
    if request.mask:
        body["maskUrl"] = request.mask
    if request.callback_url:
        body["callBackUrl"] = request.callback_url
    return body


def tidy(words: str) -> str:
    """Their words, fit for a log: one short line, without the queries of addresses."""
    line = " ".join(re.sub(r"\?\S*=\S*", "", words).split())
    return "".join(letter for letter in line if letter.isprintable())[:LONGEST_WORDS]


def _text(value: object) -> str:
    return "" if value is None else str(value)[:LONGEST_TEXT]


def _number(value: object) -> int | None:
    """A whole number, or its text; anything else is as good as none."""
    with suppress(ValueError):
        return int(value) if isinstance(value, int | str) else None
    return None


def _fraction(value: object) -> float:
    """0 to 1, from "0.48" as from 0.48; what cannot be such a number says nothing."""
    with suppress(ValueError, OverflowError):
        if isinstance(value, str | int | float) and 0.0 <= float(value) <= 1.0:
            return float(value)
    return 0.0


def _unwrapped(value: object) -> object:
    """What a string holds, if that is JSON; else the value itself."""
    if isinstance(value, str):
        with suppress(ValueError, RecursionError):
            return json.loads(value)
    return value


def _addresses(response: object) -> tuple[str, ...]:
    """The result addresses in a record's `response`: an object or its JSON, the list under either spelling."""
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
    """What every answer is wrapped in."""

    code: Annotated[int, Field(gt=-(10**9), lt=10**9)]
    msg: Text = ""
    data: object = None

    @classmethod
    def read(cls, body: bytes) -> Self | None:
        """None for what is no envelope: HTML, half an answer, JSON without a `code`."""
        try:
            return cls.model_validate_json(body)
        except ValidationError:
            return None


class _Data(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, coerce_numbers_to_str=True, str_strip_whitespace=True)


class Created(_Data):
    task_id: str = Field(pattern=r"^[!-~]{1,200}$")


class Uploaded(_Data):
    """Their documentation omits the second `success` inside `data`; recordings have it."""

    success: Literal[True] = True
    download_url: str = Field(pattern=ADDRESS)


class Link(RootModel[Annotated[str, Field(pattern=ADDRESS)]]):
    """A plain string, good for 20 minutes."""


class Credits(RootModel[Annotated[float, Field(allow_inf_nan=False)]]):
    """May be a fraction."""


def _asked(parameters: object) -> tuple[str, tuple[str, ...]] | None:
    """Words and pictures of the request that a record repeats as JSON text; None where that cannot be read."""
    asked = _unwrapped(parameters)
    if not isinstance(asked, dict):
        return None
    prompt, files = asked.get("prompt"), _unwrapped(asked.get("filesUrl"))
    if prompt is not None and not isinstance(prompt, str):
        return None
    listed = files if isinstance(files, list) else [files]
    return prompt or "", tuple(one for one in listed if isinstance(one, str))


class RecordInfo(_Data):
    """What they know of a task. A failed task is no failed question: the envelope's code is 200."""

    success_flag: int
    """0 runs, 1 is done; 2 and 3, and whatever else may come, failed."""
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
                reason = codes.failure(self.error_code, self.error_message)
                said = f"{_text(self.error_code)} {self.error_message}"
                return Record(status=RecordStatus.FAILED, progress=self.progress, reason=reason, message=tidy(said))
