"""Repost results: publish them, show them again, copy them to a gallery. Each repost is posted once, even after a
crash."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import structlog

from bot.engine.attempts import Attempts, Work
from bot.engine.claims import AT_ONCE, CLAIM_MS, again_at, is_hopeless
from bot.engine.outcomes import outcome_of_posting
from bot.engine.ports import Delivery
from bot.errors import Reason, RouteClosed, ServiceError, TooLate
from storage.community import NewPosting, Posting
from storage.pictures import MissingCopy
from storage.postings import PostingStore
from storage.tasks import TaskStore

log = structlog.get_logger(__name__)


class Postings:
    def __init__(
        self,
        *,
        tasks: TaskStore,
        postings: PostingStore,
        delivery: Delivery,
        attempts: Attempts,
        clock: Callable[[], int],
    ) -> None:
        self._tasks = tasks
        self._postings = postings
        self._delivery = delivery
        self._attempts = attempts
        self._clock = clock

    async def resume(self) -> None:
        await self._postings.resume(now=self._clock())

    async def ask(self, new: NewPosting) -> tuple[Posting, bool]:
        """Store a repost, which `step` posts. Return the stored repost, and False if it was already stored."""
        return await self._postings.add(new, now=self._clock())

    async def bring(self, new: NewPosting) -> Posting:
        """Store a repost and post it at once. The returned repost has no `message_id` if Discord failed and `step` will
        retry. Raises RouteClosed, and TooLate if the result was removed or has no stored copy; the repost is then
        dropped and can be requested again."""
        posting, _ = await self.ask(new)
        if posting.removed_at is not None:
            raise TooLate(Reason.TAKEN_OUT)
        if posting.message_id is None:
            await self._post(posting)
        stored = await self._postings.of_task(new.task_id)
        return next((one for one in stored if one.id == posting.id), posting)

    async def step(self) -> None:
        for posting in await self._postings.due(now=self._clock(), limit=AT_ONCE):
            drop = partial(self._postings.drop, posting)
            try:
                await self._attempts.attempt(Work.POSTING, posting.id, partial(self._post, posting), drop)
            except (RouteClosed, TooLate) as error:
                log.warning("repost dropped: route closed or result gone", task=posting.task_id, error=str(error))

    async def _post(self, posting: Posting) -> None:
        now = self._clock()
        if not await self._postings.begin(posting, now=now, until=now + CLAIM_MS):
            return
        try:
            message_id = await self._message_of(posting)
        except (RouteClosed, TooLate):
            await self._postings.drop(posting)
            raise
        except ServiceError as error:
            log.info("repost failed, will retry", task=posting.task_id, error=str(error))
            await self._later(posting)
        else:
            await self._postings.posted(posting, message_id=message_id, now=self._clock())

    async def _later(self, posting: Posting) -> None:
        now = self._clock()
        if is_hopeless(self._clock, posting.asked_at):
            await self._postings.drop(posting)
        else:
            await self._postings.later(posting, due=again_at(now, posting.failures))

    async def _message_of(self, posting: Posting) -> int:
        task = await self._tasks.get(posting.task_id)
        if task is None or task.removed_at is not None:
            raise TooLate(Reason.TAKEN_OUT)
        outcome = await outcome_of_posting(self._tasks, self._postings, task, posting)
        try:
            posted = await self._delivery.repost(outcome, posting, uncertain=posting.attempted_at is not None)
        except MissingCopy:
            raise TooLate(Reason.PICTURE_GONE) from None
        return posted.message_id
