"""
Deliver settled tasks: store the pictures, plan the messages, post each message once, and delete the card. For a task of
a batch, only the pictures are stored here; `outbox/batches.py` delivers the batch.

A picture that cannot be downloaded within some minutes is delivered as a link and, unless it is too large, left to
`late_pictures`.

A failed task is delivered in the same way. If every route to the asker is closed, the outcome is kept. Once the asker
comes for the outcome, all parts that are not posted yet are handed over in one message.
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

from bot.engine.clock import is_doubtful
from bot.engine.lifecycle.corrections import Corrections
from bot.engine.lifecycle.undelivered import Undelivered
from bot.engine.outbox import late_pictures
from bot.engine.outcomes import missing_of
from bot.engine.policy import LEASE_MS
from bot.engine.ports import Delivery, Outcome
from bot.engine.timing import schedule
from bot.engine.work.byte_budget import ByteBudget
from bot.engine.work.result_fetching import ResultFetching
from bot.errors import REFUSED_FILES, HostNotAllowed, ResultTooLarge, RouteClosed, ServiceError, Unavailable
from bot.process import counters
from storage.card_facts import OutcomeFacts
from storage.models import OutcomePart, Picture, Route, Task, TaskState, first_route, released
from storage.pictures import MissingCopy
from storage.stores import Stores

FETCHES_AT_ONCE: Final = 4
"""Concurrent downloads of results. Each may hold 64 MiB."""
FETCHES_PER_PERSON: Final = 3
"""Concurrent downloads for one person. One slot is left for others, however slow one person's results are."""
POSTS_AT_ONCE: Final = 6
"""Concurrent posts. Each may take half a minute while Discord has trouble."""
POSTED_BYTES: Final = 32 * 1024 * 1024
"""Limit of the pictures of all running posts in memory. One message has at most 24 MiB."""
POSTS_PER_CHANNEL: Final = 2
"""Discord accepts about one message per second in a channel; a busy channel must not block the others."""
FETCH_TRIES: Final = 7
"""Download attempts before a picture is delivered as a link: about two minutes if every attempt fails at once."""
LINK_FROM_TRY: Final = 6
"""From this attempt on, a direct link is requested as well: after about a minute."""
LEAST_TRIES: Final = 3
FETCH_FOR: Final = timedelta(minutes=3)
"""Once an outcome has been known for this long, `LEAST_TRIES` attempts are enough: a slow host may take half a minute
for each."""
CARD_TRIES: Final = 3
"""Attempts to delete the card before the task is closed without that."""

log = structlog.get_logger(__name__)


class OutcomeDelivery:
    def __init__(
        self,
        *,
        stores: Stores,
        fetching: ResultFetching,
        delivery: Delivery,
        undelivered: Undelivered,
        hold: Callable[[Task], Awaitable[None]],
        give_up_after: timedelta,
        clock: Callable[[], int],
    ) -> None:
        self._stores = stores
        self._fetching = fetching
        self._delivery = delivery
        self._undelivered = undelivered
        self._corrections = Corrections(stores=stores, delivery=delivery)
        self._hold = hold
        self._give_up_after = give_up_after
        self._clock = clock
        self._fetches = ByteBudget(FETCHES_AT_ONCE, caps=(FETCHES_PER_PERSON,))
        self._posts = asyncio.Semaphore(POSTS_AT_ONCE)
        self._room = ByteBudget(POSTED_BYTES)
        self._channels: WeakValueDictionary[int, asyncio.Semaphore] = WeakValueDictionary()

    async def deliver(self, task: Task) -> Task:
        """Deliver a settled task and return it: closed once nothing is left to post; kept if every route to the asker
        is closed, or given up if it has been settled for as long as copies are kept. A task that is part of a batch,
        removed, or withheld and not failed is closed without a post. Raises ServiceError, which is Unavailable while a
        result is not downloaded yet, and StaleTask; parts that were posted before the error are not posted again."""
        facts = await self._stores.card_facts.of_outcome(task)
        fetching = asyncio.gather(*[self._collect(task, picture) for picture in facts.pictures])
        try:
            tried, known = await asyncio.gather(fetching, self._known(task, facts))  # read rows during downloads
        finally:
            fetching.cancel()
        fetched = [picture for before, (picture, _) in zip(facts.pictures, tried, strict=True) if picture != before]
        if waiting := [error for _, error in tried if error is not None]:
            await self._stores.pictures.save(fetched)
            raise Unavailable(f"a result could not be fetched yet: {waiting[0]}") from waiting[0]
        outcome = replace(known, pictures=tuple(picture for picture, _ in tried))
        if task.batch_id is not None:
            return await self._left_to_batch(task, fetched)
        if task.removed_at is not None:
            return await self._removed(outcome, fetched)
        if task.withheld_at is not None and task.reason is None:
            return await self._withheld(outcome, fetched)
        try:
            posted = await self._post_missing(outcome, facts.parts, fetched)
        except RouteClosed as closed:
            log.info(
                "outcome not delivered: every route to the asker is closed, it is kept or, if too old, given up",
                task=task.id,
                error=str(closed),
            )
            return await self._give_up(task) if self._is_hopeless(task) else await self._undelivered.keep(task)
        except MissingCopy as missing:
            await self._forget_copies(outcome)
            raise Unavailable(f"a kept picture is gone: {missing}") from missing
        if posted and task.failures:
            task = await self._stores.tasks.change(task, failures=0)
        return await self._close(replace(outcome, task=task))

    async def _withheld(self, outcome: Outcome, fetched: Sequence[Picture]) -> Task:
        """Close a task whose outcome the asker wants stored and not posted."""
        await self._stores.pictures.save(fetched)
        await self._delivery.cards.withhold(outcome.task)
        now = self._clock()
        return await self._stores.tasks.move(
            outcome.task, TaskState.CLOSED, now=now, why="withheld by the asker", closed_at=now, **released(now)
        )

    async def _removed(self, outcome: Outcome, fetched: Sequence[Picture]) -> Task:
        """Close a task that was removed before its outcome was delivered."""
        await self._stores.pictures.save(fetched)
        deleted = await self._delivery.cards.delete(outcome.task)
        now, why = self._clock(), "removed before delivery"
        return await self._stores.tasks.move(
            outcome.task, TaskState.CLOSED, now=now, why=why, closed_at=now, deleted_card=deleted, **released(now)
        )

    async def _left_to_batch(self, task: Task, fetched: Sequence[Picture]) -> Task:
        """Store the pictures and close the task. This makes the batch due, whose messages show the outcome."""
        await self._stores.pictures.save(fetched)
        now = self._clock()
        why = "delivery left to the batch"
        return await self._stores.tasks.move(task, TaskState.CLOSED, now=now, why=why, closed_at=now, **released(now))

    async def deliver_later(self, task: Task) -> Task:
        """Make a delivery that failed due again after a back-off, or give the outcome up if it has been settled for as
        long as copies are kept."""
        if self._is_hopeless(task):
            return await self._give_up(task)
        failures = task.failures + 1
        due = self._clock() + int(schedule.backoff(failures) * 1000)
        return await self._stores.tasks.change(task, failures=failures, **released(due))

    def _is_hopeless(self, task: Task) -> bool:
        if task.settled_at is None or is_doubtful(self._clock):
            return False
        return self._clock() - task.settled_at >= _ms(self._give_up_after)

    async def _give_up(self, task: Task) -> Task:
        """Close a task whose outcome could not be delivered, and was not fetched by the asker, for as long as stored
        copies are kept."""
        now = self._clock()
        log.error("outcome given up: not delivered for as long as copies are kept, the task is closed", task=task.id)
        return await self._stores.tasks.move(
            task, TaskState.CLOSED, now=now, why="given up: no route to the asker", closed_at=now, **released(now)
        )

    async def _known(self, task: Task, facts: OutcomeFacts) -> Outcome:
        """Return the outcome without its pictures."""
        outcome = Outcome(
            task=task,
            references=facts.card.references,
            pictures=(),
            missing=await missing_of(self._stores, task),
            undelivered=tuple(task_id for task_id in facts.card.undelivered if task_id != task.id),
            undelivered_batches=facts.card.undelivered_batches,
            parent=await self._stores.tasks.get(task.parent_id) if task.parent_id is not None else None,
            settings=await self._stores.guilds.settings(task.guild_id),
        )
        return replace(outcome, corrects=await self._corrections.corrects(outcome, facts.withdrawn))

    async def _collect(self, task: Task, picture: Picture) -> tuple[Picture, Exception | None]:
        """Download a picture. Return the picture with a stored copy or marked as a link; or the unchanged picture and
        the error, if the download will be retried before the outcome is delivered."""
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
            log.warning(
                "result not downloaded or not stored, to be delivered as a link and, unless too large, retried later",
                task=task.id,
                tried_on=tried_on,
                error=str(error),
            )
            return missing, None

    def _has_waited(self, task: Task) -> bool:
        return task.settled_at is not None and self._clock() - task.settled_at >= _ms(FETCH_FOR)

    async def _forget_copies(self, outcome: Outcome) -> None:
        """Clear the keys of all copies of an outcome, so that its pictures are downloaded again: a file is gone (a
        power cut, a restored backup), but the image API has the originals for 14 days."""
        await self._stores.pictures.save([replace(picture, key=None) for picture in outcome.pictures])

    async def _post_missing(self, outcome: Outcome, parts: Sequence[OutcomePart], fetched: Sequence[Picture]) -> bool:
        """Post every part that is not posted yet. Return whether there was any. The parts are stored before the first
        is posted, so that a restart continues with the same parts. Raises RouteClosed if every route is closed."""
        is_new = not parts
        if is_new:
            parts = await self._begin_delivery(outcome, fetched)
        else:
            await self._stores.pictures.save(fetched)
        missing = [part for part in parts if part.message_id is None]
        came = outcome.task.collect_token is not None and not any(part.route is Route.COLLECTED for part in parts)
        if came and await self._post_collected(outcome, missing):
            return bool(missing)
        restored = outcome.task.backed_up_at is not None
        if restored and missing and not await self._delivery.cards.waits(outcome.task):
            await self._recognise(outcome, parts, missing)
            return True
        for part in missing:
            await self._post(outcome, part)
        return is_new or bool(missing)

    async def _recognise(self, outcome: Outcome, parts: Sequence[OutcomePart], missing: Sequence[OutcomePart]) -> None:
        """
        Store the messages of an outcome that was delivered after the backup from which its task was restored, as a card
        that no longer waits says.

        Raises RouteClosed if no message is found: an answer that only the asker saw, a message that was removed since,
        an outcome that the asker wanted withheld. Posting could tell it twice, so it is kept until the asker comes.
        """
        if outcome.task.undelivered_at is None:
            found = [await self._arrived(outcome, part) for part in missing]
            if any(found) or len(missing) < len(parts):
                return
        raise RouteClosed("restored from a backup, and probably delivered since")

    async def _begin_delivery(self, outcome: Outcome, fetched: Sequence[Picture]) -> tuple[OutcomePart, ...]:
        """Plan the parts and store them together with the downloaded pictures. The first part is also posted, unless
        the asker came for the outcome or the first route is closed."""
        task = outcome.task
        route = _first_route(task)
        planned = [replace(part, route=route) for part in await self._delivery.outcomes.plan(outcome)]
        if task.collect_token is not None or task.backed_up_at is not None:
            return await self._stores.parts.plan(task, planned, fetched=fetched)
        if self._is_busy(task):
            await self._stores.pictures.save(fetched)
        try:
            async with self._turn(outcome, planned[0].pictures):
                now = self._clock()
                first, *others = await self._stores.parts.begin_delivery(
                    task, planned, fetched=fetched, now=now, until=now + LEASE_MS
                )
                posted = await self._delivery.outcomes.post(outcome, first, uncertain=False)
        except RouteClosed as closed:
            return await self._by_another_route(outcome, first, closed), *others
        first = await self._stores.parts.posted(first, channel_id=posted.channel_id, message_id=posted.message_id)
        return first, *others

    async def _post_collected(self, outcome: Outcome, missing: Sequence[OutcomePart]) -> bool:
        """Show the parts that have not arrived elsewhere, as the response to the interaction with which the asker came
        for the outcome. Return False if that interaction cannot be answered.

        The outcome is delivered twice if Discord accepts the response, the confirmation is lost, and Discord then stays
        unreachable until the interaction token expires: an ephemeral response is in no history, and only its token
        could read or edit the response. Counting an unconfirmed response as delivered could leave the asker with
        nothing.
        """
        rest = [part for part in missing if not await self._arrived(outcome, part)]
        try:
            async with self._posts:
                await self._hold(outcome.task)
                posted = await self._delivery.outcomes.post_collected(outcome, rest)
        except RouteClosed as closed:
            log.info(
                "outcome hand-over failed: the asker's interaction cannot be answered, other routes are tried",
                task=outcome.task.id,
                error=str(closed),
            )
            return False
        await self._stores.parts.collected(rest, channel_id=posted.channel_id, message_id=posted.message_id)
        return True

    async def _arrived(self, outcome: Outcome, part: OutcomePart) -> bool:
        """Return whether an earlier attempt posted the part without a confirmation; if so, store its message."""
        found = await self._delivery.outcomes.find(outcome, part) if part.attempted_at is not None else None
        if found is not None:
            await self._stores.parts.posted(part, channel_id=found.channel_id, message_id=found.message_id)
        return found is not None

    async def _post(self, outcome: Outcome, part: OutcomePart) -> None:
        while True:
            uncertain = part.attempted_at is not None
            try:
                async with self._turn(outcome, part.pictures):
                    now = self._clock()
                    part = await self._stores.parts.attempt(part, outcome.task, now=now, until=now + LEASE_MS)
                    posted = await self._delivery.outcomes.post(outcome, part, uncertain=uncertain)
            except RouteClosed as closed:
                part = await self._by_another_route(outcome, part, closed)
                continue
            await self._stores.parts.posted(part, channel_id=posted.channel_id, message_id=posted.message_id)
            return

    @asynccontextmanager
    async def _turn(self, outcome: Outcome, positions: Sequence[int]) -> AsyncIterator[None]:
        """Wait for a turn to post these pictures. Memory is reserved last, so that a post that waits for its channel or
        for a slot holds none."""
        here = self._channels.setdefault(outcome.task.channel_id, asyncio.Semaphore(POSTS_PER_CHANNEL))
        weight = sum(picture.bytes or 0 for picture in outcome.pictures if picture.position in positions)
        async with here, self._posts, self._room.taken(weight):
            yield

    def _is_busy(self, task: Task) -> bool:
        """Return whether a post in the task's channel would have to wait for a slot. The pictures are then stored
        first."""
        here = self._channels.get(task.channel_id)
        return self._posts.locked() or (here is not None and here.locked())

    async def _by_another_route(self, outcome: Outcome, part: OutcomePart, closed: RouteClosed) -> OutcomePart:
        """Switch a part to the next route. Raises `closed` if no route is left; the next attempt then starts with the
        first route."""
        following = self._delivery.outcomes.next_route(outcome, part, now=self._clock())
        if following is None:
            await self._stores.parts.reroute(part, _first_route(outcome.task))
            raise closed
        return await self._stores.parts.reroute(part, following)

    async def _close(self, outcome: Outcome) -> Task:
        task, deleted = outcome.task, None
        try:
            deleted = await self._delivery.cards.delete(task)
        except ServiceError as error:
            if task.failures + 1 < CARD_TRIES:
                raise
            log.warning(
                "card removal failed: the task is closed anyway, the removal is tried again if the id is known",
                task=task.id,
                error=str(error),
            )
        if outcome.corrects:
            await self._corrections.withdraw(outcome)
        now = self._clock()
        closed = await self._stores.tasks.move(
            task, TaskState.CLOSED, now=now, why="delivered", closed_at=now, deleted_card=deleted, **released(now)
        )
        counters.DELIVERY_SECONDS.observe((now - (task.settled_at or now)) / 1000)
        if closed.card_message_id is not None:
            await self._remove_late_card(closed)
        if closed.collect_token not in {None, task.collect_token}:
            await self._answer(replace(outcome, task=closed))
        return closed

    async def _remove_late_card(self, closed: Task) -> None:
        """Delete a card whose message became known only while the task was being closed."""
        try:
            await self._delivery.cards.remove(closed)
        except ServiceError as error:
            log.warning("late card removal failed, card stays", task=closed.id, error=str(error))

    async def _answer(self, outcome: Outcome) -> None:
        """Answer an asker who came for the outcome while it was delivered by another route. The asker has the outcome
        already, so a failure is only logged."""
        try:
            await self._delivery.outcomes.post_collected(outcome, ())
        except ServiceError as error:
            log.info(
                "answer to returning asker failed: the outcome was delivered by another route",
                task=outcome.task.id,
                error=str(error),
            )


def _first_route(task: Task) -> Route:
    """Return the first route of an outcome: EPHEMERAL if files of the asker were refused, which others must not see,
    unless the whole task is private; else that of the task's reach."""
    return Route.EPHEMERAL if task.reason in REFUSED_FILES and not task.private else first_route(task.reach)


def _ms(duration: timedelta) -> int:
    return int(duration.total_seconds() * 1000)
