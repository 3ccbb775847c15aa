"""
Settled: keep the pictures, decide the messages, post each of them once, take the card away. One of a batch is left to
that as soon as its pictures are kept.

A picture that cannot be fetched within some minutes is told as a link, and left to `late_pictures`.

A failure goes the same way. Where every way to the asker is closed the outcome is kept; once they come for it, it is
handed over in one message, for which the parts stay as they were decided.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Final
from weakref import WeakValueDictionary

import structlog

from bot import counters
from bot.engine import late_pictures, schedule
from bot.engine.clock import is_doubtful
from bot.engine.correcting import Correcting
from bot.engine.keeping import Keeping
from bot.engine.policy import LEASE_MS
from bot.engine.ports import Delivery, Outcome
from bot.engine.result_fetching import ResultFetching
from bot.engine.room import Room
from bot.errors import HostNotAllowed, ResultTooLarge, RouteClosed, ServiceError, Unavailable
from storage.models import OutcomePart, Picture, Route, Task, TaskState, first_route, released
from storage.pictures import MissingCopy
from storage.tasks import TaskStore

FETCHES_AT_ONCE: Final = 4
"""Each may hold 64 MiB."""
FETCHES_PER_PERSON: Final = 3
"""One place is left for others, however slow somebody's results come."""
POSTS_AT_ONCE: Final = 6
"""Each may take half a minute while Discord has trouble."""
POSTED_BYTES: Final = 32 * 1024 * 1024
"""Of all posts together in memory, however many wait. One message's is at most 24 MiB."""
POSTS_PER_CHANNEL: Final = 2
"""Discord takes about one a second in a channel; a busy one is not to keep the others waiting."""
FETCH_TRIES: Final = 7
"""Then a picture is told as a link: about two minutes where every answer comes at once."""
LINK_FROM_TRY: Final = 6
"""From this one on another address is asked for as well: after about a minute."""
LEAST_TRIES: Final = 3
FETCH_FOR: Final = timedelta(minutes=3)
"""After an outcome is known, no further try than `LEAST_TRIES`: a host may take half a minute for each."""
CARD_TRIES: Final = 3

log = structlog.get_logger(__name__)


class Telling:
    def __init__(
        self,
        *,
        tasks: TaskStore,
        fetching: ResultFetching,
        delivery: Delivery,
        kept: Keeping,
        hold: Callable[[Task], Awaitable[None]],
        give_up_after: timedelta,
        clock: Callable[[], int],
    ) -> None:
        self._tasks = tasks
        self._fetching = fetching
        self._delivery = delivery
        self._kept = kept
        self._correcting = Correcting(tasks=tasks, delivery=delivery)
        self._hold = hold
        self._give_up_after = give_up_after
        self._clock = clock
        self._fetches = Room(FETCHES_AT_ONCE, caps=(FETCHES_PER_PERSON,))
        self._posts = asyncio.Semaphore(POSTS_AT_ONCE)
        self._room = Room(POSTED_BYTES)
        self._channels: WeakValueDictionary[int, asyncio.Semaphore] = WeakValueDictionary()

    async def tell(self, task: Task) -> Task:
        """Closed when everything is posted, kept when nobody can be told. Raises ServiceError; what is posted by then
        is not posted again."""
        found = await self._tasks.pictures(task.id)
        fetching = asyncio.gather(*[self._collect(task, one) for one in found])
        try:
            tried, (known, parts) = await asyncio.gather(fetching, self._known(task))  # read while bytes are on the way
        finally:
            fetching.cancel()
        fetched = [picture for before, (picture, _) in zip(found, tried, strict=True) if picture != before]
        if waiting := [error for _, error in tried if error is not None]:
            await self._tasks.save_pictures(fetched)
            raise Unavailable(f"a result could not be fetched yet: {waiting[0]}") from waiting[0]
        outcome = replace(known, pictures=tuple(picture for picture, _ in tried))
        if task.batch_id is not None:
            return await self._left_to_batch(task, fetched)
        if task.removed_at is not None:
            return await self._removed(outcome, fetched)
        if task.unwanted_at is not None and task.reason is None:
            return await self._withheld(outcome, fetched)
        try:
            posted = await self._brought(outcome, parts, fetched)
        except RouteClosed as closed:
            log.info("every way to the asker is closed", task=task.id, error=str(closed))
            return await self._give_up(task) if self._is_hopeless(task) else await self._kept.keep(task)
        except MissingCopy as missing:
            await self._forget_copies(outcome)
            raise Unavailable(f"a kept picture is gone: {missing}") from missing
        if posted and task.failures:
            task = await self._tasks.change(task, failures=0)
        return await self._close(replace(outcome, task=task))

    async def _withheld(self, outcome: Outcome, fetched: Sequence[Picture]) -> Task:
        """Kept, and not posted, as its asker wished."""
        await self._tasks.save_pictures(fetched)
        await self._delivery.withhold(outcome)
        now = self._clock()
        return await self._tasks.move(
            outcome.task, TaskState.CLOSED, now=now, why="not wanted", closed_at=now, **released(now)
        )

    async def _removed(self, outcome: Outcome, fetched: Sequence[Picture]) -> Task:
        """It was to go before it came."""
        await self._tasks.save_pictures(fetched)
        await self._delivery.remove_card(outcome.task)
        now = self._clock()
        return await self._tasks.move(
            outcome.task, TaskState.CLOSED, now=now, why="removed before it was told", closed_at=now, **released(now)
        )

    async def _left_to_batch(self, task: Task, fetched: Sequence[Picture]) -> Task:
        """What came of it is in our hands; its batch, which is due with this, shows it."""
        await self._tasks.save_pictures(fetched)
        now = self._clock()
        why = "left to its batch"
        return await self._tasks.move(task, TaskState.CLOSED, now=now, why=why, closed_at=now, **released(now))

    async def tell_later(self, task: Task) -> Task:
        """Something failed that may pass."""
        if self._is_hopeless(task):
            return await self._give_up(task)
        failures = task.failures + 1
        due = self._clock() + int(schedule.backoff(failures) * 1000)
        return await self._tasks.change(task, failures=failures, **released(due))

    def _is_hopeless(self, task: Task) -> bool:
        if task.settled_at is None or is_doubtful(self._clock):
            return False
        return self._clock() - task.settled_at >= _ms(self._give_up_after)

    async def _give_up(self, task: Task) -> Task:
        """For as long as copies are kept the asker has not come."""
        now = self._clock()
        log.error("nobody could be told, and nobody came for it", task=task.id)
        return await self._tasks.move(
            task, TaskState.CLOSED, now=now, why="nobody could be told", closed_at=now, **released(now)
        )

    async def _known(self, task: Task) -> tuple[Outcome, tuple[OutcomePart, ...]]:
        """All but the pictures; and the parts, once they are decided."""
        kept = await self._tasks.kept_for([task.asker_id])
        outcome = Outcome(
            task=task,
            references=await self._tasks.references(task.id),
            pictures=(),
            kept=tuple(one for one in kept.get(task.asker_id, ()) if one != task.id),
            parent=await self._tasks.get(task.parent_id) if task.parent_id is not None else None,
        )
        outcome = replace(outcome, corrects=await self._correcting.corrects(outcome))
        return outcome, await self._tasks.parts(task.id)

    async def _collect(self, task: Task, picture: Picture) -> tuple[Picture, Exception | None]:
        """The picture with our own copy or told as a link, and what stood in the way if it is tried again before."""
        if picture.key is not None or picture.unfetchable:
            return picture, None
        number = task.failures + 1
        is_last = number >= FETCH_TRIES or (number >= LEAST_TRIES and self._has_waited(task))
        try:
            async with self._fetches.taken(1, holders=(task.asker_id,)):
                copied = await self._fetching.copied(task, picture, by_link=is_last or number >= LINK_FROM_TRY)
                return copied, None
        except (ServiceError, ValueError) as error:
            if not is_last and not isinstance(error, HostNotAllowed | ResultTooLarge):
                return picture, error
            missing = late_pictures.missing(picture, error, now=self._clock())
            tried_on = missing.due_at is not None
            log.warning("result not fetched, told as a link", task=task.id, tried_on=tried_on, error=str(error))
            return missing, None

    def _has_waited(self, task: Task) -> bool:
        return task.settled_at is not None and self._clock() - task.settled_at >= _ms(FETCH_FOR)

    async def _forget_copies(self, outcome: Outcome) -> None:
        """The rows outlived the files (a power cut, a restored backup): the image API still has the originals."""
        await self._tasks.save_pictures([replace(picture, key=None) for picture in outcome.pictures])

    async def _brought(self, outcome: Outcome, parts: Sequence[OutcomePart], fetched: Sequence[Picture]) -> bool:
        """Every part is in its place now; whether one of them was not before. Raises RouteClosed when nobody can be
        told. The parts are stored before the first is posted, so that a restart goes on with the same ones."""
        is_new = not parts
        if is_new:
            parts = await self._begun(outcome, fetched)
        else:
            await self._tasks.save_pictures(fetched)
        missing = [part for part in parts if part.message_id is None]
        came = outcome.task.collect_token is not None and not any(part.route is Route.COLLECTED for part in parts)
        if came and await self._handed_over(outcome, missing):
            return bool(missing)
        for part in missing:
            await self._post(outcome, part)
        return is_new or bool(missing)

    async def _begun(self, outcome: Outcome, fetched: Sequence[Picture]) -> tuple[OutcomePart, ...]:
        """The parts, stored together with what was fetched for them. The first is posted already, unless its asker came
        for the outcome or the first route is closed."""
        task = outcome.task
        planned = await self._delivery.plan(outcome)
        if task.collect_token is not None:
            return await self._tasks.plan(task, planned, fetched=fetched)
        if self._is_busy(task):
            await self._tasks.save_pictures(fetched)
        try:
            async with self._turn(outcome, planned[0].pictures):
                now = self._clock()
                first, *others = await self._tasks.begin_telling(
                    task, planned, fetched=fetched, now=now, until=now + LEASE_MS
                )
                posted = await self._delivery.post(outcome, first, uncertain=False)
        except RouteClosed as closed:
            return await self._by_another_route(outcome, first, closed), *others
        first = await self._tasks.part_posted(first, channel_id=posted.channel_id, message_id=posted.message_id)
        return first, *others

    async def _handed_over(self, outcome: Outcome, missing: Sequence[OutcomePart]) -> bool:
        """What has not arrived elsewhere, in answer to the asker who came for it; False if that is not possible.

        If that answer is taken without our hearing of it, and Discord then stays away until the interaction's token has
        run out, it is told once more: such an answer is in no history, and only that token could read or edit it. To
        count it as told would leave them with nothing where it was never taken.
        """
        rest = [part for part in missing if not await self._arrived(outcome, part)]
        try:
            async with self._posts:
                await self._hold(outcome.task)
                posted = await self._delivery.hand_over(outcome, rest)
        except RouteClosed as closed:
            log.info("an outcome could not be handed over", task=outcome.task.id, error=str(closed))
            return False
        await self._tasks.parts_collected(rest, channel_id=posted.channel_id, message_id=posted.message_id)
        return True

    async def _arrived(self, outcome: Outcome, part: OutcomePart) -> bool:
        """It was sent without an answer and is where it was sent to."""
        found = await self._delivery.find(outcome, part) if part.attempted_at is not None else None
        if found is not None:
            await self._tasks.part_posted(part, channel_id=found.channel_id, message_id=found.message_id)
        return found is not None

    async def _post(self, outcome: Outcome, part: OutcomePart) -> None:
        while True:
            uncertain = part.attempted_at is not None
            try:
                async with self._turn(outcome, part.pictures):
                    now = self._clock()
                    part = await self._tasks.attempt_part(part, outcome.task, now=now, until=now + LEASE_MS)
                    posted = await self._delivery.post(outcome, part, uncertain=uncertain)
            except RouteClosed as closed:
                part = await self._by_another_route(outcome, part, closed)
                continue
            await self._tasks.part_posted(part, channel_id=posted.channel_id, message_id=posted.message_id)
            return

    @asynccontextmanager
    async def _turn(self, outcome: Outcome, positions: Sequence[int]) -> AsyncIterator[None]:
        """To post these pictures. Room is waited for last, so that only who has the rest holds any."""
        here = self._channels.setdefault(outcome.task.channel_id, asyncio.Semaphore(POSTS_PER_CHANNEL))
        weight = sum(picture.bytes or 0 for picture in outcome.pictures if picture.position in positions)
        async with here, self._posts, self._room.taken(weight):
            yield

    def _is_busy(self, task: Task) -> bool:
        """A turn to post has to be waited for."""
        here = self._channels.get(task.channel_id)
        return self._posts.locked() or (here is not None and here.locked())

    async def _by_another_route(self, outcome: Outcome, part: OutcomePart, closed: RouteClosed) -> OutcomePart:
        """Raises `closed` after the last one; the next time it begins with the first."""
        following = self._delivery.next_route(outcome, part, now=self._clock())
        if following is None:
            await self._tasks.reroute_part(part, first_route(outcome.task.reach))
            raise closed
        return await self._tasks.reroute_part(part, following)

    async def _close(self, outcome: Outcome) -> Task:
        task = outcome.task
        current = await self._tasks.get(task.id)
        try:
            await self._delivery.remove_card(current or task)
        except ServiceError as error:
            if task.failures + 1 < CARD_TRIES:
                raise
            log.warning("a card stays", task=task.id, error=str(error))
        if outcome.corrects:
            await self._correcting.take_back(outcome)
        now = self._clock()
        closed = await self._tasks.move(task, TaskState.CLOSED, now=now, why="told", closed_at=now, **released(now))
        counters.TOLD_SECONDS.observe((now - (task.settled_at or now)) / 1000)
        if closed.card_message_id is not None:
            await self._remove_late_card(closed)
        if closed.collect_token not in {None, task.collect_token}:
            await self._answer(replace(outcome, task=closed))
        return closed

    async def _remove_late_card(self, closed: Task) -> None:
        """The first answer arrived while the card was being looked for."""
        try:
            await self._delivery.remove_card(closed)
        except ServiceError as error:
            log.warning("a card stays", task=closed.id, error=str(error))

    async def _answer(self, outcome: Outcome) -> None:
        """They came for it while it was told by another way; they have it, so this need not get through."""
        try:
            await self._delivery.hand_over(outcome, ())
        except ServiceError as error:
            log.info("who came for an outcome could not be answered", task=outcome.task.id, error=str(error))


def _ms(duration: timedelta) -> int:
    return int(duration.total_seconds() * 1000)
