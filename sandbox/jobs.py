"""
The emulator's tasks and the records it returns for them. Times are seconds of the emulator's clock; in records they
are milliseconds that end in 000, as recorded from the real API.
"""

from __future__ import annotations

import asyncio
import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from sandbox.magic import Magic

COST: Final = {1: 6, 2: 7, 4: 8}
"""Credits by number of variants, from one of KIE's pages; the price of more than one variant is not certain."""
LAG_SECONDS: Final = 10.0
HIDDEN_SECONDS: Final = 2.0
PARAMETERS: Final = frozenset(
    [
        *("size", "prompt", "filesUrl", "fileUrl", "maskUrl", "nVariants"),
        *("callBackUrl", "isEnhance", "uploadCn", "enableFallback", "fallbackModel"),
    ]
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    code: int
    message: str


FETCH_REFUSED: Final = Failure(
    code=400, message="Failed to fetch the image. Kindly verify any access limits set by you or your service provider"
)
DOWNLOAD_FAILED: Final = Failure(code=451, message="download of an input image failed")
TOO_LARGE: Final = Failure(code=400, message="Image size exceeds maximum of 26214400 bytes")
NO_IMAGE: Final = Failure(code=400, message="We couldn't process the provided image file (code=invalid_image_format)")
NOT_EDITED: Final = Failure(code=500, message="GPT 4O failed to edit the picture")
PLANNED: Final[Mapping[Magic, Failure]] = {
    Magic.POLICY: Failure(code=400, message="Your content was flagged by OpenAI as violating content policies"),
    Magic.PICTURE_POLICY: Failure(code=400, message="content of the filesUrl image violates policy"),
    Magic.FAILED: Failure(code=500, message="Failed to generate image"),
    Magic.INTERNAL: Failure(code=500, message="Internal Error, Please try again later."),
    Magic.CREATE_FAILED: Failure(code=500, message="Please try again later"),
    Magic.ALWAYS_UNFETCHED: DOWNLOAD_FAILED,
}


def usual_seconds(prompt: str, variants: int) -> float:
    """Return 8 to 20 seconds, depending on a hash of the prompt and on the number of variants."""
    return 8 + zlib.crc32(prompt.encode()) % 700 / 100 + {1: 0, 2: 2, 4: 5}[variants]


@dataclass(slots=True, kw_only=True)
class Job:
    """One accepted task. The asyncio task `work` fetches the references and paints the pictures."""

    id: str
    body: Mapping[str, Any]
    magic: frozenset[Magic]
    base_url: str
    created: float
    seconds: float
    speed: float
    failure: Failure | None = None
    pictures: list[bytes] = field(default_factory=list)
    work: asyncio.Task[None] | None = None
    questions: int = 0
    fetched: set[str] = field(default_factory=set)

    @property
    def variants(self) -> int:
        return int(self.body.get("nVariants", 1))

    @property
    def cost(self) -> int:
        return COST[self.variants]

    @property
    def finished(self) -> float:
        """Time at which the outcome becomes visible. A failed task ends after 40 % of the usual time."""
        return self.created + self.seconds * (0.4 if self.failure else 1)

    @property
    def names(self) -> list[str]:
        """File names of the task's pictures: task id, variant, unix seconds, four digits."""
        digits = [int(self.id[4 * index : 4 * index + 4], 16) % 10_000 for index in range(self.variants)]
        return [f"{self.id}_{index}_{int(self.finished)}_{four:04}.png" for index, four in enumerate(digits)]

    @property
    def urls(self) -> list[str]:
        return [] if Magic.EMPTY in self.magic else [f"{self.base_url}/s/{name}" for name in self.names]

    def outcome(self, now: float) -> bool | None:
        """
        Return None while the task runs, True when it has pictures, False when it failed. Raises the exception that
        painting raised, which is a defect of the emulator.
        """
        if self.work is None or not self.work.done() or Magic.OVERDUE in self.magic or now < self.finished:
            return None
        self.work.result()
        return self.failure is None

    def hidden(self, now: float) -> bool:
        """Return whether the record is still invisible to queries ([missing], [null])."""
        return bool(self.magic & {Magic.MISSING, Magic.NULL}) and now < self.created + HIDDEN_SECONDS / self.speed

    def record(self, now: float) -> dict[str, object]:
        """Return the `data` of record-info, with its keys in the order recorded from the real API."""
        visible_until = now - LAG_SECONDS / self.speed if Magic.LAG in self.magic else now
        outcome = self.outcome(visible_until)
        failure = self.failure if outcome is False else None
        flag, status = self._flag(outcome)
        plain: dict[str, object] = {
            "taskId": self.id,
            "paramJson": self._parameters(),
            "completeTime": None if outcome is None else int(self.finished) * 1000,
            "response": {"resultUrls": self.urls} if outcome else None,
            "successFlag": flag,
            "status": status,
            "errorCode": failure.code if failure else None,
            "errorMessage": failure.message if failure else None,
            "createTime": int(self.created) * 1000,
            "progress": f"{self._progress(now, outcome):.2f}",
        }
        return _oddly(plain, self.urls) if Magic.ODD in self.magic else plain

    def _flag(self, outcome: bool | None) -> tuple[int, str]:
        if outcome is None:
            return 0, "GENERATING"
        if outcome:
            return 1, "SUCCESS"
        return (2, "CREATE_TASK_FAILED") if Magic.CREATE_FAILED in self.magic else (3, "GENERATE_FAILED")

    def _progress(self, now: float, outcome: bool | None) -> float:
        if outcome is not None:
            return 1.0 if outcome else 0.0
        if Magic.STUCK in self.magic or self.seconds <= 0:
            return 0.0
        return min(0.99, (now - self.created) / self.seconds)

    def _parameters(self) -> str:
        """Return the request as JSON text, with the two validators that the real API adds."""
        sent = {name: value for name, value in self.body.items() if name in PARAMETERS}
        echoed = {"enableFallback": False, "fileUrlOrPromptNotEmpty": True, "nVariantsValid": True, **sent}
        return json.dumps(echoed, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def _oddly(plain: dict[str, object], urls: list[str]) -> dict[str, object]:
    """Return the record in the variant formats that clients of the real API had to support."""
    odd = {name: str(value) if isinstance(value, int) else value for name, value in plain.items()}
    if plain["response"] is not None:
        odd["response"] = json.dumps({"result_urls": urls})
    return odd
