"""
Settled: keep the pictures, decide the messages, post each of them once, take the card away.

A failure goes the same way.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Final

import structlog

from bot import pictures
from bot.engine import schedule
from bot.engine.ports import Delivery, ImageAPI, Outcome
from bot.errors import Refused, RouteClosed, ServiceError, Unavailable
from storage.models import OutcomePart, Picture, Route, Task, TaskState, released
from storage.pictures import MissingCopy, PictureStore
from storage.tasks import TaskStore

AT_ONCE: Final = 6
"""Results fetched and messages posted at the same time: each may hold 64 and 25 MiB."""
FETCH_TRIES: Final = 6
"""Then a picture is told as a link: about a minute of trying."""
NOT_THERE_YET: Final = 404
"""A result's address may be known before the file is there; any other refusal is final."""
CARD_TRIES: Final = 3
UNTOLD_AFTER: Final = timedelta(days=7)
"""When nobody could be told for so long, the task is closed; its pictures stay for as long as copies are kept."""

log = structlog.get_logger(__name__)


class Telling:
    def __init__(
        self,
        *,
        tasks: TaskStore,
        copies: PictureStore,
        api: ImageAPI,
        delivery: Delivery,
        hold: Callable[[Task], Awaitable[None]],
        clock: Callable[[], int],
    ) -> None:
        self._tasks = tasks
        self._copies = copies
        self._api = api
        self._delivery = delivery
        self._hold = hold
        self._clock = clock
        self._turn = asyncio.Semaphore(AT_ONCE)

    async def tell(self, task: Task) -> Task:
        """Closed when everything is posted. Raises ServiceError; what is posted by then is not posted again."""
        outcome = Outcome(
            task=task,
            references=await self._tasks.references(task.id),
            pictures=await self._collected(task, await self._tasks.pictures(task.id)),
        )
        try:
            posted = await self._posted(outcome)
        except MissingCopy as missing:
            await self._forget_copies(outcome)
            raise Unavailable(f"a kept picture is gone: {missing}") from missing
        if posted and task.failures:
            task = await self._tasks.change(task, failures=0)
        return await self._close(task)

    async def tell_later(self, task: Task) -> Task:
        now = self._clock()
        if task.settled_at is not None and now - task.settled_at >= _ms(UNTOLD_AFTER):
            log.error("nobody could be told", task=task.id)
            return await self._tasks.move(
                task, TaskState.CLOSED, now=now, why="nobody could be told", closed_at=now, **released(now)
            )
        failures = task.failures + 1
        due = now + int(schedule.backoff(failures) * 1000)
        return await self._tasks.change(task, failures=failures, **released(due))

    async def _collected(self, task: Task, found: Sequence[Picture]) -> tuple[Picture, ...]:
        """Each with our own copy, or given up on. Raises ServiceError while there is hope for one of them."""
        tried = await asyncio.gather(*[self._collect(task, one) for one in found])
        waiting = [error for _, error in tried if error is not None]
        if waiting:
            raise Unavailable(f"a result could not be fetched yet: {waiting[0]}") from waiting[0]
        return tuple(picture for picture, _ in tried)

    async def _collect(self, task: Task, picture: Picture) -> tuple[Picture, Exception | None]:
        """The picture as it is kept now, and what stood in the way if it is to be tried again."""
        if picture.key is not None or picture.unfetchable:
            return picture, None
        key = f"pictures/{task.id}/{picture.position}"
        try:
            async with self._turn:
                data = await self._api.fetch(picture.url)
                look = await pictures.aside(pictures.look_at_result, data)
                await self._copies.put(key, data)
        except (ServiceError, ValueError) as error:
            if not _is_final(error) and task.failures + 1 < FETCH_TRIES:
                return picture, error
            log.warning("a result could not be fetched", task=task.id, error=str(error))
            return await self._saved(replace(picture, unfetchable=True)), None
        kept = replace(
            picture,
            key=key,
            content_type=look.content_type,
            bytes=len(data),
            width=look.width,
            height=look.height,
        )
        return await self._saved(kept), None

    async def _forget_copies(self, outcome: Outcome) -> None:
        """The rows outlived the files (a power cut, a restored backup): the image API still has the originals."""
        for picture in outcome.pictures:
            await self._tasks.save_picture(replace(picture, key=None))

    async def _saved(self, picture: Picture) -> Picture:
        await self._tasks.save_picture(picture)
        return picture

    async def _parts(self, outcome: Outcome) -> tuple[OutcomePart, ...]:
        """Stored before the first is posted, so that a restart goes on with the same ones."""
        stored = await self._tasks.parts(outcome.task.id)
        return stored or await self._tasks.plan(outcome.task, await self._delivery.plan(outcome))

    async def _posted(self, outcome: Outcome) -> bool:
        """Every part is in its place now; whether one of them was not before."""
        missing = [part for part in await self._parts(outcome) if part.message_id is None]
        for part in missing:
            await self._post(outcome, part)
        return bool(missing)

    async def _post(self, outcome: Outcome, part: OutcomePart) -> None:
        while True:
            await self._hold(outcome.task)
            uncertain = part.attempted_at is not None
            part = await self._tasks.attempt_part(part, now=self._clock())
            try:
                async with self._turn:
                    posted = await self._delivery.post(outcome, part, uncertain=uncertain)
            except RouteClosed as closed:
                part = await self._by_another_route(outcome, part, closed)
                continue
            await self._tasks.part_posted(part, channel_id=posted.channel_id, message_id=posted.message_id)
            return

    async def _by_another_route(self, outcome: Outcome, part: OutcomePart, closed: RouteClosed) -> OutcomePart:
        following = self._delivery.next_route(outcome, part, now=self._clock())
        if following is not None:
            return await self._tasks.reroute_part(part, following)
        await self._tasks.reroute_part(part, Route.CHANNEL)
        raise Unavailable(f"nobody can be told: {closed}") from closed

    async def _close(self, task: Task) -> Task:
        current = await self._tasks.get(task.id)
        try:
            await self._delivery.remove_card(current or task)
        except ServiceError as error:
            if task.failures + 1 < CARD_TRIES:
                raise
            log.warning("a card stays", task=task.id, error=str(error))
        now = self._clock()
        return await self._tasks.move(task, TaskState.CLOSED, now=now, why="told", closed_at=now, **released(now))


def _is_final(error: Exception) -> bool:
    return isinstance(error, Refused) and error.code != NOT_THERE_YET


def _ms(duration: timedelta) -> int:
    return int(duration.total_seconds() * 1000)
