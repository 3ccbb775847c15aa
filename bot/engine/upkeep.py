"""
Bringing the messages of a result to what they should be: after it was hidden, shown again or removed, and after a
picture that was told as a link was fetched.

A picture that came late is put into the message that told its link. Where that is out of reach (an answer whose token
has run out, a channel that is closed to us) it is sent to the asker directly, once; where that is closed too, they find
it with the commands. A message that somebody deleted is not made up for.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Final

import structlog

from bot.engine.attempts import Attempts, Work
from bot.engine.claims import AT_ONCE, CLAIM_MS, is_hopeless
from bot.engine.outcomes import outcome_of, outcome_of_posting
from bot.engine.ports import Delivery, Outcome, Posted
from bot.errors import MessageGone, RouteClosed, ServiceError
from storage.community import Posting
from storage.late_pictures import LatePictureStore
from storage.models import LATE_PARTS, OutcomePart, Reach, Route, Task
from storage.pictures import MissingCopy
from storage.postings import PostingStore
from storage.tasks import TaskStore

RETRY_MS: Final = 60_000

log = structlog.get_logger(__name__)


class Upkeep:
    def __init__(
        self,
        *,
        tasks: TaskStore,
        postings: PostingStore,
        late: LatePictureStore,
        delivery: Delivery,
        attempts: Attempts,
        clock: Callable[[], int],
    ) -> None:
        self._tasks = tasks
        self._postings = postings
        self._late = late
        self._delivery = delivery
        self._attempts = attempts
        self._clock = clock

    async def step(self) -> None:
        for task in await self._postings.to_look_after(now=self._clock(), limit=AT_ONCE):
            begin, give_up = partial(self._begin, task), partial(self._give_up, task)
            await self._attempts.attempt(Work.UPKEEP, task.id, begin, give_up)

    async def _begin(self, task: Task) -> None:
        until = self._clock() + CLAIM_MS
        if await self._postings.look_after(task, until=until):
            await self._look_after(replace(task, upkeep_at=until))

    async def _give_up(self, task: Task) -> None:
        await self._postings.look_after(task, until=None)

    async def _look_after(self, task: Task) -> None:
        """Each message by itself: one that cannot be reached does not keep the others."""
        outcome = await outcome_of(self._tasks, task)
        postings = await self._postings.of_task(task.id)
        late = [picture for picture in outcome.pictures if picture.late_at is not None]
        parts = _standing(await self._parts(task))
        try:
            kept = [await _tried(task, self._part(outcome, part)) for part in parts]
            kept += [await _tried(task, self._posting(outcome, one)) for one in postings if one.message_id is not None]
            if late and task.removed_at is None:
                kept.append(await _tried(task, self._send_apart(outcome)))
        except MissingCopy as missing:
            log.warning("late result lost before its messages held it, fetched again", task=task.id, key=str(missing))
            for picture in late:
                await self._late.lost(picture, now=self._clock())
            kept = [False]
        if task.removed_at is not None and task.card_message_id is not None:
            kept.append(await _tried(task, self._delivery.remove_card(task)))
        changed = [task.hidden_at, task.removed_at, *[one.removed_at for one in postings]]
        since = max(at or 0 for at in (*changed, *[picture.late_at for picture in late]))
        if all(kept) or (since and is_hopeless(self._clock, since)):
            await self._late.told(late)
            await self._postings.look_after(task, until=None)
        else:
            await self._postings.look_after(task, until=self._clock() + RETRY_MS)

    async def _parts(self, task: Task) -> list[OutcomePart]:
        """Of a task that is removed, also the message that was not the last word."""
        parts = [*await self._tasks.parts(task.id)]
        if task.removed_at is not None and (before := await self._tasks.taken_back(task.id)):
            parts.append(before)
        return parts

    async def _part(self, outcome: Outcome, part: OutcomePart) -> None:
        """Direct messages are the asker's own: only their word removes or hides those."""
        task, late = outcome.task, _late_of(outcome, part)
        theirs = part.route in {Route.DIRECT, Route.COLLECTED} or task.reach is Reach.ANSWER
        if task.removed_at is not None:
            if not theirs or task.removed_by == task.asker_id:
                await self._delivery.remove(outcome, part)
        elif task.reason is None and (late or not theirs):
            shown = replace(outcome, task=replace(task, hidden_at=None)) if theirs else outcome
            try:
                await self._delivery.redraw(shown, part)
            except MessageGone:
                raise
            except RouteClosed as closed:
                if not late:
                    raise
                log.info("late result goes to its asker directly", task=task.id, error=str(closed))
                await self._late.send_apart(task.id, late)

    async def _send_apart(self, outcome: Outcome) -> None:
        """What is told in a part of its own. Looked for first after an attempt that was not answered."""
        own = replace(outcome, task=replace(outcome.task, hidden_at=None))
        for part in await self._tasks.parts(outcome.task.id):
            if part.number >= LATE_PARTS and part.message_id is None and _late_of(outcome, part):
                await self._late.attempt(part, now=self._clock())
                posted = await self._delivery.post(own, part, uncertain=part.attempted_at is not None)
                await self._tasks.part_posted(part, channel_id=posted.channel_id, message_id=posted.message_id)

    async def _posting(self, outcome: Outcome, posting: Posting) -> None:
        if posting.message_id is None:
            return
        if outcome.task.removed_at is not None or posting.removed_at is not None:
            place = Posted(channel_id=posting.channel_id, message_id=posting.message_id)
            await self._delivery.remove_posting(place)
        else:
            told = await outcome_of_posting(self._tasks, self._postings, outcome.task, posting)
            await self._delivery.redraw_posting(told, posting)


def _standing(parts: Sequence[OutcomePart]) -> list[OutcomePart]:
    """The messages there are. All that was collected stands in one."""
    standing = [part for part in parts if part.message_id is not None and part.route is not Route.COLLECTED]
    collected = [part for part in parts if part.message_id is not None and part.route is Route.COLLECTED]
    if collected:
        positions = sorted(position for part in collected for position in part.pictures)
        standing.append(replace(collected[0], pictures=tuple(positions)))
    return standing


def _late_of(outcome: Outcome, part: OutcomePart) -> tuple[int, ...]:
    """The positions of its pictures that came late."""
    late = [picture.position for picture in outcome.pictures if picture.late_at is not None]
    return tuple(position for position in late if position in part.pictures)


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
