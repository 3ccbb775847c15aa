"""Flux Kontext's own endpoint: `/api/v1/flux/kontext/…`. Times in records are texts in UTC+8, as recorded from the real
API."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone
from typing import Any, Final

from sandbox.jobs import Asked, Job
from sandbox.magic import Magic
from sandbox.wire import Refused

PRICES: Final = {"flux-kontext-pro": 5, "flux-kontext-max": 10}
RATIOS: Final = ("21:9", "16:9", "4:3", "1:1", "3:4", "9:16")
DEFAULTS: Final[Mapping[str, object]] = {
    "aspectRatio": "16:9",
    "enableTranslation": True,
    "model": "flux-kontext-pro",
    "outputFormat": "jpeg",
    "promptUpsampling": False,
    "safetyTolerance": 2,
}
MOST_TOLERANCE: Final = 6
MOST_TOLERANCE_EDITING: Final = 2
BEIJING: Final = timezone(timedelta(hours=8))


class Flux:
    record_missing = "The record does not exist"
    questions_per_second = 3
    poll_may_fail = True

    def asked(self, body: Mapping[str, Any]) -> Asked:
        """Raises Refused. The message about the tolerance is documented; the others are invented."""
        given = {**DEFAULTS, **{name: value for name, value in body.items() if value is not None}}
        picture = given.get("inputImage") or None
        if not given.get("prompt"):
            raise Refused(422, "prompt cannot be empty")
        if picture is not None and not isinstance(picture, str):
            raise Refused(422, "inputImage error")
        if given["model"] not in PRICES:
            raise Refused(422, "model error")
        if given["aspectRatio"] not in RATIOS:
            raise Refused(422, "aspectRatio error")
        if given["outputFormat"] not in ("jpeg", "png"):
            raise Refused(422, "outputFormat error")
        most = MOST_TOLERANCE if picture is None else MOST_TOLERANCE_EDITING
        if given["safetyTolerance"] not in range(most + 1):
            raise Refused(500, "The security tolerance level is out of range and should be 0-2 or 0-6")
        return Asked(
            body=body,
            model=str(given["model"]),
            manner="flux-kontext" if given["model"] == "flux-kontext-pro" else "flux-kontext-max",
            prompt=str(given["prompt"]),
            references=(picture,) if picture else (),
            ratio=None if picture and "aspectRatio" not in body else str(given["aspectRatio"]),
            kind="jpg" if given["outputFormat"] == "jpeg" else "png",
            price=PRICES[str(given["model"])],
        )

    def path(self, job: Job, index: int) -> str:
        return f"/r/{job.id}_{int(job.finished)}_{job.id[:8]}.{job.asked.kind}"

    def created(self, job: Job) -> dict[str, object]:
        return {"taskId": job.id}

    def record(self, job: Job, now: float) -> dict[str, object]:
        outcome = job.told(now)
        failure = job.failure if outcome is False else None
        failed = 2 if Magic.CREATE_FAILED in job.magic else 3
        response: object = self._response(job, job.urls) if outcome else None
        odd = Magic.ODD in job.magic
        flag = {None: 0, True: 1, False: failed}[outcome]
        return {
            "taskId": job.id,
            "paramJson": json.dumps({**DEFAULTS, **job.asked.body}, sort_keys=True, separators=(",", ":")),
            "completeTime": None if outcome is None else _time(job.finished),
            "response": json.dumps(response) if odd and response is not None else response,
            "successFlag": str(flag) if odd else flag,
            "errorCode": failure.code if failure else None,
            "errorMessage": failure.message if failure else None,
            "createTime": _time(job.created),
        }

    def callback(self, job: Job, urls: list[str]) -> dict[str, Any]:
        if job.failure is not None:
            return {"code": job.failure.code, "msg": job.failure.message, "data": {"taskId": job.id}}
        data = {"taskId": job.id, "info": self._response(job, urls)}
        return {"code": 200, "msg": "BFL image generated successfully.", "data": data}

    def _response(self, job: Job, urls: list[str]) -> dict[str, object]:
        return {"originImageUrl": None, "resultImageUrl": urls[0] if urls else None}


FLUX: Final = Flux()


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).astimezone(BEIJING).strftime("%Y-%m-%d %H:%M:%S")
