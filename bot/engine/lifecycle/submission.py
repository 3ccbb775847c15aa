"""
Submit tasks: send the create, once. This is the only call that cannot be repeated, because the image API has no
idempotency key.

The row in `creates` and the move to `submitting` are committed before anything is sent. Once the first byte was sent,
only an explicit refusal may lead to a retry; after any other result, the create may have been accepted and charged.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Final, TypedDict, TypeVar, Unpack
from urllib.parse import parse_qs, urlsplit

import structlog

from bot.engine.availability.account import AccountMonitor
from bot.engine.clock import is_doubtful
from bot.engine.lifecycle.preparation import upload_is_fresh
from bot.engine.lifecycle.unknown_failures import unknown_failure, without_prompt
from bot.engine.policy import GIVE_UP_AFTER, SENT_WITHIN_MS
from bot.engine.ports import CreateRequest, ImageAPI
from bot.engine.timing import schedule
from bot.engine.timing.durations import LearnedDurations
from bot.errors import Reason, Refused, ServerFault, ServiceError, Throttled, Unconfirmed, Unreachable
from storage.availability import DatabaseAway
from storage.models import Create, Reference, ReferenceKind, Task, TaskState, released
from storage.stores import Stores
from storage.transitions import StaleTask

FAULTS_ALLOWED: Final = 3
"""Number of creates of a task that are answered with 500 before the task fails."""
THROTTLED_SECONDS: Final = 10.0
"""API: its limit of creates is for 10 s. Longest pause of all creates after a 429 without Retry-After."""
LINK_MARGIN: Final = timedelta(minutes=15)
"""Required remaining lifetime of a link at the create. The image API downloads the link some time later."""
LINK_LIVES: Final = timedelta(hours=12)
"""Assumed lifetime, from the arrival of the request, of URLs that do not contain their expiry."""
WRITE_TRIES: Final = 5
AWAY_SECONDS: Final = 0.5
"""Pause between two tries to store an accepted create while the database is away. Another process may look at the task
as soon as the database is back."""
WORD_WITHIN: Final = timedelta(minutes=10)
"""How long to wait for the callback of an unconfirmed create before the asker gets the "unconfirmed" message."""
LOOK_AGAIN_MS: Final = 60_000
"""ms. Interval at which the wait is prolonged while the clock is doubtful: less than `WORD_WITHIN` may have passed."""

log = structlog.get_logger(__name__)

Stored = TypeVar("Stored")


class Counted(TypedDict, total=False):
    """Counters of a task that returns to the queue. `failures`: throttled, image API not reached, or failed before it
    was sent; `faults`: answered with 500."""

    failures: int
    faults: int


class Submission:
    def __init__(
        self,
        *,
        stores: Stores,
        api: ImageAPI,
        account: AccountMonitor,
        callbacks: bool,
        hold: Callable[[Task], Awaitable[None]],
        durations: LearnedDurations,
        clock: Callable[[], int],
    ) -> None:
        self._stores = stores
        self._api = api
        self._account = account
        self._callbacks = callbacks
        self._clock = clock
        self._hold = hold
        self._durations = durations
        self._unsent: dict[str, tuple[str | None, int]] = {}
        """Callback URL of each create that has begun here and was not sent yet, and when (ms) it has begun, by id of
        the task."""
        self._taken_as: dict[str, str] = {}
        """The job_id of each accepted (charged) create that is not stored yet, by id of the task."""

    def begun(self, task: Task, callback_url: str | None, *, at: int) -> None:
        """Register a task whose create was stored at `at` (ms) and not sent yet."""
        self._unsent[task.id] = (callback_url, at)
        self._account.begun(task.id)

    async def create(self, task: Task, references: Sequence[Reference]) -> Task:
        """
        Send the create of a task registered with `begun`, with these input pictures, and return the task after applying
        the answer.

        Nothing is sent if the addresses of the input pictures may expire too soon (the task is prepared again), if the
        create was accepted before and only has to be stored, or if the task is not registered: it waits for its
        callback, or its create may have been sent before, by this or another process. Such a task is unconfirmed.
        Raises StaleTask if another worker owns the task, and what the database raises if the answer cannot be stored.
        """
        if task.id in self._taken_as:
            return await self._taken(task, self._taken_as[task.id], with_pictures=False)
        if task.id not in self._unsent:
            ended = "the process ended while the create was under way"
            return await self._unconfirmed(task, ended if task.unconfirmed_at is None else "no callback came")
        request = await self.request(task, references)
        accepted = False
        try:
            answered = await (self._sent(task, request) if request is not None else self._prepare_again(task))
            accepted = answered.state is TaskState.GENERATING
        finally:
            self.sent(task, accepted=accepted)
        return answered

    def is_unsent(self, task: Task) -> bool:
        """Return whether a create of the task is registered with `begun` and was not sent yet."""
        return task.id in self._unsent

    async def request(self, task: Task, references: Sequence[Reference]) -> CreateRequest | None:
        """Return what to send for a task registered with `begun`, under a lease that lasts; None if the addresses of
        the input pictures may expire too soon. Raises StaleTask if another worker owns the task, and Unreachable if the
        create has begun too long ago."""
        callback_url, begun_at = self._unsent[task.id]
        request = request_of(task, references, callback_url=callback_url)
        await self._hold(task)
        if self._clock() - begun_at > SENT_WITHIN_MS:
            raise Unreachable("not sent: the work before it took too long")
        return request if self._can_be_fetched(task, references) else None

    async def send(self, task: Task, request: CreateRequest) -> str:
        """Send a create and return its job_id. Raises what `ImageAPI.create` raises, and Unconfirmed also after an
        unexpected error."""
        try:
            return await self._api.create(request)
        except (ServiceError, Unconfirmed):
            raise
        except Exception as error:
            log.exception("create failed: unexpected error, the create counts as unconfirmed", task=task.id)
            raise Unconfirmed(type(error).__name__) from error

    def sent(self, task: Task, *, accepted: bool) -> None:
        """Record that this process no longer waits for the answer to the task's create. Idempotent."""
        self._unsent.pop(task.id, None)
        self._account.ended(task.id, accepted=accepted)

    async def not_sent(self, task: Task) -> Task | None:
        """Requeue a task registered with `begun`, after an error before its create was sent. Return None, and do
        nothing, if the create may have been sent. Raises StaleTask if another worker owns the task now."""
        if task.id not in self._unsent:
            return None
        failures = task.failures + 1
        wait = schedule.backoff(failures)
        return await self._back(task, "something failed before it was sent", wait, failures=failures)

    def left(self, task_id: str) -> None:
        """Forget the unsent create of a task that this process no longer works on, so that it is not sent from here:
        the task may have another owner. Other creates no longer wait for the answer to this one. A job_id that is not
        stored yet is remembered."""
        self._unsent.pop(task_id, None)
        self._account.ended(task_id, accepted=False)

    async def store(
        self, task: Task, job_id: str, write: Callable[[], Awaitable[Task]], *, create: Create | None = None
    ) -> Task:
        """Store with `write` that a create was accepted, the task's last one unless another is given, and try again if
        that fails; without limit while the database is away, because the create is paid. If another worker owns the
        task now, put the create in question as `job_id`, so that the worker can adopt it, and raise StaleTask."""
        try:
            return await self._written(task, job_id, write)
        except StaleTask:
            log.exception(
                "storing accepted create failed: another worker moved the task, which may adopt the job",
                task=task.id,
                job_id=job_id,
            )
            await self._written(task, job_id, partial(self._put_in_question, task, create, job_id))
            raise

    async def _written(self, task: Task, job_id: str, write: Callable[[], Awaitable[Stored]]) -> Stored:
        """Return what `write` returns, which stores something about an accepted create, and try again as `store`
        says."""
        attempt, away = 0, False
        while True:
            try:
                return await write()
            except DatabaseAway:
                if not away:
                    log.warning(
                        "accepted create not stored yet: database away, will retry", task=task.id, job_id=job_id
                    )
                away = True
                await asyncio.sleep(AWAY_SECONDS)
            except StaleTask:
                raise
            except Exception:
                attempt += 1
                log.exception(
                    "storing accepted create failed, will retry", task=task.id, job_id=job_id, attempt=attempt
                )
                if attempt == WRITE_TRIES:
                    raise
                await asyncio.sleep(schedule.backoff(attempt, first=0.2))

    async def _sent(self, task: Task, request: CreateRequest) -> Task:
        try:
            job_id = await self.send(task, request)
        except (Throttled, Unreachable) as error:
            return await self._later(task, error)
        except ServerFault as error:
            return await self._after_fault(task, error)
        except Refused as refused:
            return await self._refused(task, refused)
        except Unconfirmed as error:
            return await self._unconfirmed(task, str(error))
        return await self._taken(task, job_id, with_pictures=bool(request.files))

    async def _unconfirmed(self, task: Task, why: str) -> Task:
        """Settle the task as unconfirmed. Its create may have been accepted and charged, so it is never sent again
        automatically. With callbacks, wait first, because a callback may still show that the create was accepted."""
        now = self._clock()
        since = task.unconfirmed_at if task.unconfirmed_at is not None else now
        until = since + _ms(WORD_WITHIN) if self._callbacks else since
        if self._callbacks and is_doubtful(self._clock):
            until = max(until, now + LOOK_AGAIN_MS)
        if now < until:
            return await self._wait_for_word(task, why, since, until)
        return await self._stores.tasks.settle(
            task, now=now, why=f"unconfirmed: {why}", reason=Reason.UNCONFIRMED, failures=0, **released(now)
        )

    async def _wait_for_word(self, task: Task, why: str, since: int, until: int) -> Task:
        """Make the task due at `until`, or after a back-off if a callback has claimed a record that cannot be read
        yet."""
        if task.claimed_job_id is None:
            log.warning(
                "create unconfirmed, waiting for its callback", task=task.id, why=without_prompt(why, task.prompt)
            )
            return await self._stores.tasks.change(task, unconfirmed_at=since, failures=0, **released(until))
        failures = task.failures + 1
        due = min(until, self._clock() + int(schedule.backoff(failures) * 1000))
        return await self._stores.tasks.change(task, unconfirmed_at=since, failures=failures, **released(due))

    def _can_be_fetched(self, task: Task, references: Sequence[Reference]) -> bool:
        now = self._clock()
        if task.by_upload:
            return all(upload_is_fresh(reference, now) for reference in references)
        return all(link_is_good(reference.url, task.arrived_at, now) for reference in references)

    async def _prepare_again(self, task: Task) -> Task:
        now = self._clock()
        return await self._stores.tasks.move(
            task,
            TaskState.QUEUED,
            now=now,
            why="not sent: the links may have expired",
            by_upload=True,
            prepared_at=None,
            **released(now),
        )

    async def _taken(self, task: Task, job_id: str, *, with_pictures: bool) -> Task:
        """Store that the create was accepted (and charged). The job_id is remembered until it is stored, so that a busy
        database is retried here and at the next claim. `with_pictures` says when to poll first; nothing is read for
        it, because nothing may fail before the job_id is stored."""
        now = self._clock()
        later = now + int(schedule.next_poll(0, self._durations.of(task.model, with_pictures=with_pictures)) * 1000)
        self._taken_as[task.id] = job_id

        async def write() -> Task:
            return await self._stores.tasks.move(
                task,
                TaskState.GENERATING,
                now=now,
                why=f"accepted as {job_id}",
                job_id=job_id,
                generating_at=now,
                failures=0,
                **released(later),
            )

        try:
            written = await self.store(task, job_id, write)
        except StaleTask:
            del self._taken_as[task.id]
            raise
        del self._taken_as[task.id]
        return written

    async def _put_in_question(self, task: Task, create: Create | None, job_id: str) -> None:
        """Record the job_id as claimed, for the create or else the task's first one, so that the worker that now owns
        the task can adopt it. Do nothing if the create was answered."""
        unanswered = create or await self._stores.creates.first_unanswered(task)
        if unanswered is not None:
            await self._stores.creates.put_in_question(
                unanswered, job_id=job_id, reason=Reason.UNCONFIRMED, now=self._clock()
            )

    async def _later(self, task: Task, error: Throttled | Unreachable) -> Task:
        now = self._clock()
        if now - task.created_at >= _ms(GIVE_UP_AFTER) and not is_doubtful(self._clock):
            reason = Reason.SERVICE_UNREACHABLE if isinstance(error, Unreachable) else Reason.SERVICE_FAULT
            return await self._end(task, reason, str(error))
        wait = schedule.backoff(task.failures + 1)
        if isinstance(error, Throttled) and error.retry_after is not None:
            wait = max(wait, error.retry_after.total_seconds())
        queued = await self._back(task, error, wait, failures=task.failures + 1)
        if isinstance(error, Throttled):
            await self.pause(error, wait)
        return queued

    async def pause(self, error: Throttled, wait: float) -> None:
        """Begin no create in any process after one was throttled: for as long as the image API asked for, or else as
        long as its task waits (`wait`, seconds), at most `THROTTLED_SECONDS`."""
        asked = error.retry_after.total_seconds() if error.retry_after is not None else None
        seconds = min(wait, THROTTLED_SECONDS) if asked is None else asked
        log.info("creates paused: the image API answered one with 429", seconds=seconds)
        await self._stores.creates.throttled(until=self._clock() + int(seconds * 1000))

    async def _after_fault(self, task: Task, error: ServerFault) -> Task:
        faults = task.faults + 1
        if faults >= FAULTS_ALLOWED:
            return await self._end(task, Reason.SERVICE_FAULT, str(error))
        return await self._back(task, error, schedule.backoff(faults, first=5), faults=faults)

    async def _back(self, task: Task, error: Exception | str, wait: float, **counted: Unpack[Counted]) -> Task:
        """Requeue a task whose create was not accepted. The create may be sent again after `wait` seconds."""
        now = self._clock()
        due = now + int(wait * 1000)
        return await until_back(
            partial(
                self._stores.tasks.move,
                task,
                TaskState.QUEUED,
                now=now,
                why=f"not accepted: {error}",
                **counted,
                **released(due),
            )
        )

    async def _refused(self, task: Task, refused: Refused) -> Task:
        log_refusal(task, refused)
        ended = await self._end(task, refused.reason, str(refused))
        await self._account.refused(refused)
        return ended

    async def _end(self, task: Task, reason: Reason, why: str) -> Task:
        now = self._clock()
        return await until_back(
            partial(
                self._stores.tasks.settle,
                task,
                now=now,
                why=why,
                reason=reason,
                charged=False,
                failures=0,
                **released(now),
            )
        )


async def until_back(write: Callable[[], Awaitable[Stored]]) -> Stored:
    """Return what `write` returns, and try again while the database is away. For what only this process knows: that a
    create was not sent, or was refused. Without that row, the create counts as unconfirmed."""
    while True:
        try:
            return await write()
        except DatabaseAway:
            await asyncio.sleep(AWAY_SECONDS)


def link_is_good(url: str, arrived_at: int, now: int) -> bool:
    """Return whether the image API will still be able to download an attachment from its original URL: the URL is valid
    for `LINK_MARGIN` longer. False also without a URL (the reference exists only as a stored copy), or if the expiry in
    it cannot be read.

    Discord: signed URLs carry their expiry as `ex`, in hexadecimal seconds.
    """
    if not url:
        return False
    try:
        expiry = parse_qs(urlsplit(url).query).get("ex")
        expires_at = int(expiry[0], 16) * 1000 if expiry else arrived_at + _ms(LINK_LIVES)
    except ValueError:
        return False
    return now + _ms(LINK_MARGIN) < expires_at


def log_refusal(task: Task, refused: Refused) -> None:
    """Log a refused create whose cause the operator has to know."""
    if refused.reason is Reason.INVALID_REQUEST:
        unknown_failure(task, str(refused))
    if refused.reason is Reason.MODEL_UNAVAILABLE:
        log.error(
            "create refused: the image API no longer has the model, or one of its fields or values; run `doctor`, "
            "and leave the model out of KIE_MODELS until it is back",
            task=task.id,
            model=task.model,
            error=without_prompt(str(refused), task.prompt),
        )


def request_of(task: Task, references: Sequence[Reference], *, callback_url: str | None = None) -> CreateRequest:
    def address(reference: Reference) -> str:
        return reference.uploaded_url if task.by_upload and reference.uploaded_url else reference.url

    masks = [address(reference) for reference in references if reference.kind is ReferenceKind.MASK]
    several = task.creates_wanted > 1
    return CreateRequest(
        request=replace(task.request, variants=1) if several else task.request,
        form=task.provider,
        files=tuple(address(reference) for reference in references if reference.kind is ReferenceKind.IMAGE),
        mask=masks[0] if masks else None,
        callback_url=callback_url,
    )


def _ms(duration: timedelta) -> int:
    return int(duration.total_seconds() * 1000)
