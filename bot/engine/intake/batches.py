"""Propose, begin, drop, cancel and collect batches (several tasks from one request)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final

import structlog

from bot.discord_limits import INTERACTION_LIFE
from bot.engine.availability.alerts import OperatorAlerts
from bot.engine.availability.disk_space import DiskSpace
from bot.engine.clock import is_doubtful
from bot.engine.intake.checks import checked
from bot.engine.intake.models import offered_here
from bot.engine.intake.requests import CANCEL_TRIES, check_there, visible_to
from bot.engine.lifecycle.undelivered import ACKNOWLEDGED_WITHIN
from bot.engine.limit_errors import limit_error
from bot.engine.outbox.attempts import Attempts
from bot.engine.outbox.batches import BatchDelivery
from bot.engine.policy import Policy
from bot.engine.ports import Delivery
from bot.errors import BadChoice, Conflict, Gone, NotFound, NotYours, Reason, TooLate
from storage.batches import BatchStore
from storage.catalogue import Model
from storage.community import Batch
from storage.limits import LimitExceeded
from storage.models import NewTask, Origin, Task, TaskState, released
from storage.stores import Stores
from storage.transitions import StaleTask

ANSWERED_WITHIN_MS: Final = INTERACTION_LIFE // timedelta(milliseconds=1)
"""ms. How long the buttons of a proposal work: as long as the response that shows them can be edited. Also how long a
person who comes for a kept batch can be answered."""
_REFUSED: Final[Mapping[str, Reason]] = {
    "open_tasks_per_user": Reason.BATCH_TOO_MANY_OPEN,
    "pictures_per_user_per_day": Reason.BATCH_TOO_MANY_TODAY,
    "pictures_per_day": Reason.BATCH_SERVICE_FULL,
}

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """What a person may request within the limit of pictures per person in 24 hours."""

    allowed: int
    """0 means no limit."""
    left: int
    """Pictures that the person may still request now; 0 also if there is no limit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """A batch that waits for its asker's confirmation, and the asker's budget of pictures."""

    batch: Batch
    allowed: int
    """Limit of pictures per person in 24 hours; 0 means no limit."""
    left: int
    """Pictures that the asker may still request within the limit, not counting this batch; 0 also if there is no
    limit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelledTasks:
    cancelled: int
    going_on: int
    """Number of the batch's open tasks that were not cancelled: nearly always because their creates were begun or their
    outcomes are known already."""


class Batches:
    def __init__(
        self,
        *,
        stores: Stores,
        delivery: Delivery,
        operator: OperatorAlerts,
        attempts: Attempts,
        policy: Policy,
        space: DiskSpace,
        wake: Callable[[], None],
        clock: Callable[[], int],
    ) -> None:
        self._batches: BatchStore = stores.batches
        self._stores = stores
        self._policy = policy
        self._space = space
        self._wake = wake
        self._clock = clock
        self.delivery = BatchDelivery(
            batches=stores.batches,
            stores=stores,
            delivery=delivery,
            operator=operator,
            attempts=attempts,
            clock=clock,
        )

    async def propose(self, asked: NewTask, words: Sequence[str]) -> Proposal:
        """Store a proposal; no task is created, and no limit on tasks or pictures is checked, before `begin`. Raises
        what `checked` raises, NoRoom, NotFound if the parent task is not visible to the asker, and BadReference if an
        input picture was erased."""
        check_there(asked)
        await self._check_parent(asked)
        now, models = self._clock(), self._policy.models
        here = await offered_here(self._stores, models, asked.guild_id)
        sound, each = checked(asked, models, here), _checked_words(asked, words, models, here)
        if sound.request.references:
            await self._space.require()
        async with self._space.writing():
            batch = await self._batches.propose(sound, each, now=now)
        budget = await self.budget(asked.asker_id, asked.guild_id)
        return Proposal(batch=batch, allowed=budget.allowed, left=budget.left)

    async def budget(self, person_id: int, guild_id: int | None) -> Budget:
        allowed = self._policy.limits_for(person_id, guild_id).pictures_per_user_per_day
        used = await self._batches.pictures_today(person_id, now=self._clock()) if allowed else 0
        return Budget(allowed=allowed, left=max(0, allowed - used))

    async def sweep_proposals(self) -> None:
        """Delete proposals that were not answered in time."""
        gone = await self._batches.forget_proposals(self._clock() - ANSWERED_WITHIN_MS)
        if gone:
            log.info("unanswered proposals of batches deleted", batches=gone)

    async def proposed(self, batch_id: str, user_id: int) -> Batch:
        """Return a batch of this person, a proposal or one that has begun. Raises Gone if it is unknown, belongs to
        another person, or is a proposal that was not answered in time."""
        batch = await self._batches.get(batch_id)
        if batch is None or batch.asked.asker_id != user_id:
            raise Gone(Reason.BATCH_GONE)
        if batch.begun_at is None and self._clock() - batch.created_at > ANSWERED_WITHIN_MS:
            raise Gone(Reason.BATCH_GONE)
        return batch

    async def begin(self, batch: Batch, origin: Origin, *, most: int) -> Batch:
        """
        Create all tasks of the batch, or none. A batch that has begun already is returned as it is. `origin` is the
        interaction that confirmed the proposal, `most` the largest number of tasks that the server allows.

        Raises what `checked` raises, LimitReached, NoRoom, BadChoice if the server now allows only smaller batches,
        NotFound if the parent task is not visible to the asker, Gone if the proposal was deleted, and BadReference if
        an input picture was erased since the proposal.
        """
        check_there(batch.asked)
        if len(batch.words) > most:
            raise BadChoice(Reason.BATCH_TOO_LARGE, allowed=most)
        await self._check_parent(batch.asked)
        models = self._policy.models  # they may be others than when the batch was proposed
        _checked_words(batch.asked, batch.words, models, await offered_here(self._stores, models, batch.asked.guild_id))
        if batch.asked.request.references:
            await self._space.require()
        limits = self._policy.limits_for(batch.asked.asker_id, batch.asked.guild_id)
        try:
            async with self._space.writing():
                begun = await self._batches.begin(batch, origin, limits, now=self._clock())
        except LimitExceeded as reached:
            raise limit_error(reached, _REFUSED) from None
        if begun is None:
            raise Gone(Reason.BATCH_GONE)
        self._wake()
        return begun

    async def drop(self, batch: Batch) -> None:
        """Delete a proposal. Raises Gone if its tasks were created already or it was deleted before."""
        if not await self._batches.drop(batch.id):
            raise Gone(Reason.BATCH_GONE)

    async def cancel(self, batch_id: str, user_id: int) -> CancelledTasks:
        """Cancel the queued tasks of the batch. Raises NotFound if the batch is unknown or another person's private
        one, NotYours if it is another person's public one, and TooLate if no task could be cancelled."""
        await self._check_own(batch_id, user_id)
        tasks = await self._batches.tasks(batch_id)
        cancelled = [await self._cancel(task) for task in tasks if task.state is TaskState.QUEUED]
        if not any(cancelled):
            raise TooLate(Reason.BATCH_NOTHING_WAITS)
        return CancelledTasks(cancelled=sum(cancelled), going_on=sum(task.open for task in tasks) - sum(cancelled))

    async def clear(self, batch_id: str, user_id: int) -> None:
        """Mark the cancelled and the failed tasks of a batch as removed; its messages then list them as removed. If no
        other task has, or may still get, a picture that is shown, the worker deletes the messages. Raises NotFound and
        NotYours as `cancel` does."""
        await self._check_own(batch_id, user_id)
        for task in await self._batches.tasks(batch_id):
            if task.state is TaskState.CANCELLED or task.reason is not None:
                await self._stores.curation.remove(task.id, by=user_id, now=self._clock())
        self._wake()

    async def collect(self, batch_id: str, user_id: int, token: str) -> None:
        """
        Store that the asker came for the next message of a kept batch, by the interaction with this token. Call
        `acknowledged` once the interaction is acknowledged.

        Raises NotFound and NotYours as `cancel` does; Gone if the batch is no longer kept or was removed; Conflict if
        the asker came for it within the last 15 minutes by another interaction that is not answered yet.
        """
        batch = await self._check_own(batch_id, user_id)
        if (await self.delivery.read(batch)).is_removed:
            raise Gone(Reason.NO_LONGER_KEPT)
        if not await self._collect(batch_id, token, due_in=ACKNOWLEDGED_WITHIN):
            if batch.undelivered_at is not None and batch.closed_at is None:
                raise Conflict(Reason.COLLECTED_ALREADY)
            raise Gone(Reason.NO_LONGER_KEPT)

    async def acknowledged(self, batch_id: str, token: str) -> None:
        """Make a kept batch due now, because the interaction with this token was acknowledged. Idempotent, also if the
        interaction was answered already."""
        await self._collect(batch_id, token, due_in=timedelta(0))
        self._wake()

    async def _collect(self, batch_id: str, token: str, *, due_in: timedelta) -> bool:
        now = self._clock()
        due, lapsed = now + due_in // timedelta(milliseconds=1), now - ANSWERED_WITHIN_MS
        return await self._stores.undelivered_batches.collect(batch_id, token, now=now, due=due, lapsed=lapsed)

    async def sweep_kept(self) -> None:
        """Close the batches that were kept, and not collected by their askers, for as long as stored copies are kept.
        Does nothing while the clock is doubtful."""
        if is_doubtful(self._clock):
            return
        now = self._clock()
        before = now - self._policy.keep_pictures // timedelta(milliseconds=1)
        closed = await self._stores.undelivered_batches.give_up(before=before, now=now)
        if closed:
            log.error("batches given up: not delivered for as long as copies are kept", batches=closed)

    async def task_of_message(self, message_id: int) -> Task | None:
        """Return the first task with pictures to show in a batch's message, or the first task if none has any. Return
        None if the message belongs to no batch or its tasks have no rows."""
        found = await self._batches.in_message(message_id)
        if found is None:
            return None
        batch, message = found
        entries = (await self.delivery.read(batch)).on(message.number)
        shown = [entry.task for entry in entries if entry.shown] or [entry.task for entry in entries]
        return shown[0] if shown else None

    async def _check_own(self, batch_id: str, user_id: int) -> Batch:
        batch = await self._batches.get(batch_id)
        if batch is None or (batch.asked.private and batch.asked.asker_id != user_id):
            raise NotFound(Reason.TASK_UNKNOWN)
        if batch.asked.asker_id != user_id:
            raise NotYours
        return batch

    async def _cancel(self, task: Task) -> bool:
        for _ in range(CANCEL_TRIES):
            now, current = self._clock(), await self._stores.tasks.get(task.id)
            if current is None or current.state is not TaskState.QUEUED:
                return False
            try:
                await self._stores.tasks.move(
                    current, TaskState.CANCELLED, now=now, why="with its batch", **released(now)
                )
            except StaleTask:
                continue
            return True
        return False

    async def _check_parent(self, asked: NewTask) -> None:
        if asked.parent_id is not None:
            parent = await self._stores.tasks.get(asked.parent_id)
            if parent is None or not visible_to(parent, asked.asker_id):
                raise NotFound(Reason.TASK_UNKNOWN)


def _checked_words(
    asked: NewTask, words: Sequence[str], models: Mapping[str, Model], here: Mapping[str, Model]
) -> list[str]:
    """Return the checked prompt of each task of the batch. Raises what `checked` raises."""
    each = [replace(asked, request=replace(asked.request, prompt=prompt)) for prompt in words]
    return [checked(new, models, here).request.prompt for new in each]
