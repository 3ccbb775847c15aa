"""Poll the image API for generating tasks until there is an outcome. An overdue task is polled on, for up to a day.
Records from polls and from callbacks are handled in the same way."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from typing import Final, assert_never

import structlog

from bot.engine.cards.progress import ProgressCards
from bot.engine.clock import is_doubtful
from bot.engine.lifecycle.unknown_failures import unknown_failure
from bot.engine.policy import LEASE_MS
from bot.engine.ports import ImageAPI, Record, RecordStatus
from bot.engine.timing import schedule
from bot.engine.timing.callback_reliability import CallbackReliability
from bot.errors import Reason
from storage.models import Task, TaskState, kept, released
from storage.stores import Stores

LOST_AFTER: Final = timedelta(hours=24)
EMPTY_TRIES: Final = 6
"""Number of polls, over about a minute, that report a success without a picture before the task fails: the API's record
may lag."""

log = structlog.get_logger(__name__)


class Polling:
    def __init__(
        self,
        *,
        stores: Stores,
        api: ImageAPI,
        cards: ProgressCards,
        reliability: CallbackReliability,
        goes_on: Callable[[Task], bool],
        clock: Callable[[], int],
    ) -> None:
        """`goes_on`: whether the worker that polled a task delivers its outcome now."""
        self._goes_on = goes_on
        self._stores = stores
        self._api = api
        self._cards = cards
        self._reliability = reliability
        self._clock = clock
        self._empty: Counter[str] = Counter()
        """Number of polls that reported a success without a picture, by task."""

    async def ask(self, task: Task) -> Task:
        """Poll a task. Raises ServiceError if the poll failed; the caller then calls `ask_later`."""
        if task.job_id is None:
            raise AssertionError("a generating task has its job_id")
        return await self.observe(task, await self._api.record(task.job_id, task.provider))

    async def observe(self, task: Task, record: Record) -> Task:
        """Apply a record of the image API to a task, whether it came from a poll or a callback."""
        match record.status:
            case RecordStatus.RUNNING:
                return await self._running(task, record)
            case RecordStatus.SUCCEEDED:
                return await self._succeeded(task, record)
            case RecordStatus.FAILED:
                return await self._failed(task, record)
            case RecordStatus.MISSING:
                return await self.ask_later(task)
            case unknown:
                assert_never(unknown)

    async def ask_later(self, task: Task) -> Task:
        """Poll again later, with a back-off, because there was no usable record. Polls cost nothing, so the task
        counts as lost only after `LOST_AFTER`.

        This includes a task that the image API does not know (yet), because a paid task may still appear.
        """
        elapsed = await self._elapsed(task)
        if elapsed >= LOST_AFTER and not is_doubtful(self._clock):
            return await self._lost(task, "no outcome in 24 hours")
        failures, now = task.failures + 1, self._clock()
        due = now + int(schedule.backoff(failures) * 1000)
        overdue = self._overdue(task, elapsed)
        return await self._stores.polls.store(
            task, failures=failures, progress=task.progress, overdue_notified_at=overdue, due_at=due
        )

    async def _running(self, task: Task, record: Record) -> Task:
        elapsed = await self._elapsed(task)
        if elapsed >= LOST_AFTER and not is_doubtful(self._clock):
            return await self._lost(task, "no outcome in 24 hours")
        seconds, now = elapsed.total_seconds(), self._clock()
        durations = await self._cards.durations.of_task(task)
        shown = max(task.progress, record.progress, schedule.progress(seconds, durations))
        wait = schedule.next_poll(seconds, durations, poll_cost=await self._reliability.poll_cost())
        due = now + int(wait * 1000)
        overdue = self._overdue(task, elapsed)
        return await self._stores.polls.store(task, failures=0, progress=shown, overdue_notified_at=overdue, due_at=due)

    async def _succeeded(self, task: Task, record: Record) -> Task:
        now = self._clock()
        if record.urls:
            self._empty.pop(task.id, None)
            settled = await self._stores.tasks.settle(
                task,
                now=now,
                why="done",
                reason=None,
                urls=record.urls,
                consumed_credits=record.credits,
                failures=0,
                **(kept(now, until=now + LEASE_MS) if task.owner and self._goes_on(task) else released(now)),
            )
            await self._cards.durations.succeeded(settled)
            return settled
        self._empty[task.id] += 1
        if self._empty[task.id] < EMPTY_TRIES:
            return await self.ask_later(task)
        del self._empty[task.id]
        return await self._stores.tasks.settle(
            task, now=now, why="done, without a picture", reason=Reason.NO_PICTURES, failures=0, **released(now)
        )

    async def _failed(self, task: Task, record: Record) -> Task:
        now = self._clock()
        if record.reason is None:
            unknown_failure(task, record.message)
        reason = record.reason or Reason.GENERATION_FAILED
        why = f"failed: {record.message}"[:500]
        if reason is Reason.API_REFERENCE_UNFETCHABLE and (again := await self.again_by_upload(task, why)):
            return again
        return await self._stores.tasks.settle(
            task, now=now, why=why, reason=reason, charged=False, failures=0, **released(now)
        )

    async def again_by_upload(self, task: Task, why: str) -> Task | None:
        """Queue a task whose input pictures the image API could not download, so that they are uploaded for another
        create. Return None, and do nothing, if they were uploaded already, or if the task was restored from a backup:
        the other create may have been made since."""
        if task.by_upload or task.backed_up_at is not None or not await self._stores.references.of_task(task.id):
            return None
        now = self._clock()
        return await self._stores.tasks.move(
            task,
            TaskState.QUEUED,
            now=now,
            why=f"{why}; sent again by upload (was {task.job_id})",
            by_upload=True,
            prepared_at=None,
            job_id=None,
            generating_at=None,
            overdue_notified_at=None,
            progress=0.0,
            failures=0,
            **released(now),
        )

    async def _lost(self, task: Task, why: str) -> Task:
        now = self._clock()
        return await self._stores.tasks.settle(task, now=now, why=why, reason=Reason.LOST, failures=0, **released(now))

    def _overdue(self, task: Task, elapsed: timedelta) -> int | None:
        """Return the time (ms) at which the task was first seen to be overdue, or None."""
        late = elapsed.total_seconds() >= schedule.OVERDUE_SECONDS and not is_doubtful(self._clock)
        return self._clock() if late and task.overdue_notified_at is None else task.overdue_notified_at

    async def _elapsed(self, task: Task) -> timedelta:
        """Return the time since the image API accepted the create. If that time is unknown, count from the adoption of
        the task, however old the request is."""
        since = task.generating_at if task.generating_at is not None else await self._adopted_at(task)
        return timedelta(milliseconds=self._clock() - since)

    async def _adopted_at(self, task: Task) -> int:
        times = [event.at for event in await self._stores.tasks.events(task.id) if event.after is TaskState.GENERATING]
        return max(times, default=task.created_at)
