"""Generating: ask until there is an outcome. Being overdue is not an outcome; news may come from anywhere."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Final, assert_never

import structlog

from bot.engine import schedule
from bot.engine.board import Board
from bot.engine.ports import ImageAPI, Record, RecordStatus
from bot.errors import Reason
from storage.models import Task, TaskState, released
from storage.tasks import TaskStore

LOST_AFTER: Final = timedelta(hours=24)
MISSING_GRACE: Final = timedelta(minutes=10)
"""A record may appear late; a task the image API still does not know after this is lost."""
EMPTY_TRIES: Final = 6
"""A success that names no picture is asked again this often, over a minute: its record may lag."""

log = structlog.get_logger(__name__)


class Watching:
    def __init__(self, *, tasks: TaskStore, api: ImageAPI, board: Board, clock: Callable[[], int]) -> None:
        self._tasks = tasks
        self._api = api
        self._board = board
        self._clock = clock

    async def ask(self, task: Task) -> Task:
        """Raises ServiceError when the question failed; the task is then asked again."""
        if task.kie_id is None:
            raise AssertionError("a generating task has its kie_id")
        return await self.observe(task, await self._api.record(task.kie_id))

    async def observe(self, task: Task, record: Record) -> Task:
        """What the image API says of a task, however we learnt it."""
        match record.status:
            case RecordStatus.RUNNING:
                return await self._running(task, record)
            case RecordStatus.SUCCEEDED:
                return await self._succeeded(task, record)
            case RecordStatus.FAILED:
                return await self._failed(task, record)
            case RecordStatus.MISSING:
                return await self._missing(task, record)
            case unknown:
                assert_never(unknown)

    async def ask_later(self, task: Task) -> Task:
        """The question failed: it costs nothing to ask again, so only the end of all waiting ends the asking."""
        if self._elapsed(task) >= LOST_AFTER:
            return await self._lost(task, "no outcome in 24 hours")
        failures = task.failures + 1
        due = self._clock() + int(schedule.backoff(failures) * 1000)
        return await self._tasks.change(task, failures=failures, **released(due))

    async def _running(self, task: Task, record: Record) -> Task:
        elapsed = self._elapsed(task)
        if elapsed >= LOST_AFTER:
            return await self._lost(task, "no outcome in 24 hours")
        seconds, now = elapsed.total_seconds(), self._clock()
        overdue = task.overdue_told_at
        if overdue is None and seconds >= schedule.OVERDUE_SECONDS:
            overdue = now
        shown = max(task.progress, record.progress, schedule.progress(seconds, self._board.recent))
        due = now + int(schedule.next_poll(seconds, self._board.recent) * 1000)
        return await self._tasks.change(task, progress=shown, overdue_told_at=overdue, failures=0, **released(due))

    async def _succeeded(self, task: Task, record: Record) -> Task:
        now = self._clock()
        if record.urls:
            settled = await self._tasks.settle(
                task, now=now, why="done", reason=None, urls=record.urls, failures=0, **released(now)
            )
            await self._board.learn()
            return settled
        if task.failures + 1 < EMPTY_TRIES:
            return await self.ask_later(task)
        return await self._tasks.settle(
            task, now=now, why="done, without a picture", reason=Reason.NO_PICTURES, failures=0, **released(now)
        )

    async def _failed(self, task: Task, record: Record) -> Task:
        now = self._clock()
        reason = record.reason or Reason.GENERATION_FAILED
        why = f"failed: {record.message}"[:500]
        if reason is Reason.API_REFERENCE_UNFETCHABLE and not task.by_upload:
            return await self._tasks.move(
                task,
                TaskState.QUEUED,
                now=now,
                why=f"{why}; once more by upload (was {task.kie_id})",
                by_upload=True,
                prepared_at=None,
                kie_id=None,
                generating_at=None,
                overdue_told_at=None,
                progress=0.0,
                failures=0,
                **released(now),
            )
        return await self._tasks.settle(
            task, now=now, why=why, reason=reason, charged=False, failures=0, **released(now)
        )

    async def _missing(self, task: Task, record: Record) -> Task:
        if self._elapsed(task) >= MISSING_GRACE:
            return await self._lost(task, f"the image API does not know it: {record.message}")
        return await self._running(task, record)

    async def _lost(self, task: Task, why: str) -> Task:
        now = self._clock()
        return await self._tasks.settle(task, now=now, why=why, reason=Reason.LOST, failures=0, **released(now))

    def _elapsed(self, task: Task) -> timedelta:
        since = task.generating_at if task.generating_at is not None else task.created_at
        return timedelta(milliseconds=self._clock() - since)
