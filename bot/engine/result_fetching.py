"""
A result becomes a copy of ours: fetched from its own address or, where that is no use, from another one that the image
API gives. That one is good for 20 minutes and for anybody who has it: it is neither stored nor logged.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import replace
from typing import Final

import structlog

from bot.engine.picture_work import PictureWork
from bot.engine.ports import ImageAPI
from bot.engine.result_hosts import ResultHostWatch, host_of
from bot.engine.space import Space
from bot.errors import HostNotAllowed, Reason, ResultTooLarge, ServiceError, Unavailable
from bot.imaging.looks import Unreadable
from storage.models import Picture, Task
from storage.pictures import PictureStore

TOO_MUCH: Final = frozenset({Reason.REFERENCE_TOO_MANY_PIXELS, Reason.REFERENCE_TOO_COMPLEX})
"""Of a picture, for which no other try makes a difference."""

log = structlog.get_logger(__name__)


class CopyNotKept(Unavailable):
    """The picture came, and our own store did not take it: no fault of the host's."""


class ResultFetching:
    def __init__(
        self,
        *,
        api: ImageAPI,
        copies: PictureStore,
        hosts: ResultHostWatch,
        picture_work: PictureWork,
        space: Space,
    ) -> None:
        self._api = api
        self._copies = copies
        self._hosts = hosts
        self._picture_work = picture_work
        self._space = space

    async def copied(self, task: Task, picture: Picture, *, by_link: bool) -> Picture:
        """
        The picture with a copy of ours. `by_link`: its own address was tried often enough, so that another one is asked
        for where it fails once more; at once where its host is not allowed, which no waiting changes.

        Raises ServiceError, and ValueError for what is no picture.
        """
        try:
            copied = await self._copied(picture, picture.url)
        except (CopyNotKept, ResultTooLarge):
            raise
        except (ServiceError, ValueError) as error:
            if not by_link and not isinstance(error, HostNotAllowed):
                raise
            self._hosts.refused(picture, error)
            log.info("result refused, trying another address", host=host_of(picture.url), error=str(error))
            return await self._by_link(task, picture, error)
        await self._hosts.gave(picture)
        return copied

    async def _by_link(self, task: Task, picture: Picture, refused: Exception) -> Picture:
        if task.kie_id is None:
            raise refused
        link = await self._api.direct_link(task.kie_id, picture.url)
        try:
            return await self._copied(picture, link)
        except HostNotAllowed as error:
            self._hosts.not_allowed(error)
            raise

    async def _copied(self, picture: Picture, address: str) -> Picture:
        """With a copy of ours, written while it is looked at. The bytes are let go of with the fetch's turn: who waits
        for anything else holds none."""
        key = f"pictures/{picture.task_id}/{picture.position}"
        data = await self._api.fetch(address)
        look, put = await asyncio.gather(
            self._picture_work.look_at_result(data), self._copies.put(key, data), return_exceptions=True
        )
        if isinstance(look, BaseException):
            with suppress(Exception):  # what a next try does not overwrite, nobody asks for
                await self._copies.delete(key)
            if isinstance(look, Unreadable) and look.reason in TOO_MUCH:
                raise ResultTooLarge("can be looked into") from look
            raise look
        if isinstance(put, Exception):  # whatever a bucket or a full disk may raise; people are told all the same
            self._space.found_full(put)
            log.error("a copy could not be kept", task=picture.task_id, exc_info=put)
            raise CopyNotKept("the copy could not be kept") from put
        if put is not None:
            raise put
        return replace(
            picture,
            key=key,
            content_type=look.content_type,
            bytes=len(data),
            width=look.width,
            height=look.height,
        )
