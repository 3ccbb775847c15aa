"""
Put a circuit breaker in front of the image API, so that no person's request is used up to detect an outage.

The breaker opens when all creates and polls have failed for a while, or when several creates in a row got no answer,
because each of these may be charged. While the breaker is open, creates wait, polls are not sent, and a free request
from time to time checks whether the API is back. An explicit refusal counts as an answer.

Several processes on one database tell each other when a breaker opens and when the API is back (`admission.py`). Each
asks for itself, so one that alone does not reach the API does not hold up the others.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Final

import structlog

from bot.engine.ports import CreateRequest, ImageAPI, Record
from bot.engine.timing.schedule import backoff
from bot.errors import ServiceError, Unavailable, Unconfirmed, Unreachable
from storage.catalogue import WireForm

FAILURES: Final = 3
"""Number of consecutive failures, over at least `SILENCE_MS`, or of consecutive creates without an answer, however
fast, at which the breaker opens."""
SILENCE_MS: Final = 10_000
"""ms. Least time from the first of the consecutive failures until the breaker opens. A shorter disturbance is not worth
showing to people."""
LONGEST_SECONDS: Final = 60.0
"""Longest interval between two checks while the breaker is open."""
NOBODYS: Final = "0" * 32
"""A job_id that no task has. If the credits cannot be read, a check asks for this record: the answer that the record
does not exist also shows that the API is back."""

log = structlog.get_logger(__name__)


class CircuitBreaker:
    """Implements `ImageAPI`. `recovered` is awaited when the API is back."""

    def __init__(self, api: ImageAPI, *, clock: Callable[[], int], recovered: Callable[[], Awaitable[None]]) -> None:
        self._api = api
        self._clock = clock
        self._recovered = recovered
        self._failures = 0
        self._failing_since = 0
        self._unanswered_creates = 0
        self._opened_at: int | None = None
        self._checks = 0
        self._check_at = 0

    @property
    def open(self) -> bool:
        """Whether the API is considered unreachable: creates must not begin (the caller checks), and `record` raises
        Unreachable without sending anything."""
        return self._opened_at is not None

    @property
    def leaves_creates(self) -> bool:
        """Whether so many creates in a row got no answer that this alone opens the breaker. The answer to a question
        says nothing about those."""
        return self._unanswered_creates >= FAILURES

    async def create(self, request: CreateRequest) -> str:
        try:
            with self._watched():
                job_id = await self._api.create(request)
        except Unconfirmed:
            self._unanswered_creates += 1
            if self.leaves_creates:
                self._trip()
            raise
        except Unreachable:
            raise
        except ServiceError:
            self._create_answered()
            raise
        self._create_answered()
        return job_id

    async def record(self, job_id: str, form: str = WireForm.FOUR_O) -> Record:
        if self.open:
            raise Unreachable("not asked: the image API is not there")
        try:
            with self._watched(trips=False):
                return await self._api.record(job_id, form)
        except (Unreachable, Unavailable):
            if self._is_silent() and not await self._answers_something():
                self._trip()
            raise

    async def credits(self) -> float:
        """Return the account's credits. A failure is not counted, because pictures can be made without this number."""
        return await self._api.credits()

    async def upload(self, filename: str, content_type: str, data: bytes) -> str:
        """Upload a file. A failure is not counted, because uploads go to another host."""
        return await self._api.upload(filename, content_type, data)

    async def fetch(self, url: str) -> bytes:
        """Download a result. A failure is not counted, because results are on other hosts."""
        return await self._api.fetch(url)

    async def direct_link(self, job_id: str, url: str, form: str = WireForm.FOUR_O) -> str:
        """Return another address of a result. A failure is not counted: the caller waits for the address, and can do
        without it."""
        return await self._api.direct_link(job_id, url, form)

    async def check(self) -> None:
        """If the breaker is open and the next check is due, ask the API whether it is back, and close the breaker if it
        answers."""
        if self._opened_at is None or self._clock() < self._check_at:
            return
        self._check_later()
        if await self._answers_something():
            await self._close(self._opened_at)

    async def hear(self, *, leaves_creates: bool) -> None:
        """Open the breaker, because that of another process has opened; but not if only questions got no answer there,
        and one is answered here."""
        if leaves_creates or not await self._answers_something():
            self._unanswered_creates = max(self._unanswered_creates, FAILURES if leaves_creates else 0)
            self._trip()

    def check_soon(self) -> None:
        """Let the next `check` ask at once."""
        self._check_at = self._clock()

    @contextmanager
    def _watched(self, *, trips: bool = True) -> Iterator[None]:
        try:
            yield
        except (Unreachable, Unavailable, Unconfirmed):
            if not self._failures:
                self._failing_since = self._clock()
            self._failures += 1
            if trips and self._is_silent():
                self._trip()
            raise
        except ServiceError:
            self._answered()
            raise
        self._answered()

    def _is_silent(self) -> bool:
        return self._failures >= FAILURES and self._clock() - self._failing_since >= SILENCE_MS

    async def _answers_something(self) -> bool:
        """Return whether the API answers any request, be it with a refusal. One record that cannot be read says nothing
        about the API."""
        answers = await _answers(self._api.credits()) or await _answers(self._api.record(NOBODYS))
        if answers:
            self._answered()
        return answers

    def _answered(self) -> None:
        self._failures = 0

    def _create_answered(self) -> None:
        self._unanswered_creates = self._checks = 0

    def _trip(self) -> None:
        if self._opened_at is None:
            log.warning(
                "image API unreachable or leaves creates unanswered: creates and polls wait until it answers",
                failures=self._failures,
                unanswered_creates=self._unanswered_creates,
            )
            self._opened_at = self._clock()
            self._check_later()

    def _check_later(self) -> None:
        """Schedule the next check. The intervals grow until a create is answered again."""
        self._checks += 1
        self._check_at = self._clock() + int(min(backoff(self._checks, first=5.0), LONGEST_SECONDS) * 1000)

    async def _close(self, opened_at: int) -> None:
        """Close the breaker. If unanswered creates opened the breaker, the next unanswered create opens it again. If
        `recovered` fails, the breaker stays open until the next check."""
        self._opened_at = None
        self._unanswered_creates = min(self._unanswered_creates, FAILURES - 1)
        self._answered()
        try:
            await self._recovered()
        except Exception:
            self._opened_at = opened_at
            raise
        log.info("image API back", away_seconds=(self._clock() - opened_at) // 1000)


async def _answers(question: Awaitable[object]) -> bool:
    try:
        await question
    except (Unreachable, Unavailable) as error:
        log.debug("probe of the image API got no usable answer", error=str(error))
        return False
    except ServiceError as error:
        log.debug("probe of the image API got an answer, but not what was asked for", error=str(error))
    return True
