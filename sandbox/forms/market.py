"""The jobs API: `/api/v1/jobs/createTask` and `recordInfo`. What each model takes and tells is in `sandbox.models`."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Final

from sandbox.jobs import Asked, Job
from sandbox.magic import Magic
from sandbox.models import MODELS, Field, JobModel
from sandbox.wire import Refused

MISSING_FIELD: Final = "This field is required"
NOT_SUPPORTED: Final = (
    "The model name you specified is not supported. Please verify your input and use one of the supported models "
    "provided by KIE."
)
DEFAULT_RATIO: Final = "1:1"
FLAGS: Final = {None: 0, True: 1, False: 3}


@dataclass(frozen=True, slots=True)
class Market:
    gone: Collection[str]
    """Ids of models that the API no longer has."""

    record_missing: str = "recordInfo is null"
    questions_per_second: int = 10
    poll_may_fail: bool = True

    def asked(self, body: Mapping[str, Any]) -> Asked:
        """Raises Refused: 422 for an unknown model, 500 for a missing field or a value that is not allowed. Unknown
        fields are ignored, as by the real API."""
        name = body.get("model")
        model = MODELS.get(name) if isinstance(name, str) and name not in self.gone else None
        if model is None:
            raise Refused(422, NOT_SUPPORTED)
        given = body.get("input")
        if not isinstance(given, dict):
            raise Refused(500, MISSING_FIELD)
        for field, taken in model.fields.items():
            _check(field, taken, given.get(field))
        references = _addresses(given, model.pictures_field)
        if not given.get("prompt") and not references:
            raise Refused(500, MISSING_FIELD)
        mask = given.get("mask_url") if "mask_url" in model.fields else None
        if mask and len(references) != 1:
            raise Refused(422, "mask_url requires exactly one image")
        size = _size(model, given)
        makes = int(given.get(model.number_field) or model.makes)
        price_word = str(given.get(model.price_field) or next(iter(model.prices)))
        more = model.more_per_picture * max(0, len(references) - 1)
        return Asked(
            body=body,
            model=str(name),
            manner=model.manner,
            prompt=str(given.get("prompt") or ""),
            references=references,
            mask=mask or None,
            mask_changes=model.mask_changes,
            most_megabytes=model.most_megabytes,
            most_megapixels=model.most_megapixels,
            ratio=_ratio(model, given),
            size=size,
            transparent="background" in model.fields and given.get("background") == "transparent",
            kind=str(given.get("output_format") or model.kind) if "output_format" in model.fields else model.kind,
            pictures=makes,
            price=model.prices[price_word] * (makes if model.number_field else 1) + more,
            pace=model.pace,
        )

    def path(self, job: Job, index: int) -> str:
        model = MODELS[job.asked.model]
        letters = f"{job.id[:8]}{index}" if job.asked.pictures > 1 else job.id[:8]
        path = model.path.format(
            id=job.id,
            unix=int(job.finished),
            letters=letters,
            hex=f"{index}{job.id[1:]}",
            digits=f"{int(job.finished) % 10**7:07}{index}",
            four=job.four_digits(index),
        )
        return f"{path}.{job.asked.kind}"

    def created(self, job: Job) -> dict[str, object]:
        return {"taskId": job.id, "recordId": job.id}

    def record(self, job: Job, now: float) -> dict[str, object]:
        model, outcome = MODELS[job.asked.model], job.told(now)
        results = {"resultUrls": job.urls} if outcome else None
        record: dict[str, object] = {
            "taskId": job.id,
            "model": job.asked.model,
            "state": _state(job, model, outcome, now),
            "param": _parameters(job.asked.body),
            "resultJson": json.dumps(results, separators=(",", ":")) if results else "",
            "failCode": _fail_code(job) if outcome is False else None,
            "failMsg": job.failure.message if job.failure and outcome is False else None,
            "costTime": None if outcome is None else _cost_time(job),
            "completeTime": None if outcome is None else round(job.finished * 1000),
            "createTime": round(job.created * 1000),
        }
        if model.tells_credits and Magic.NO_CREDITS not in job.magic:
            record["creditsConsumed"] = 0.0 if outcome is False else float(job.asked.price)
        if model.extra_fields:
            record |= {
                "operationType": job.asked.model,
                "successFlag": FLAGS[outcome],
                "paramJson": record["param"],
                "response": results,
            }
        return _oddly(record) if Magic.ODD in job.magic else record

    def callback(self, job: Job, urls: list[str]) -> dict[str, Any]:
        """The callback has the record, with times in whole seconds; `resultJson` is null for a failed task."""
        data = self.record(job, job.finished)
        failed = job.failure is not None
        data["state"] = "fail" if failed else "success"
        data["resultJson"] = None if failed else json.dumps({"resultUrls": urls}, separators=(",", ":"))
        data["failCode"] = _fail_code(job) if failed else None
        data["failMsg"] = job.failure.message if job.failure else None
        data["costTime"] = _cost_time(job)
        data["createTime"] = int(job.created) * 1000
        data["completeTime"] = data["updateTime"] = int(job.finished) * 1000
        for extra in ("operationType", "successFlag", "paramJson", "response"):
            data.pop(extra, None)
        if failed:
            return {"code": 501, "msg": "Playground task failed.", "data": data}
        return {"code": 200, "msg": "Playground task completed successfully.", "data": data}


def _check(name: str, taken: Field, value: object) -> None:
    """Raises Refused (500). The messages for a missing value and for one that is not allowed were reported by users of
    the real API; the one about the length is invented."""
    if value is None or value in ("", []):
        if taken.required:
            raise Refused(500, MISSING_FIELD)
        return
    wrong_kind = (
        (taken.is_list and not (isinstance(value, list) and all(isinstance(entry, str) for entry in value)))
        or (taken.is_flag and not isinstance(value, bool))
        or (bool(taken.words) and value not in taken.words)
    )
    if wrong_kind:
        raise Refused(500, f"This {name} is not within the range of allowed options")
    if isinstance(value, str | list) and not taken.least <= len(value) <= taken.most:
        raise Refused(500, f"The length of {name} is not within the allowed range")


def _addresses(given: Mapping[str, Any], field: str) -> tuple[str, ...]:
    """Return the addresses of the input pictures: the field is a list, or a text for a single one."""
    value = given.get(field) or given.get("file_url" if field == "files_url" else field)
    if not value:
        return ()
    return tuple(value) if isinstance(value, list) else (str(value),)


def _size(model: JobModel, given: Mapping[str, Any]) -> str:
    """Return the size: 1K, 2K, 4K. Raises Refused (422) if the model does not make this ratio or background at it."""
    word = given.get(model.size_field) if model.size_field else None
    size = model.sizes.get(str(word), str(word)) if word else "1K"
    ratio = given.get(model.ratio_field) or "auto"
    for forbidden in model.forbidden:
        if (
            size in forbidden.sizes
            and (not forbidden.ratios or ratio in forbidden.ratios)
            and forbidden.background in (None, given.get("background"))
        ):
            raise Refused(422, "Invalid resolution")
    return size


def _ratio(model: JobModel, given: Mapping[str, Any]) -> str | None:
    """Return the aspect ratio; None for that of the first input picture."""
    words = model.fields[model.ratio_field].words
    word = str(given.get(model.ratio_field) or words[0])
    if word == "auto":
        return None if _addresses(given, model.pictures_field) else DEFAULT_RATIO
    return model.ratios.get(word, word)


def _state(job: Job, model: JobModel, outcome: bool | None, now: float) -> str:
    if outcome is not None:
        return "success" if outcome else "fail"
    share = 0.0 if job.seconds <= 0 else (now - job.created) / job.seconds
    return model.states[max(0, min(len(model.states) - 1, int(share * len(model.states))))]


def _cost_time(job: Job) -> int:
    """Return seconds without those in the queue, so less than between create and end."""
    return round(0.8 * (job.finished - job.created))


def _fail_code(job: Job) -> str:
    if Magic.CREATE_FAILED in job.magic:
        return "GENERATION_FAILED"
    return str(job.failure.code) if job.failure else "500"


def _parameters(body: Mapping[str, Any]) -> str:
    """Return the request as JSON text within JSON text, with the server's own order of keys."""
    asked = {name: value for name, value in body.items() if name in ("model", "callBackUrl")}
    asked["input"] = json.dumps(body["input"], sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return json.dumps(asked, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def _oddly(plain: dict[str, object]) -> dict[str, object]:
    """Return the record with numbers as text, and its response as JSON text."""
    odd = {
        name: str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value
        for name, value in plain.items()
    }
    if odd.get("response") is not None:
        odd["response"] = json.dumps(odd["response"])
    return odd
