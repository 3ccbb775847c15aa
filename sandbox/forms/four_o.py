"""4o's own endpoint: `/api/v1/gpt4o-image/…`. Times in records are milliseconds that end in 000, as recorded from the
real API."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from sandbox.jobs import Asked, Job
from sandbox.magic import Magic
from sandbox.wire import Refused

PRICES: Final = {1: 6, 2: 7, 4: 8}
"""Credits by number of variants, from one of KIE's pages; the price of more than one variant is not certain."""
SIZES: Final = ("1:1", "3:2", "2:3")
MOST_FILES: Final = 5
PARAMETERS: Final = frozenset(
    [
        *("size", "prompt", "filesUrl", "fileUrl", "maskUrl", "nVariants"),
        *("callBackUrl", "isEnhance", "uploadCn", "enableFallback", "fallbackModel"),
    ]
)


class FourO:
    record_missing = "The record does not exist"
    questions_per_second = 3
    poll_may_fail = False

    def asked(self, body: Mapping[str, Any]) -> Asked:
        """
        Raises Refused (422). The messages for a wrong size and for a missing prompt and file were reported by users of
        the real API; the others are invented.
        """
        if body.get("size") not in SIZES:
            raise Refused(422, "size error")
        if not any(body.get(name) for name in ("prompt", "filesUrl", "fileUrl")):
            raise Refused(422, "fileUrl and prompt at least one is not empty")
        files = body.get("filesUrl") or [url for url in [body.get("fileUrl")] if url]
        if not isinstance(files, list) or len(files) > MOST_FILES or not all(isinstance(url, str) for url in files):
            raise Refused(422, "filesUrl error")
        if str(body.get("nVariants", 1)) not in ("1", "2", "4"):
            raise Refused(422, "nVariants error")
        if body.get("fallbackModel", "FLUX_MAX") not in ("GPT_IMAGE_1", "FLUX_MAX"):
            raise Refused(422, "fallbackModel error")
        variants = int(body.get("nVariants", 1))
        return Asked(
            body=body,
            model="4o-image-api",
            manner="4o",
            prompt=str(body.get("prompt") or ""),
            references=tuple(files),
            mask=body.get("maskUrl"),
            ratio=str(body["size"]),
            pictures=variants,
            price=PRICES[variants],
        )

    def path(self, job: Job, index: int) -> str:
        return f"/s/{job.id}_{index}_{int(job.finished)}_{job.four_digits(index)}.png"

    def created(self, job: Job) -> dict[str, object]:
        return {"taskId": job.id}

    def record(self, job: Job, now: float) -> dict[str, object]:
        outcome = job.told(now)
        failure = job.failure if outcome is False else None
        flag, status = _flag(job, outcome)
        share = job.progress(now) if outcome is None else float(outcome)
        plain: dict[str, object] = {
            "taskId": job.id,
            "paramJson": _parameters(job.asked.body),
            "completeTime": None if outcome is None else int(job.finished) * 1000,
            "response": {"resultUrls": job.urls} if outcome else None,
            "successFlag": flag,
            "status": status,
            "errorCode": failure.code if failure else None,
            "errorMessage": failure.message if failure else None,
            "createTime": int(job.created) * 1000,
            "progress": f"{share:.2f}",
        }
        return _oddly(plain, job.urls) if Magic.ODD in job.magic else plain

    def callback(self, job: Job, urls: list[str]) -> dict[str, Any]:
        if job.failure is not None:
            return {"code": job.failure.code, "msg": job.failure.message, "data": {"taskId": job.id, "info": None}}
        return {"code": 200, "msg": "success", "data": {"taskId": job.id, "info": {"result_urls": urls}}}


FOUR_O: Final = FourO()


def _flag(job: Job, outcome: bool | None) -> tuple[int, str]:
    if outcome is None:
        return 0, "GENERATING"
    if outcome:
        return 1, "SUCCESS"
    return (2, "CREATE_TASK_FAILED") if Magic.CREATE_FAILED in job.magic else (3, "GENERATE_FAILED")


def _parameters(body: Mapping[str, Any]) -> str:
    """Return the request as JSON text, with the two validators that the real API adds."""
    sent = {name: value for name, value in body.items() if name in PARAMETERS}
    echoed = {"enableFallback": False, "fileUrlOrPromptNotEmpty": True, "nVariantsValid": True, **sent}
    return json.dumps(echoed, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def _oddly(plain: dict[str, object], urls: list[str]) -> dict[str, object]:
    """Return the record in the variant formats that clients of the real API had to support."""
    odd = {name: str(value) if isinstance(value, int) else value for name, value in plain.items()}
    if plain["response"] is not None:
        odd["response"] = json.dumps({"result_urls": urls})
    return odd
