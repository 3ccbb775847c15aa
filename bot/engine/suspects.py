"""Tasks that were under way when a process died: tried apart (`trials`), and given up after `MOST_ATTEMPTS` deaths."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import structlog

from bot.engine.late_pictures import distance_ms
from bot.engine.operator import Operator
from bot.engine.policy import LEASE_MS
from bot.engine.trials import MOST_ATTEMPTS, TASK, Trials
from bot.errors import BadReference, Reason
from storage.models import Task, TaskState, released
from storage.tasks import TaskStore

log = structlog.get_logger(__name__)


class Suspects:
    def __init__(
        self, *, tasks: TaskStore, trials: Trials, operator: Operator, owner: str, clock: Callable[[], int]
    ) -> None:
        self._tasks = tasks
        self._trials = trials
        self._operator = operator
        self._owner = owner
        self._clock = clock

    async def find(self) -> None:
        """At start; and now and then, where another process may have died."""
        for task_id, deaths in await self._tasks.suspects(now=self._clock()):
            self._trials.suspect((TASK, task_id), deaths)

    async def claim(self, *, limit: int) -> Sequence[Task]:
        """Those that may be tried now, in our hands."""
        while task_ids := self._trials.next(TASK)[:limit]:
            claimed = await self._tasks.claim_suspects(self._owner, task_ids, now=self._clock(), lease_ms=LEASE_MS)
            for gone in set(task_ids) - {task.id for task in claimed}:
                self._trials.cleared((TASK, gone))
            if claimed:
                return claimed
        return ()

    async def keep_counted(self, task: Task) -> Task:
        """The process ran out of memory and lives on: as with a death, it is tried alone next."""
        log.error("out of memory", task=task.id, state=task.state.value, attempts=task.attempts)
        let_go = await self._tasks.change(task, **(released(self._clock()) | {"attempts": task.attempts}))
        self._trials.end((TASK, task.id))
        self._trials.suspect((TASK, task.id), max(2, task.attempts))
        return let_go

    async def check(self, task: Task) -> Task | None:
        """
        What becomes of a task that the process has died of too often; None where it may be tried as usual.

        Raises BadReference for what was attached. A result is told without looking into its pictures, by links; where
        that ends the process too, it is not told at all. The rows stay: its asker finds it with the commands.
        """
        if task.attempts <= MOST_ATTEMPTS or task.state not in {TaskState.QUEUED, TaskState.SETTLED}:
            return None
        log.error("work given up: the process died each time", task=task.id, state=task.state.value)
        await self._tell_operator()
        if task.state is TaskState.QUEUED:
            raise BadReference(Reason.ATTACHED_UNUSABLE)
        if task.attempts > 2 * MOST_ATTEMPTS:
            now = self._clock()
            why = "the process died of telling it"
            return await self._tasks.move(task, TaskState.CLOSED, now=now, why=why, closed_at=now, **released(now))
        await self._tasks.tell_as_links([task.id], due=self._clock() + distance_ms(0))
        return None

    async def _tell_operator(self) -> None:
        """Nothing that fails here may have the task tried once more."""
        try:
            await self._operator.tell(Reason.WORK_GIVEN_UP)
        except Exception:
            log.exception("the operator could not be told of work that was given up")

    async def let_go(self) -> None:
        """The process stops as asked: what is under way is interrupted by that, and by nothing that it does."""
        await self._tasks.take_back_attempts(self._owner)
