"""
Advance generating tasks that want several creates, because their model makes one picture per create.

The first create is that of any task. The further ones begin in fair order while the task is generating; each is stored
before it is sent, and sent once. The end of each create is stored in its row. Once no create waits for its end and none
is to begin, the task is settled with the pictures that came.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Final, assert_never

import structlog

from bot.engine.availability.account import AccountMonitor
from bot.engine.cards.progress import ProgressCards
from bot.engine.clock import is_doubtful
from bot.engine.lifecycle.claimed_jobs import claimed_record, is_of
from bot.engine.lifecycle.polling import EMPTY_TRIES, LOST_AFTER, Polling
from bot.engine.lifecycle.submission import (
    FAULTS_ALLOWED,
    LOOK_AGAIN_MS,
    WORD_WITHIN,
    Submission,
    log_refusal,
    request_of,
    until_back,
)
from bot.engine.lifecycle.unknown_failures import unknown_failure, without_prompt
from bot.engine.policy import GIVE_UP_AFTER
from bot.engine.ports import CreateRequest, ImageAPI, Record, RecordStatus
from bot.engine.timing import schedule
from bot.engine.timing.callback_reliability import CallbackReliability
from bot.engine.timing.schedule import Durations
from bot.errors import AccountRefused, Reason, Refused, ServerFault, ServiceError, Throttled, Unconfirmed, Unreachable
from storage.models import Create, CreateChanges, CreateState, Task, released
from storage.stores import Stores
from storage.transitions import StaleTask

LEAST_BETWEEN_POLLS_MS: Final = 1000
"""ms. Shortest interval between two polls of one job, except after its own callback: a callback for another job of the
task also makes the task due. API: 3 polls per second and job."""
LOOK_SECONDS: Final = 60.0
"""Pause between two looks at a task that waits only for its further creates to begin."""
WAIT_FOR_MORE_MS: Final = 15 * 60_000
"""ms. How long finished pictures wait for creates that the image API does not accept."""
MAY_HAVE_COST: Final = frozenset({Reason.LOST, Reason.NO_PICTURES})
"""Reasons of failed creates that may have cost credits all the same."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Answer:
    """What the answer to a create means."""

    create: CreateChanges
    next_at: int | None
    """When (ms) the next create of the task may begin; None: there is none."""
    refused: Refused | None = None
    throttled: Throttled | None = None

    @property
    def accepted(self) -> bool:
        return self.create.get("state") is CreateState.TAKEN


@dataclass(slots=True, kw_only=True)
class _Look:
    """What a look at the creates of a task has found."""

    durations: Durations
    """How long pictures of the model take."""
    poll_cost: float
    changes: dict[int, CreateChanges] = field(default_factory=dict)
    """By id of the create."""
    running: float = 0.0
    """Sum of the progress (0 to 1) of the running jobs."""
    waits: list[float] = field(default_factory=list)
    """Seconds until each of the creates without an end wants another look."""
    failed: bool = False
    """Whether a poll got no usable answer."""
    refused: AccountRefused | None = None


class SeveralCreates:
    def __init__(
        self,
        *,
        stores: Stores,
        api: ImageAPI,
        account: AccountMonitor,
        cards: ProgressCards,
        submission: Submission,
        polling: Polling,
        reliability: CallbackReliability,
        callbacks: bool,
        clock: Callable[[], int],
    ) -> None:
        self._stores = stores
        self._api = api
        self._account = account
        self._cards = cards
        self._submission = submission
        self._polling = polling
        self._reliability = reliability
        self._callbacks = callbacks
        self._clock = clock
        self._taken_as: dict[int, str] = {}
        """The job_id of each accepted (charged) create that is not stored yet, by id of the create."""
        self._asked: dict[str, int] = {}
        """Time (ms) of the last poll of each running job, by job_id."""
        self._empty: Counter[str] = Counter()
        """Number of polls that reported a success without a picture, by job_id."""

    async def advance(self, task: Task) -> Task:
        """Send the create that has begun here; or else look at all creates of the task, and settle it if all have
        ended. Raises StaleTask, and what the database raises."""
        creates = await self._stores.creates.of_task(task.id)
        if self._submission.is_unsent(task):
            return await self._send(task, creates)
        durations = await self._cards.durations.of_task(task)
        look = _Look(durations=durations, poll_cost=await self._reliability.poll_cost())
        for found in await asyncio.gather(
            *[self._look_at(task, create, look) for create in creates], return_exceptions=True
        ):
            if isinstance(found, BaseException):
                raise found
        if look.changes:
            task = await self._stores.creates.change(task, look.changes)
            creates = tuple(replace(create, **look.changes.get(create.id, {})) for create in creates)
            for create_id in look.changes:
                self._taken_as.pop(create_id, None)
        if look.refused is not None:
            await self._account.refused(look.refused)
        if look.waits or look.failed or self._wants_more(task, creates):
            return await self._release(task, creates, look)
        begun = [create for create in creates if create.state is not CreateState.REFUSED]
        if begun and all(create.reason == Reason.API_REFERENCE_UNFETCHABLE for create in begun):
            again = await self._polling.again_by_upload(task, "no create could download the input pictures")
            if again is not None:
                return again
        return await self._settle(task, creates)

    async def later(self, task: Task) -> Task:
        """Release the task after a failed step. A create that has begun here and was not sent is replaced by another;
        one that may have been sent is not sent again. Raises StaleTask."""
        failures, now = task.failures + 1, self._clock()
        due = now + int(schedule.backoff(failures) * 1000)
        if not self._submission.is_unsent(task):
            return await self._stores.tasks.change(task, failures=failures, **released(due))

        async def replace_unsent() -> Task:
            unsent = (await self._stores.creates.of_task(task.id))[-1]
            refused: CreateChanges = {"state": CreateState.REFUSED, "ended_at": now, "answered_at": now}
            return await self._stores.creates.change(
                task, {unsent.id: refused}, next_create_at=due, failures=failures, **released(due)
            )

        return await until_back(replace_unsent)

    async def add_late(self, task: Task) -> Task | None:
        """
        Look at the job that a callback claims for an unconfirmed create of a task that was settled with the pictures of
        its other creates. Once it has ended, its pictures are added to the messages of the result. A claim of another
        request's job is dropped. Return None if the record cannot be read, or the job still runs. Raises StaleTask.
        """
        create, now = await self._stores.creates.in_question(task), self._clock()
        if create is None or create.claimed_job_id is None:
            return await self._stores.creates.reject_claim(task, **released(now))
        record = await claimed_record(self._api, create.claimed_job_id, create.provider)
        if record is None:
            return None
        if not await self._is_of(task, create.claimed_job_id, record):
            return await self._stores.creates.reject_claim(task, **released(now))
        durations = await self._cards.durations.of_task(task)
        look = _Look(durations=durations, poll_cost=schedule.POLL_COST_SECONDS)
        self._apply(task, create, create.claimed_job_id, record, look)
        if create.id not in look.changes:
            return None
        ended: CreateChanges = {**look.changes[create.id], "job_id": create.claimed_job_id, "claimed_job_id": None}
        urls = ended.get("urls", ()) if task.removed_at is None else ()
        why = f"create {create.number + 1} adopted late: called back as {create.claimed_job_id}"
        return await self._stores.creates.add_late(task, create, urls, now=now, why=why, ended=ended)

    # -- further creates -----------------------------------------------------------------------------------------
    async def _send(self, task: Task, creates: Sequence[Create]) -> Task:
        """Send the newest create of the task, and store its answer with the time of the next one. Other creates are
        looked at in another step, which is not put off by this one."""
        create, accepted = creates[-1], False
        request = await self._submission.request(task, await self._stores.references.of_task(task.id))
        try:
            answer = await self._answer(task, creates, request)
            accepted = answer.accepted
            now = self._clock()
            answer.create["answered_at"] = now
            with_pictures = bool(request and request.files)
            durations = self._cards.durations.of(task.model, with_pictures=with_pictures)
            first_poll = now + int(schedule.next_poll(0, durations) * 1000)
            due = min(task.due_at, first_poll) if accepted else now
            sent = await self._store(task, create, answer, due)
        finally:
            self._submission.sent(task, accepted=accepted)
        if answer.refused is not None:
            await self._account.refused(answer.refused)
        if answer.throttled is not None and answer.next_at is not None:
            await self._submission.pause(answer.throttled, (answer.next_at - now) / 1000)
        return sent

    async def _store(self, task: Task, create: Create, answer: _Answer, due: int) -> Task:
        async def write() -> Task:
            return await self._stores.creates.change(
                task, {create.id: answer.create}, next_create_at=answer.next_at, failures=0, **released(due)
            )

        job_id = answer.create.get("job_id")
        if job_id is None:
            return await until_back(write)
        self._taken_as[create.id] = job_id
        try:
            stored = await self._submission.store(task, job_id, write, create=create)
        except StaleTask:
            del self._taken_as[create.id]
            raise
        del self._taken_as[create.id]
        return stored

    async def _answer(self, task: Task, creates: Sequence[Create], request: CreateRequest | None) -> _Answer:
        """Send a further create and return what its answer means. Nothing is sent without a `request`: the addresses
        of the input pictures have expired."""
        following = self._clock() if _not_begun(task, creates) else None
        if request is None:
            return _Answer(create=self._failed(Reason.API_REFERENCE_UNFETCHABLE), next_at=following)
        try:
            job_id = await self._submission.send(task, request)
        except (Throttled, Unreachable, ServerFault) as error:
            return self._not_accepted(task, creates, error, following)
        except Refused as refused:
            log_refusal(task, refused)
            return _Answer(create=self._failed(refused.reason), next_at=following, refused=refused)
        except Unconfirmed as error:
            log.warning("further create unconfirmed", task=task.id, why=without_prompt(str(error), task.prompt))
            return _Answer(create={"state": CreateState.UNCONFIRMED}, next_at=following)
        return _Answer(create=_taken(job_id), next_at=following)

    def _not_accepted(
        self,
        task: Task,
        creates: Sequence[Create],
        error: Throttled | Unreachable | ServerFault,
        following: int | None,
    ) -> _Answer:
        """Let another create take the place of one that was not accepted, after a back-off; or fail the create if there
        were too many faults, or the task is a day old."""
        now, number, is_fault = self._clock(), creates[-1].number, isinstance(error, ServerFault)
        refused = [create for create in creates if create.number == number and create.state is CreateState.REFUSED]
        faults = sum(create.reason is not None for create in refused) + is_fault
        if faults >= FAULTS_ALLOWED or self._is_too_old(task):
            unreachable = isinstance(error, Unreachable)
            reason = Reason.SERVICE_UNREACHABLE if unreachable else Reason.SERVICE_FAULT
            return _Answer(create=self._failed(reason), next_at=following)
        wait = schedule.backoff(faults, first=5) if is_fault else schedule.backoff(len(refused) + 1)
        if isinstance(error, Throttled) and error.retry_after is not None:
            wait = max(wait, error.retry_after.total_seconds())
        words = without_prompt(str(error), task.prompt)
        log.debug("further create not accepted, another one follows", task=task.id, error=words)
        reason_of_fault = Reason.SERVICE_FAULT.value if is_fault else None
        again: CreateChanges = {"state": CreateState.REFUSED, "reason": reason_of_fault, "ended_at": now}
        throttled = error if isinstance(error, Throttled) else None
        return _Answer(create=again, next_at=now + int(wait * 1000), throttled=throttled)

    # -- jobs ----------------------------------------------------------------------------------------------------
    async def _look_at(self, task: Task, create: Create, look: _Look) -> None:
        match create.state:
            case CreateState.TAKEN if create.job_id is not None:
                await self._poll(task, create, create.job_id, look)
            case CreateState.SENT | CreateState.UNCONFIRMED:
                await self._look_at_unanswered(task, create, look)
            case _:
                pass

    async def _poll(self, task: Task, create: Create, job_id: str, look: _Look) -> None:
        now, asked = self._clock(), self._asked.get(job_id)
        least = self._least_wait_ms(job_id)
        if asked is not None and now - asked < least and (create.called_back_at or 0) < asked:
            look.waits.append((asked + least - now) / 1000)
            return
        self._asked[job_id] = now
        try:
            record = await self._api.record(job_id, create.provider)
        except AccountRefused as error:
            look.refused = error
        except ServiceError as error:
            log.debug("poll failed, will retry", task=task.id, job_id=job_id, error=str(error))
        except Exception:
            log.exception("poll failed: unexpected error, will retry", task=task.id, job_id=job_id)
        else:
            self._apply(task, create, job_id, record, look)
            return
        self._no_record(create, job_id, look)

    def _least_wait_ms(self, job_id: str) -> int:
        """Return how long (ms) to wait at least between two polls of a job. After a success without a picture, the wait
        grows, because the record may lag, and the task is due more often for its other jobs."""
        empty = self._empty[job_id]
        return int(schedule.backoff(empty) * 1000) if empty else LEAST_BETWEEN_POLLS_MS

    def _apply(self, task: Task, create: Create, job_id: str, record: Record, look: _Look) -> None:
        """Apply a record of the image API to the create with this job, whether it came from a poll or a callback."""
        match record.status:
            case RecordStatus.MISSING:
                self._no_record(create, job_id, look)
            case RecordStatus.RUNNING if self._is_lost(create):
                self._end(create, job_id, self._failed(Reason.LOST), look)
            case RecordStatus.RUNNING:
                look.running += record.progress
                elapsed = (self._clock() - create.at) / 1000
                look.waits.append(schedule.next_poll(elapsed, look.durations, poll_cost=look.poll_cost))
            case RecordStatus.SUCCEEDED if record.urls:
                done: CreateChanges = {"state": CreateState.DONE, "urls": record.urls, "ended_at": self._clock()}
                self._end(create, job_id, {**done, "consumed_credits": record.credits}, look)
            case RecordStatus.SUCCEEDED:
                self._empty[job_id] += 1
                if self._empty[job_id] >= EMPTY_TRIES:
                    self._end(create, job_id, self._failed(Reason.NO_PICTURES), look)
                else:
                    look.failed = True
            case RecordStatus.FAILED:
                if record.reason is None:
                    unknown_failure(task, record.message)
                self._end(create, job_id, self._failed(record.reason or Reason.GENERATION_FAILED), look)
            case unknown:
                assert_never(unknown)

    def _no_record(self, create: Create, job_id: str, look: _Look) -> None:
        if self._is_lost(create):
            self._end(create, job_id, self._failed(Reason.LOST), look)
        else:
            look.failed = True

    def _end(self, create: Create, job_id: str, ended: CreateChanges, look: _Look) -> None:
        self._asked.pop(job_id, None)
        self._empty.pop(job_id, None)
        look.changes[create.id] = {**look.changes.get(create.id, {}), **ended}

    async def _look_at_unanswered(self, task: Task, create: Create, look: _Look) -> None:
        """Look at a create of which it is unknown whether it was accepted: a callback, or an answer that could not be
        stored, may say so. A create that was begun by a process that has ended becomes unconfirmed."""
        now = self._clock()
        if (job_id := self._taken_as.get(create.id)) is not None:
            look.changes[create.id] = {**_taken(job_id), "answered_at": now}
            look.waits.append(schedule.next_poll(0, look.durations))
            return
        if create.state is CreateState.SENT:
            log.warning("further create unconfirmed: the process ended before its answer was stored", task=task.id)
            look.changes[create.id] = {"state": CreateState.UNCONFIRMED, "answered_at": now}
        claimed, record = create.claimed_job_id, None
        if claimed is not None:
            record = await claimed_record(self._api, claimed, create.provider)
            if record is not None and await self._adopt(task, create, claimed, record, look):
                return
        now, until = self._clock(), create.at + WORD_WITHIN // timedelta(milliseconds=1)
        if self._callbacks and is_doubtful(self._clock):
            until = max(until, now + LOOK_AGAIN_MS)
        if not self._callbacks or now >= until:
            return
        look.waits.append((until - now) / 1000)
        look.failed |= claimed is not None and record is None

    async def _adopt(self, task: Task, create: Create, job_id: str, record: Record, look: _Look) -> bool:
        """Adopt the job that a callback claims for a create, if its record matches the request, else drop the claim.
        Return whether it does."""
        if not await self._is_of(task, job_id, record):
            doubted = look.changes.get(create.id, {})
            look.changes[create.id] = {**doubted, "state": CreateState.UNCONFIRMED, "claimed_job_id": None}
            return False
        log.info("create adopted: called back", task=task.id, job_id=job_id)
        look.changes[create.id] = {**look.changes.get(create.id, {}), **_taken(job_id)}
        self._apply(task, create, job_id, record, look)
        return True

    async def _is_of(self, task: Task, job_id: str, record: Record) -> bool:
        request = request_of(task, await self._stores.references.of_task(task.id))
        return is_of(request, record, task_id=task.id, job_id=job_id)

    # -- the end of the step -------------------------------------------------------------------------------------
    def _wants_more(self, task: Task, creates: Sequence[Create]) -> bool:
        """Return whether a further create is to begin: not once the asker does not want the result posted, and not
        while creates are paused for the account or were not accepted for `WAIT_FOR_MORE_MS`, because the pictures that
        came are not to wait for that."""
        is_wanted = task.next_create_at is not None and task.withheld_at is None and task.removed_at is None
        may_begin = self._account.paused is None and not self._is_too_old(task)
        return is_wanted and may_begin and not self._waited_long(creates) and bool(_not_begun(task, creates))

    def _waited_long(self, creates: Sequence[Create]) -> bool:
        """Return whether pictures came `WAIT_FOR_MORE_MS` ago, and the last create was not accepted."""
        came = [create.ended_at for create in _in_state(creates, CreateState.DONE) if create.ended_at is not None]
        is_refused = creates[-1].state is CreateState.REFUSED
        return bool(came) and is_refused and self._clock() - max(came) >= WAIT_FOR_MORE_MS

    async def _release(self, task: Task, creates: Sequence[Create], look: _Look) -> Task:
        now = self._clock()
        failures = task.failures + 1 if look.failed else 0
        waits = [*look.waits, *([schedule.backoff(failures)] if failures else [])]
        due = now + int(min(waits, default=LOOK_SECONDS) * 1000)
        ended = sum(create.ended_at is not None and create.state is not CreateState.REFUSED for create in creates)
        progress = (ended + look.running) / task.creates_wanted
        return await self._stores.tasks.change(
            task,
            progress=max(task.progress, progress),
            overdue_notified_at=self._overdue(task, creates),
            failures=failures,
            **released(due),
        )

    async def _settle(self, task: Task, creates: Sequence[Create]) -> Task:
        """Settle the task with the pictures that came, in the order of their creates, or with the reason why none
        came."""
        now, made = self._clock(), sorted(_in_state(creates, CreateState.DONE), key=lambda create: create.number)
        urls = [url for create in made for url in create.urls]
        costs = [create.consumed_credits for create in made]
        known = [cost for cost in costs if cost is not None]
        claims = [create.claimed_job_id for create in _in_state(creates, CreateState.UNCONFIRMED)]
        settled = await self._stores.tasks.settle(
            task,
            now=now,
            why=f"{len(made)} of {task.creates_wanted} creates made pictures",
            reason=None if urls else _reason(creates),
            urls=urls,
            charged=any(_may_have_cost(create) for create in creates),
            consumed_credits=sum(known) if known and len(known) == len(costs) else None,
            claimed_job_id=next((claim for claim in claims if claim is not None), None),
            failures=0,
            **released(now),
        )
        if urls:
            await self._cards.durations.succeeded(settled)
        return settled

    def _failed(self, reason: Reason) -> CreateChanges:
        return {"state": CreateState.FAILED, "reason": reason.value, "ended_at": self._clock()}

    def _is_lost(self, create: Create) -> bool:
        return self._clock() - create.at >= LOST_AFTER // timedelta(milliseconds=1) and not is_doubtful(self._clock)

    def _is_too_old(self, task: Task) -> bool:
        age = self._clock() - task.created_at
        return age >= GIVE_UP_AFTER // timedelta(milliseconds=1) and not is_doubtful(self._clock)

    def _overdue(self, task: Task, creates: Sequence[Create]) -> int | None:
        """Return the time (ms) at which the task was first seen to be overdue, or None."""
        now = self._clock()
        oldest = min((create.at for create in _in_state(creates, CreateState.TAKEN)), default=now)
        late = now - oldest >= schedule.OVERDUE_SECONDS * 1000 and not is_doubtful(self._clock)
        return now if late and task.overdue_notified_at is None else task.overdue_notified_at


def _taken(job_id: str) -> CreateChanges:
    return {"state": CreateState.TAKEN, "job_id": job_id, "claimed_job_id": None}


def _in_state(creates: Sequence[Create], state: CreateState) -> list[Create]:
    return [create for create in creates if create.state is state]


def _not_begun(task: Task, creates: Sequence[Create]) -> int:
    """Return how many of the creates that the task wants have not begun, or were refused."""
    begun = {create.number for create in creates if create.state is not CreateState.REFUSED}
    return task.creates_wanted - len(begun)


def _may_have_cost(create: Create) -> bool:
    return create.state in {CreateState.DONE, CreateState.UNCONFIRMED} or create.reason in MAY_HAVE_COST


def _reason(creates: Sequence[Create]) -> Reason:
    """Return why no create made a picture: if one of them may have cost credits, that; else the most frequent reason,
    the earliest of several."""
    if _in_state(creates, CreateState.UNCONFIRMED):
        return Reason.UNCONFIRMED
    reasons = [Reason(create.reason) for create in _in_state(creates, CreateState.FAILED) if create.reason is not None]
    costly = [reason for reason in reasons if reason in MAY_HAVE_COST]
    counted: Mapping[Reason, int] = Counter(costly or reasons)
    return max(counted, key=lambda reason: counted[reason], default=Reason.GENERATION_FAILED)
