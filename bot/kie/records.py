"""
Read the record of a job, in each wire form, as the engine's `Record`.

A record repeats what was asked for, with the address for the callback, which is a secret: that part is in no repr, no
message and no error.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from math import isfinite
from typing import Annotated, Final, NamedTuple, Self

from pydantic import BeforeValidator, Field, ValidationError, model_validator

from bot.engine.lifecycle.unknown_failures import without_prompt
from bot.engine.ports import Record, RecordStatus
from bot.kie import codes
from bot.kie.wire import Data, Envelope, Text, addresses, number, text, tidy, unwrapped
from storage.catalogue import FOUR_O_AS_JOBS, MODELS, WireForm

REFERENCE_FIELDS: Final = tuple(
    dict.fromkeys(
        model.references.field for model in (*MODELS.values(), FOUR_O_AS_JOBS) if model.references is not None
    )
)
"""Every field in which a create may have named its input pictures."""
RESULT_FIELDS: Final = ("resultUrls", "result_urls", "resultImageUrl", "result_image_url")
"""In a record's `response`: a list, or the address of the one picture of Flux, whose other address is its input."""
STATES: Final = {
    **dict.fromkeys(("waiting", "queuing", "generating"), RecordStatus.RUNNING),
    "success": RecordStatus.SUCCEEDED,
    "fail": RecordStatus.FAILED,
}
ENDED: Final = {WireForm.FLUX: frozenset({501}), WireForm.JOBS: frozenset({408, 501})}
"""Codes of the envelope of a record with which the API says that the task has failed, not the question: no result in
ten minutes, and generation failed."""
MOST_CREDITS: Final = 1e6


class Asked(NamedTuple):
    prompt: str
    files: tuple[str, ...]


def record_of(form: str, answer: Envelope) -> Record:
    """Return the record in an envelope whose code is 200 or one of `ENDED`. Raises ValueError if it cannot be read."""
    info = JobInfo if form == WireForm.JOBS else RecordInfo
    if answer.code == codes.SUCCESS:
        return info.model_validate(answer.data).as_record()
    with suppress(ValidationError):  # the data, if there are any, say more, unless they are older than the code
        record = info.model_validate(answer.data).as_record()
        if record.status is not RecordStatus.RUNNING:
            return record
    return _failed(answer.code, answer.msg, prompt="")


def _failed(code: object, words: str, prompt: str) -> Record:
    named = text(code).replace("_", " ") if number(code) is None else ""
    reason = codes.failure(number(code), without_prompt(f"{named} {words}".strip(), prompt))
    return Record(status=RecordStatus.FAILED, reason=reason, message=tidy(f"{text(code)} {words}"))


def _fraction(value: object) -> float:
    """Return a number from 0 to 1, also from its text; 0 for anything else, larger numbers included."""
    with suppress(ValueError, OverflowError):
        if isinstance(value, str | int | float) and 0.0 <= float(value) <= 1.0:
            return float(value)
    return 0.0


def _percent(value: object) -> float:
    """Return a number from 0 to 100, also from its text, as a fraction; 0 for anything else."""
    with suppress(ValueError, OverflowError):
        if isinstance(value, str | int | float) and 0.0 <= float(value) <= 100.0:
            return float(value) / 100
    return 0.0


def _credits(value: object) -> float | None:
    with suppress(ValueError, OverflowError):
        if isinstance(value, str | int | float) and not isinstance(value, bool) and isfinite(float(value)):
            return float(value) if 0.0 <= float(value) <= MOST_CREDITS else None
    return None


def _results(response: object) -> tuple[str, ...]:
    """Return the addresses of the results in a record's `response` or `resultJson`: an object or its JSON. What is no
    http or https address is left out; the result may be empty."""
    response = unwrapped(response)
    if not isinstance(response, dict):
        return ()
    return next((found for name in RESULT_FIELDS if (found := addresses(response.get(name)))), ())


def _inputs(asked: dict[object, object]) -> Iterator[str]:
    """Yield the addresses of the input pictures, in their field or fields, as they are named there."""
    for name in REFERENCE_FIELDS:
        files = unwrapped(asked.get(name))
        listed = files if isinstance(files, list) else [files]
        yield from (address for address in listed if isinstance(address, str))


def _asked(parameters: object) -> Asked | None:
    """Return the prompt and the addresses of the input pictures, which a record repeats as JSON text, for jobs as JSON
    text in JSON text; None if the text cannot be read."""
    asked = unwrapped(parameters)
    if isinstance(asked, dict) and "input" in asked:
        asked = unwrapped(asked["input"])
    if not isinstance(asked, dict):
        return None
    prompt = asked.get("prompt")
    if prompt is not None and not isinstance(prompt, str):
        return None
    return Asked(prompt or "", tuple(_inputs(asked)))


AskedFor = Annotated[Asked | None, BeforeValidator(_asked)]
Results = Annotated[tuple[str, ...], BeforeValidator(_results)]


class RecordInfo(Data):
    """The record of a task of 4o or Flux. The envelope of a failed task has code 200, as the query itself succeeded.
    Flux tells no progress."""

    success_flag: int
    """0 is running, 1 is done; 2, 3 and any other value mean failed."""
    progress: Annotated[float, BeforeValidator(_fraction)] = 0.0
    urls: Results = Field(default=(), alias="response")
    error_code: Annotated[int | None, BeforeValidator(number)] = None
    error_message: Text = ""
    asked: AskedFor = Field(default=None, alias="paramJson", repr=False)

    def as_record(self) -> Record:
        record = self._outcome()
        if self.asked is None:
            return record
        return replace(record, prompt=self.asked.prompt, files=self.asked.files)

    def _outcome(self) -> Record:
        match self.success_flag:
            case 0:
                return Record(status=RecordStatus.RUNNING, progress=self.progress)
            case 1:
                return Record(status=RecordStatus.SUCCEEDED, progress=self.progress, urls=self.urls)
            case _:
                failed = _failed(self.error_code, self.error_message, self.asked.prompt if self.asked else "")
                return replace(failed, progress=self.progress)


class JobInfo(Data):
    """The record of a job. Models fill in different fields; only `state`, or in its place `successFlag`, is needed."""

    state: Text = ""
    success_flag: Annotated[int | None, BeforeValidator(number)] = None
    progress: Annotated[float, BeforeValidator(_percent)] = 0.0
    response: Results = ()
    result_json: Results = ()
    fail_code: Text = ""
    """A number or a word, as text."""
    fail_msg: Text = ""
    credits_consumed: Annotated[float | None, BeforeValidator(_credits)] = None
    param: AskedFor = Field(default=None, repr=False)
    param_json: AskedFor = Field(default=None, repr=False)

    @model_validator(mode="after")
    def _has_a_status(self) -> Self:
        if self.status is None:
            raise ValueError("neither a known state nor a flag")
        return self

    @property
    def status(self) -> RecordStatus | None:
        if (found := STATES.get(self.state.strip().lower())) is not None or self.success_flag is None:
            return found
        flags = {0: RecordStatus.RUNNING, 1: RecordStatus.SUCCEEDED}
        return flags.get(self.success_flag, RecordStatus.FAILED)

    def as_record(self) -> Record:
        record = self._outcome()
        if (asked := self.param or self.param_json) is None:
            return record
        return replace(record, prompt=asked.prompt, files=asked.files)

    def _outcome(self) -> Record:
        told = Record(status=RecordStatus.RUNNING, progress=self.progress, credits=self.credits_consumed)
        match self.status:
            case RecordStatus.SUCCEEDED:
                return replace(told, status=RecordStatus.SUCCEEDED, urls=self.response or self.result_json)
            case RecordStatus.FAILED:
                asked = self.param or self.param_json
                failed = _failed(self.fail_code, self.fail_msg, asked.prompt if asked else "")
                return replace(failed, progress=self.progress, credits=self.credits_consumed)
            case _:
                return told
