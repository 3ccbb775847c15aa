"""Repost results: publish them, show them again, copy them to a gallery. Each repost is posted once, even after a
crash."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import structlog

from bot.engine.attempts import Attempts, WorkKind
from bot.engine.claims import AT_ONCE, CLAIM_MS, again_at, is_hopeless
from bot.engine.outcomes import outcome_of_repost
from bot.engine.ports import Delivery
from bot.errors import Gone, Reason, RouteClosed, ServiceError
from storage.community import NewRepost, Repost
from storage.pictures import MissingCopy
from storage.reposts import RepostStore
from storage.tasks import TaskStore

log = structlog.get_logger(__name__)


class Reposts:
    def __init__(
        self,
        *,
        tasks: TaskStore,
        reposts: RepostStore,
        delivery: Delivery,
        attempts: Attempts,
        clock: Callable[[], int],
    ) -> None:
        self._tasks = tasks
        self._reposts = reposts
        self._delivery = delivery
        self._attempts = attempts
        self._clock = clock

    async def resume(self) -> None:
        await self._reposts.resume(now=self._clock())

    async def ask(self, new: NewRepost) -> tuple[Repost, bool]:
        """Store a repost, which `step` posts. Return the stored repost, and False if it was already stored."""
        return await self._reposts.add(new, now=self._clock())

    async def bring(self, new: NewRepost) -> Repost:
        """Store a repost and post it at once. The returned repost has no `message_id` if Discord failed and `step` will
        retry. Raises RouteClosed, and Gone if the result was removed or has no stored copy; the repost is then
        dropped and can be requested again."""
        repost, _ = await self.ask(new)
        if repost.removed_at is not None:
            raise Gone(Reason.TAKEN_OUT)
        if repost.message_id is None:
            await self._post(repost)
        stored = await self._reposts.of_task(new.task_id)
        return next((one for one in stored if one.id == repost.id), repost)

    async def step(self) -> None:
        for repost in await self._reposts.due(now=self._clock(), limit=AT_ONCE):
            drop = partial(self._reposts.drop, repost)
            try:
                await self._attempts.attempt(WorkKind.REPOST, repost.id, partial(self._post, repost), drop)
            except (RouteClosed, Gone) as error:
                log.warning("repost dropped: route closed or result gone", task=repost.task_id, error=str(error))

    async def _post(self, repost: Repost) -> None:
        now = self._clock()
        if not await self._reposts.begin(repost, now=now, until=now + CLAIM_MS):
            return
        try:
            message_id = await self._message_of(repost)
        except (RouteClosed, Gone):
            await self._reposts.drop(repost)
            raise
        except ServiceError as error:
            log.info("repost failed, will retry", task=repost.task_id, error=str(error))
            await self._later(repost)
        else:
            await self._reposts.posted(repost, message_id=message_id, now=self._clock())

    async def _later(self, repost: Repost) -> None:
        now = self._clock()
        if is_hopeless(self._clock, repost.asked_at):
            await self._reposts.drop(repost)
        else:
            await self._reposts.later(repost, due=again_at(now, repost.failures))

    async def _message_of(self, repost: Repost) -> int:
        task = await self._tasks.get(repost.task_id)
        if task is None or task.removed_at is not None:
            raise Gone(Reason.TAKEN_OUT)
        outcome = await outcome_of_repost(self._tasks, self._reposts, task, repost)
        try:
            posted = await self._delivery.repost(outcome, repost, uncertain=repost.attempted_at is not None)
        except MissingCopy:
            raise Gone(Reason.PICTURE_GONE) from None
        return posted.message_id
