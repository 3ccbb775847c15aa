"""
A circuit breaker in front of the image API: while it is not there, nobody's request is spent on finding that out.

It opens when calls have failed for a while without one that was answered, or when several creates in a row were left
without an answer: each of those may be paid. Then creates wait, questions are not sent, and a free question now and
then finds out whether the API is back. An explicit refusal is an answer.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Final

import structlog

from bot.engine.ports import CreateRequest, ImageAPI, Record
from bot.engine.schedule import backoff
from bot.errors import ServiceError, Unavailable, Unconfirmed, Unreachable

FAILURES: Final = 3
"""In a row."""
SILENCE_MS: Final = 10_000
"""Without a single answer; a moment's trouble is not worth telling people."""
LONGEST_SECONDS: Final = 60.0
"""Between two looks."""
NOBODYS: Final = "0" * 32
"""A kie_id that no task has: where the balance cannot be read, that there is none is as good an answer."""

log = structlog.get_logger(__name__)


class Breaker:
    """Fulfils `ImageAPI`. `recovered` is awaited when the API is back."""

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
        """The API is not there: nothing is sent."""
        return self._opened_at is not None

    async def create(self, request: CreateRequest) -> str:
        try:
            with self._watched():
                kie_id = await self._api.create(request)
        except Unconfirmed:
            self._unanswered_creates += 1
            if self._unanswered_creates >= FAILURES:
                self._trip()
            raise
        except Unreachable:
            raise
        except ServiceError:
            self._create_answered()
            raise
        self._create_answered()
        return kie_id

    async def record(self, kie_id: str) -> Record:
        if self.open:
            raise Unreachable("not asked: the image API is not there")
        try:
            with self._watched(trips=False):
                return await self._api.record(kie_id)
        except (Unreachable, Unavailable):
            if self._is_silent() and not await self._answers_something():
                self._trip()
            raise

    async def credits(self) -> float:
        """Of little weight: that the balance cannot be read keeps nobody from making pictures."""
        return await self._api.credits()

    async def upload(self, filename: str, content_type: str, data: bytes) -> str:
        """Another host's; says nothing about this one."""
        return await self._api.upload(filename, content_type, data)

    async def fetch(self, url: str) -> bytes:
        """As `upload`."""
        return await self._api.fetch(url)

    async def direct_link(self, kie_id: str, url: str) -> str:
        """Somebody waits for it, and does without."""
        return await self._api.direct_link(kie_id, url)

    async def check(self) -> None:
        """While it is open: see, now and then, whether the API is back."""
        if self._opened_at is None or self._clock() < self._check_at:
            return
        self._check_later()
        if await self._answers_something():
            await self._close(self._opened_at)

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
        """One record that cannot be read says nothing about the API."""
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
            log.warning("image API unreachable; creates wait until it is back")
            self._opened_at = self._clock()
            self._check_later()

    def _check_later(self) -> None:
        """At growing distances, until a create is answered again."""
        self._checks += 1
        self._check_at = self._clock() + int(min(backoff(self._checks, first=5.0), LONGEST_SECONDS) * 1000)

    async def _close(self, opened_at: int) -> None:
        """The next create that is left without an answer opens it again."""
        log.info("image API back", away_seconds=(self._clock() - opened_at) // 1000)
        self._opened_at = None
        self._unanswered_creates = min(self._unanswered_creates, FAILURES - 1)
        self._answered()
        await self._recovered()


async def _answers(question: Awaitable[object]) -> bool:
    try:
        await question
    except (Unreachable, Unavailable) as error:
        log.debug("the image API is still not there", error=str(error))
        return False
    except ServiceError as error:
        log.debug("the image API answers with a refusal", error=str(error))
    return True
