"""
The emulator's tasks: what was asked for, in any form, and when and how a task ends. Times are seconds of the emulator's
clock. The records of tasks are in `sandbox.forms`.
"""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from sandbox.magic import Magic

LAG_SECONDS: Final = 10.0
HIDDEN_SECONDS: Final = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    code: int
    message: str


FETCH_REFUSED: Final = Failure(
    code=400, message="Failed to fetch the image. Kindly verify any access limits set by you or your service provider"
)
DOWNLOAD_FAILED: Final = Failure(code=451, message="download of an input image failed")
TOO_MANY_PIXELS: Final = Failure(code=400, message="Image has too many pixels")
NO_IMAGE: Final = Failure(code=400, message="We couldn't process the provided image file (code=invalid_image_format)")
NOT_EDITED: Final = Failure(code=500, message="GPT 4O failed to edit the picture")
NOT_GENERATED: Final = Failure(code=500, message="Failed to generate image")
PLANNED: Final[Mapping[Magic, Failure]] = {
    Magic.POLICY: Failure(code=400, message="Your content was flagged by OpenAI as violating content policies"),
    Magic.PICTURE_POLICY: Failure(code=400, message="content of the filesUrl image violates policy"),
    Magic.FAILED: NOT_GENERATED,
    Magic.INTERNAL: Failure(code=500, message="Internal Error, Please try again later."),
    Magic.CREATE_FAILED: Failure(code=500, message="Please try again later"),
    Magic.OUTER_FAILED: NOT_GENERATED,
    Magic.ALWAYS_UNFETCHED: DOWNLOAD_FAILED,
}


def too_large(megabytes: int) -> Failure:
    return Failure(code=400, message=f"Image size exceeds maximum of {megabytes * 2**20} bytes")


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a create asks for, whatever its form."""

    body: Mapping[str, Any]
    model: str
    """Id of the model; for 4o's own endpoint, which has no ids, the id that 4o has in the jobs API."""
    manner: str
    """How to paint; see `sandbox.paint.manners`."""
    prompt: str
    references: tuple[str, ...] = ()
    """Addresses of the input pictures."""
    mask: str | None = None
    """Address of the mask."""
    mask_changes: str = "black"
    """Colour of the part of the mask that changes."""
    most_megabytes: int = 25
    """Most MiB of an input picture."""
    most_megapixels: int | None = None
    ratio: str | None
    """Width to height; None means that of the first input picture."""
    size: str = "1K"
    transparent: bool = False
    kind: str = "png"
    """Extension of the result files."""
    pictures: int = 1
    price: float
    """In credits."""
    pace: float = 1.0

    @property
    def callback_url(self) -> str | None:
        return str(self.body["callBackUrl"]) if self.body.get("callBackUrl") else None


class Form(Protocol):
    """One of the forms in which the API takes creates and describes tasks."""

    @property
    def record_missing(self) -> str:
        """Return the message for an unknown task."""

    @property
    def questions_per_second(self) -> int:
        """Return the most polls of one task in one second."""

    @property
    def poll_may_fail(self) -> bool:
        """Return whether a failed task can be answered with a code of its own instead of a record ([501])."""

    def asked(self, body: Mapping[str, Any]) -> Asked:
        """Check a create's body and read it. Raises Refused."""

    def path(self, job: Job, index: int) -> str:
        """Return the path of a result, with a slash at the start."""

    def created(self, job: Job) -> dict[str, object]:
        """Return the `data` of the response to a create."""

    def record(self, job: Job, now: float) -> dict[str, object]:
        """Return the `data` of the record, with its keys in the order recorded from the real API."""

    def callback(self, job: Job, urls: list[str]) -> dict[str, Any]:
        """Return the callback's body for an ended task; `urls` are its results."""


def usual_seconds(prompt: str, variants: int) -> float:
    """Return 8 to 20 seconds, depending on a hash of the prompt and on the number of variants (at most 4)."""
    return 8 + zlib.crc32(prompt.encode()) % 700 / 100 + min(5.0, 5 * (variants - 1) / 3)


@dataclass(slots=True, kw_only=True)
class Job:
    """One accepted task. The asyncio task `work` fetches the references and paints the pictures."""

    id: str
    form: Form
    asked: Asked
    magic: frozenset[Magic]
    base_url: str
    created: float
    seconds: float
    first_variant: int = 0
    """Number of its first picture among those of the same prompt and model, so that each looks different."""
    speed: float
    failure: Failure | None = None
    pictures: list[bytes] = field(default_factory=list)
    work: asyncio.Task[None] | None = None
    questions: int = 0
    fetched: set[str] = field(default_factory=set)

    @property
    def finished(self) -> float:
        """Time at which the outcome becomes visible. A failed task ends after 40 % of the usual time."""
        return self.created + self.seconds * (0.4 if self.failure else 1)

    @property
    def paths(self) -> list[str]:
        """Paths of the task's pictures."""
        return [self.form.path(self, index) for index in range(self.asked.pictures)]

    @property
    def urls(self) -> list[str]:
        return [] if Magic.EMPTY in self.magic else [self.base_url + path for path in self.paths]

    def outcome(self, now: float) -> bool | None:
        """
        Return None while the task runs, True when it has pictures, False when it failed. Raises the exception that
        painting raised, which is a defect of the emulator.
        """
        if self.work is None or not self.work.done() or Magic.OVERDUE in self.magic or now < self.finished:
            return None
        self.work.result()
        return self.failure is None

    def told(self, now: float) -> bool | None:
        """Return the outcome as the record tells it, which may be later ([lag])."""
        return self.outcome(now - LAG_SECONDS / self.speed if Magic.LAG in self.magic else now)

    def hidden(self, now: float) -> bool:
        """Return whether the record is still invisible to queries ([missing], [null])."""
        return bool(self.magic & {Magic.MISSING, Magic.NULL}) and now < self.created + HIDDEN_SECONDS / self.speed

    def progress(self, now: float) -> float:
        """Return the elapsed share of the task's time, 0 to 0.99."""
        if Magic.STUCK in self.magic or self.seconds <= 0:
            return 0.0
        return min(0.99, (now - self.created) / self.seconds)

    def four_digits(self, index: int) -> str:
        """Return four digits that differ between the task's pictures."""
        return f"{int(self.id[4 * index : 4 * index + 4], 16) % 10_000:04}"
