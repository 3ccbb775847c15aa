"""Bringing the messages of a result to what they should be, after it was hidden, shown again or removed."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Final

import structlog

from bot.engine.claims import AT_ONCE, CLAIM_MS, is_hopeless
from bot.engine.outcomes import outcome_of, outcome_of_posting
from bot.engine.ports import Delivery, Outcome, Posted
from bot.errors import RouteClosed, ServiceError
from storage.community import Posting
from storage.models import OutcomePart, Reach, Route, Task
from storage.postings import PostingStore
from storage.tasks import TaskStore

RETRY_MS: Final = 60_000

log = structlog.get_logger(__name__)


class Upkeep:
    def __init__(
        self, *, tasks: TaskStore, postings: PostingStore, delivery: Delivery, clock: Callable[[], int]
    ) -> None:
        self._tasks = tasks
        self._postings = postings
        self._delivery = delivery
        self._clock = clock

    async def step(self) -> None:
        for task in await self._postings.to_look_after(now=self._clock(), limit=AT_ONCE):
            until = self._clock() + CLAIM_MS
            if await self._postings.look_after(task, until=until):
                await self._look_after(replace(task, upkeep_at=until))

    async def _look_after(self, task: Task) -> None:
        """Each message by itself: one that cannot be reached does not keep the others."""
        outcome = await outcome_of(self._tasks, task)
        postings = await self._postings.of_task(task.id)
        parts = [part for part in await self._tasks.parts(task.id) if part.message_id is not None]
        kept = [await _tried(task, self._part(outcome, part)) for part in parts]
        kept += [await _tried(task, self._posting(outcome, one)) for one in postings if one.message_id is not None]
        if task.removed_at is not None and task.card_message_id is not None:
            kept.append(await _tried(task, self._delivery.remove_card(task)))
        since = max((task.hidden_at or 0, task.removed_at or 0, *[one.removed_at or 0 for one in postings]))
        if all(kept) or (since and is_hopeless(self._clock(), since)):
            await self._postings.look_after(task, until=None)
        else:
            await self._postings.look_after(task, until=self._clock() + RETRY_MS)

    async def _part(self, outcome: Outcome, part: OutcomePart) -> None:
        """Direct messages are the asker's own: only their word removes those."""
        task = outcome.task
        theirs = part.route in {Route.DIRECT, Route.COLLECTED} or task.reach is Reach.ANSWER
        if theirs and (task.removed_at is None or task.removed_by != task.asker_id):
            return
        if task.removed_at is not None:
            await self._delivery.remove(outcome, part)
        elif task.reason is None:
            await self._delivery.redraw(outcome, part)

    async def _posting(self, outcome: Outcome, posting: Posting) -> None:
        if posting.message_id is None:
            return
        if outcome.task.removed_at is not None or posting.removed_at is not None:
            place = Posted(channel_id=posting.channel_id, message_id=posting.message_id)
            await self._delivery.remove_posting(place)
        else:
            told = await outcome_of_posting(self._tasks, self._postings, outcome.task, posting)
            await self._delivery.redraw_posting(told, posting)


async def _tried(task: Task, doing: Awaitable[None]) -> bool:
    """Whether it is done, as far as Discord lets us."""
    try:
        await doing
    except RouteClosed as closed:
        log.info("a message stays as it is", task=task.id, error=str(closed))
    except ServiceError as error:
        log.info("a message is looked after later", task=task.id, error=str(error))
        return False
    return True
