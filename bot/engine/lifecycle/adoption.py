"""
Handle callbacks: take an outcome sooner than a poll would, and recover creates whose answer was lost.

A task whose lost create turns out to have been accepted is adopted, even if its asker has already got the message that
the create is unconfirmed: the task becomes `generating`, and its outcome is delivered like any other. Only the id in a
callback is used, and only if the record under that id matches the bot's request. Until the record was checked, the id
is stored in the task's row (`claimed_job_id`), so that a crash loses no step. If the task wants several creates, the
id is also stored in the row of the create; `several_creates.py` adopts the further ones.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Final

import structlog

from bot.engine.clock import Clock, is_doubtful
from bot.engine.lifecycle.claimed_jobs import claimed_record, is_of
from bot.engine.lifecycle.polling import Polling
from bot.engine.lifecycle.several_creates import SeveralCreates
from bot.engine.lifecycle.submission import request_of
from bot.engine.ports import ImageAPI
from bot.engine.timing import schedule
from bot.errors import Reason
from storage.creates import CalledBack
from storage.models import Create, Task, TaskState, released
from storage.stores import Stores

ADOPTED_WITHIN: Final = timedelta(hours=24)
"""Age of a create up to which a callback may still lead to an adoption."""

REPEATED_WITHIN_MS: Final = 1000
"""ms. Shortest interval at which callbacks for one job make its task due, since each causes a poll. API: a job may be
polled three times a second."""

log = structlog.get_logger(__name__)


class Adoption:
    def __init__(
        self,
        *,
        stores: Stores,
        api: ImageAPI,
        polling: Polling,
        several: SeveralCreates,
        clock: Callable[[], int],
    ) -> None:
        self._stores = stores
        self._api = api
        self._polling = polling
        self._several = several
        self._clock = clock
        self._heard: dict[str, int] = {}
        """Time (ms) of the last callback that made a task due, by job_id. Only the entries of the last second are
        kept."""

    async def called_back(
        self, token: str, job_id: str, *, process_of: Callable[[int | None], str | None] = lambda _guild_id: None
    ) -> CalledBack | None:
        """Store when the first callback came, and for a create in doubt its `job_id`, and make the task due at once, so
        that a worker polls it; unless a callback for the job did so within `REPEATED_WITHIN_MS`. Return None if no
        create has the token. `process_of`: the process to wake for a task of this guild."""
        now = self._clock()
        repeated = now - self._heard.get(job_id, 0) < REPEATED_WITHIN_MS
        called = await self._stores.creates.called_back(
            token,
            job_id,
            reason=Reason.UNCONFIRMED,
            now=now,
            since=0 if is_doubtful(self._clock) else now - _ms(ADOPTED_WITHIN),
            repeated=repeated,
            process_of=process_of,
        )
        if called is None:
            return None
        if called.is_known and not repeated:
            self._heard = {heard_id: at for heard_id, at in self._heard.items() if now - at < REPEATED_WITHIN_MS} | {
                job_id: now
            }
        if not called.is_used:
            log.warning(
                "callback ignored: its create has another job_id, is no longer in doubt or is older than a day",
                task=called.task_id,
                job_id=job_id,
            )
        return called

    async def adopted(self, task: Task) -> Task | None:
        """
        Adopt the task if the record under its claimed id matches its request, and return the task after applying the
        record. Return None if no id is claimed, the record cannot be read, or it belongs to another request; in the
        last case, drop the claimed id. Raises StaleTask.

        An adopted task has no `generating_at`, because it is unknown how long its pictures took. A task that ended with
        the pictures of other creates is not moved.
        """
        if task.claimed_job_id is None:
            return None
        if task.state in {TaskState.SETTLED, TaskState.CLOSED} and task.reason is None:
            return await self._several.add_late(task)
        record = await claimed_record(self._api, task.claimed_job_id, task.provider)
        if record is None:
            return None
        request = request_of(task, await self._stores.references.of_task(task.id))
        if not is_of(request, record, task_id=task.id, job_id=task.claimed_job_id):
            await self._stores.creates.reject_claim(task)
            return None
        adopted = await self._stores.tasks.move(
            task,
            TaskState.GENERATING,
            now=self._clock(),
            why=f"adopted: called back as {task.claimed_job_id}",
            job_id=task.claimed_job_id,
            failures=0,
        )
        if adopted.creates_wanted > 1:
            return await self._several.advance(adopted)
        return await self._polling.observe(adopted, record)

    async def look_later(self, task: Task) -> Task:
        """Retry later for a closed task whose claimed record cannot be read yet. Once the create is older than
        `ADOPTED_WITHIN`, drop the claimed id and leave the task closed."""
        create, now = await self._stores.creates.in_question(task), self._clock()
        if create is None or _is_too_late(create, self._clock):
            log.error(
                "adoption given up: no matching record within a day, the task stays closed",
                task=task.id,
                job_id=task.claimed_job_id,
            )
            return await self._stores.creates.reject_claim(task, **released(now))
        failures = task.failures + 1
        due = now + int(schedule.backoff(failures) * 1000)
        return await self._stores.tasks.change(task, failures=failures, **released(due))


def _is_too_late(create: Create, clock: Clock) -> bool:
    return clock() - create.at >= _ms(ADOPTED_WITHIN) and not is_doubtful(clock)


def _ms(duration: timedelta) -> int:
    return duration // timedelta(milliseconds=1)
