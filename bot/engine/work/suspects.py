"""Retry tasks that were being prepared or delivered when a process died: apart from other work (`quarantine`), and at
most until `MOST_ATTEMPTS` deaths."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import structlog

from bot.engine.availability.alerts import OperatorAlerts
from bot.engine.policy import LEASE_MS
from bot.engine.timing.schedule import late_retry_ms
from bot.engine.work.quarantine import MOST_ATTEMPTS, TASK, Quarantine
from bot.errors import BadReference, Reason
from storage.models import Task, TaskState, released
from storage.stores import Stores

log = structlog.get_logger(__name__)


class Suspects:
    """The tasks that may have killed a process, because it died while they were being prepared or delivered."""

    def __init__(
        self,
        *,
        stores: Stores,
        quarantine: Quarantine,
        operator: OperatorAlerts,
        owner: str,
        clock: Callable[[], int],
    ) -> None:
        self._stores = stores
        self._quarantine = quarantine
        self._operator = operator
        self._owner = owner
        self._clock = clock

    async def find(self) -> None:
        """Add these tasks to the quarantine: at the start, and from time to time because another process may have
        died."""
        for task_id, deaths in await self._stores.claims.suspects(now=self._clock()):
            self._quarantine.suspect((TASK, task_id), deaths)

    async def claim(self, *, limit: int) -> Sequence[Task]:
        """Claim those of these tasks that the quarantine lets start now, at most `limit`."""
        while task_ids := self._quarantine.next(TASK)[:limit]:
            claimed = await self._stores.claims.claim_suspects(
                self._owner, task_ids, now=self._clock(), lease_ms=LEASE_MS
            )
            for gone in set(task_ids) - {task.id for task in claimed}:
                self._quarantine.cleared((TASK, gone))
            if claimed:
                return claimed
        return ()

    async def keep_counted(self, task: Task) -> Task:
        """Release a task whose step raised MemoryError in this process, which survived. As after a death, the attempt
        stays counted and the task is retried alone."""
        log.error(
            "task step failed: MemoryError in the bot's own process, which goes on; the task is retried alone or, "
            "after three attempts, given up",
            task=task.id,
            state=task.state.value,
            attempts=task.attempts,
        )
        let_go = await self._stores.tasks.change(task, **(released(self._clock()) | {"attempts": task.attempts}))
        self._quarantine.end((TASK, task.id))
        self._quarantine.suspect((TASK, task.id), max(2, task.attempts))
        return let_go

    async def check(self, task: Task) -> Task | None:
        """
        Give up a task whose work `MOST_ATTEMPTS` times killed a process or ran out of memory, and alert the operator,
        at most once a day. Return None if the task's next step may be done, or the closed task.

        Raises BadReference for a queued task, whose attachments are the cause. A settled task is from now on delivered
        as links, without decoding its pictures, and None is returned; after as many deaths again, it is closed without
        a message. Its rows stay, so the asker can find it with the commands.
        """
        if task.attempts <= MOST_ATTEMPTS or task.state not in {TaskState.QUEUED, TaskState.SETTLED}:
            return None
        log.error(
            "task work given up: process died or ran out of memory on every attempt, the operator is alerted at most "
            "once a day",
            task=task.id,
            state=task.state.value,
            instead=_instead(task),
        )
        await self._alert_operator()
        if task.state is TaskState.QUEUED:
            raise BadReference(Reason.ATTACHED_UNUSABLE)
        if task.attempts > 2 * MOST_ATTEMPTS:
            now = self._clock()
            why = "given up: the process died at every delivery"
            return await self._stores.tasks.move(
                task, TaskState.CLOSED, now=now, why=why, closed_at=now, **released(now)
            )
        await self._stores.pictures.deliver_as_links([task.id], due=self._clock() + late_retry_ms(0))
        return None

    async def _alert_operator(self) -> None:
        """Alert the operator. Errors are only logged, because they must not cause a retry of the task."""
        try:
            await self._operator.alert(Reason.WORK_GIVEN_UP)
        except Exception:
            log.exception("operator alert about given-up task work failed, the work is given up without it")

    async def let_go(self) -> None:
        """Uncount the attempts of running tasks: an orderly stop of the process interrupts them, not a crash."""
        await self._stores.claims.uncount_attempts(self._owner)


def _instead(task: Task) -> str:
    """Return what happens to a task whose work is given up, for the log."""
    if task.state is TaskState.QUEUED:
        return "the task fails"
    return "pictures are delivered as links" if task.attempts <= 2 * MOST_ATTEMPTS else "closed without a message"
