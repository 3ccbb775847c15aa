"""
Retry the download of pictures that were delivered as links, because they could not be downloaded within some minutes or
because the process died while it handled them. The retries continue for as long as the image API keeps the pictures,
but end if the result is removed, the picture is too large, or the process dies at every download.

A downloaded picture is stored in the transaction that makes its messages due for an update; `MessageSync` then edits
them. If the process dies in between, the next process repeats the last step. The repetition changes nothing: it writes
the same copy and the same part, and edits a message that already holds the picture.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Final

import structlog

from bot.engine.availability.result_hosts import host_of
from bot.engine.clock import is_doubtful
from bot.engine.outbox.attempts import Attempts, WorkKind
from bot.engine.outbox.worker import AT_ONCE
from bot.engine.timing.schedule import late_retry_ms
from bot.engine.work.byte_budget import ByteBudget
from bot.engine.work.result_fetching import ResultFetching
from bot.errors import ResultTooLarge, ServiceError
from storage.models import Picture, Task
from storage.pictures import PictureStore
from storage.shards import Shards
from storage.stores import Stores

RESULTS_LIVE: Final = timedelta(days=14)
"""API: how long results are kept (docs.kie.ai, 4o Image API)."""
SOON: Final = timedelta(minutes=1)
"""After a start, all retries are due within this time: the operator may have allowed a host."""
FETCHES_AT_ONCE: Final = 3
"""Concurrent downloads. Each may hold 64 MiB. Downloads of new results have slots of their own and do not wait for
these."""
FETCHES_PER_HOST: Final = 2
"""Concurrent downloads from one host, so that a host that hangs does not block the others."""

log = structlog.get_logger(__name__)


def missing(picture: Picture, error: Exception, *, now: int) -> Picture:
    """Return the picture marked for delivery as a link, and scheduled for a retry unless it is too large."""
    due = None if isinstance(error, ResultTooLarge) else now + late_retry_ms(0)
    return replace(picture, unfetchable=True, tries=0, due_at=due)


class LatePictures:
    def __init__(
        self,
        *,
        stores: Stores,
        picture_store: PictureStore,
        fetching: ResultFetching,
        attempts: Attempts,
        clock: Callable[[], int],
    ) -> None:
        self._stores = stores
        self._late = stores.late_pictures
        self._picture_store = picture_store
        self._fetching = fetching
        self._attempts = attempts
        self._clock = clock
        self._fetches = ByteBudget(FETCHES_AT_ONCE, caps=(FETCHES_PER_HOST,))

    async def resume(self) -> None:
        await self._late.hurry(self._clock() + _ms(SOON))

    async def step(self, shards: Shards | None = None) -> None:
        """Retry the pictures of these shards (None: of all) that are due, at most `AT_ONCE`, once."""
        due = await self._late.due(now=self._clock(), limit=AT_ONCE, shards=shards)
        await asyncio.gather(*[self._in_turn(task, picture) for task, picture in due])

    async def _in_turn(self, task: Task, picture: Picture) -> None:
        """Retry a picture once a download slot is free. Errors are logged, so that they do not stop the other
        pictures."""
        with structlog.contextvars.bound_contextvars(task=task.id, picture=picture.position + 1):
            try:
                async with self._fetches.taken(1, holders=(host_of(picture.url),)):
                    await self._tried(task, picture)
            except Exception:
                log.exception("late result download failed: unexpected error, will retry")

    async def _tried(self, task: Task, picture: Picture) -> None:
        now = self._clock()
        if task.removed_at is not None:
            await self._late.give_up(picture, now=now, why="not fetched: removed")
        elif now - (task.settled_at or task.created_at) >= _ms(RESULTS_LIVE) and not is_doubtful(self._clock):
            log.error("late result given up: image API no longer keeps it", tries=picture.tries)
            await self._late.give_up(picture, now=now, why="given up: expired at the image API")
        else:
            fetch, stop = partial(self._fetch, task, picture), partial(self._stop, picture)
            await self._attempts.attempt(WorkKind.LATE_PICTURE, f"{task.id}/{picture.position}", fetch, stop)

    async def _stop(self, picture: Picture) -> None:
        """Give up a picture whose download ended the process several times. The link stays in the message."""
        await self._late.give_up(picture, now=self._clock(), why="given up: the process died at every download")

    async def _fetch(self, task: Task, picture: Picture) -> None:
        """Count a retry and make it; do nothing if another worker was faster."""
        if not await self._late.begin(picture, due=self._clock() + late_retry_ms(picture.tries + 1)):
            return
        try:
            copied = await self._fetching.copied(task, picture, by_link=True)
        except ResultTooLarge as error:
            log.warning("late result given up: too large", error=str(error))
            await self._late.give_up(picture, now=self._clock(), why="given up: too large")
            return
        except (ServiceError, ValueError) as error:
            log.info(
                "late result not downloaded or not stored, retried at growing intervals",
                tries=picture.tries + 1,
                error=str(error),
            )
            return
        if await self._late.add(copied, now=self._clock()):
            log.info("late result downloaded", tries=picture.tries + 1)
        elif copied.key is not None and not await self._stores.pictures.of_task(task.id):
            await self._picture_store.delete(copied.key)  # the task was erased during the download


def _ms(duration: timedelta) -> int:
    return int(duration.total_seconds() * 1000)
