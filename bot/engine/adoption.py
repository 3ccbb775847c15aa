"""
What callbacks bring: news of a task sooner than a poll would, and of a create whose answer was lost that it was taken.

Such a task is adopted, also after its asker was told that nobody knows: it goes on `generating`, and its outcome is
told like any other. A callback is believed in nothing but the id, and in that only when the record under it is of our
request. Until then the id waits in the row, so that no step of this is lost with the process.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Final

import structlog

from bot.engine import schedule
from bot.engine.clock import Clock, is_doubtful
from bot.engine.creation import request_of
from bot.engine.ports import CreateRequest, ImageAPI, Record, RecordStatus
from bot.engine.watching import Watching
from bot.errors import Reason, ServiceError
from storage.models import Create, Task, TaskState, released
from storage.tasks import TaskStore

ADOPTED_WITHIN: Final = timedelta(hours=24)
"""Of the create."""

REPEATED_WITHIN_MS: Final = 1000
"""A callback repeated so soon says nothing new; the image API may be asked three times a second about a task."""

log = structlog.get_logger(__name__)


class Adoption:
    def __init__(self, *, tasks: TaskStore, api: ImageAPI, watching: Watching, clock: Callable[[], int]) -> None:
        self._tasks = tasks
        self._api = api
        self._watching = watching
        self._clock = clock
        self._heard: dict[str, int] = {}
        """Of which tasks there was news in the last moment."""

    async def called_back(self, token: str, kie_id: str) -> bool:
        """Write down what a callback says, for whoever works on the task. False for a token that no create has."""
        create = await self._tasks.create_of(token)
        if create is None:
            return False
        await self._tasks.called_back(create, now=self._clock())
        if not await self._is_doubtful(create, kie_id) and not await self._is_known(token, kie_id):
            log.warning("a callback that fits no create in doubt", task=create.task_id, kie_id=kie_id)
        return True

    async def adopted(self, task: Task) -> Task | None:
        """The task where its record has brought it; None while nothing shows that the claimed id is its own.

        It has no `generating_at` then: how long it took is not known.
        """
        if task.claimed_kie_id is None or (record := await self._record(task.claimed_kie_id)) is None:
            return None
        request = request_of(task, await self._tasks.references(task.id))
        if not is_of(request, record):
            log.error("a callback names a record of another request", task=task.id, kie_id=task.claimed_kie_id)
            await self._tasks.change(task, claimed_kie_id=None)
            return None
        adopted = await self._tasks.move(
            task,
            TaskState.GENERATING,
            now=self._clock(),
            why=f"adopted: called back as {task.claimed_kie_id}",
            kie_id=task.claimed_kie_id,
            failures=0,
        )
        return await self._watching.observe(adopted, record)

    async def look_later(self, task: Task) -> Task:
        """A closed task whose record cannot be read yet; in the end it is left as it is."""
        create, now = await self._tasks.last_create(task.id), self._clock()
        if create is None or _is_too_late(create, self._clock):
            log.error("what a callback named was never found", task=task.id, kie_id=task.claimed_kie_id)
            return await self._tasks.change(task, claimed_kie_id=None, **released(now))
        failures = task.failures + 1
        due = now + int(schedule.backoff(failures) * 1000)
        return await self._tasks.change(task, failures=failures, **released(due))

    async def _is_doubtful(self, create: Create, kie_id: str) -> bool:
        now = self._clock()
        if create.kie_id is not None or _is_too_late(create, self._clock):
            return False
        return await self._tasks.put_in_question(create, kie_id=kie_id, reason=Reason.UNCONFIRMED, now=now)

    async def _is_known(self, token: str, kie_id: str) -> bool:
        """Read again: its answer may have come just now."""
        create = await self._tasks.create_of(token)
        if create is None or create.kie_id != kie_id:
            return False
        now = self._clock()
        if now - self._heard.get(kie_id, 0) >= REPEATED_WITHIN_MS:
            await self._tasks.news(kie_id, now=now)
            self._heard = {one: at for one, at in self._heard.items() if now - at < REPEATED_WITHIN_MS} | {kie_id: now}
        return True

    async def _record(self, kie_id: str) -> Record | None:
        """None while it cannot be read."""
        try:
            record = await self._api.record(kie_id)
        except ServiceError as error:
            log.debug("the record of a callback could not be read", kie_id=kie_id, error=str(error))
            return None
        return None if record.status is RecordStatus.MISSING or record.prompt is None else record


def is_of(request: CreateRequest, record: Record) -> bool:
    """Whether a record is of this request: of the same words or, where there are none, of the same pictures."""
    words = _words(request.prompt)
    if words != _words(record.prompt or ""):
        return False
    return bool(words) or {_place(url) for url in request.files} == {_place(url) for url in record.files}


def _words(text: str) -> str:
    """Without what may get lost on the way: spaces, and letters that show nothing."""
    return "".join(letter for letter in text if letter.isprintable() and not letter.isspace())


def _place(url: str) -> str:
    """Without its signature."""
    return url.partition("?")[0]


def _is_too_late(create: Create, clock: Clock) -> bool:
    return clock() - create.at >= int(ADOPTED_WITHIN.total_seconds() * 1000) and not is_doubtful(clock)
