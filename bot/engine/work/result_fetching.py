"""
Download results and store copies: from the result's own address or, if that fails, from a direct link that the image
API gives. A direct link works for 20 minutes and for everybody who has it, so it is neither stored nor logged.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import replace
from typing import Final

import structlog

from bot.engine.availability.disk_space import DiskSpace
from bot.engine.availability.result_hosts import ResultHostWatch, host_of
from bot.engine.ports import ImageAPI
from bot.engine.work.picture_work import PictureWork
from bot.errors import HostNotAllowed, Reason, ResultTooLarge, ServiceError, Unavailable
from bot.imaging.picture_info import Unreadable
from storage.models import Picture, Task
from storage.pictures import PictureStore

TOO_MUCH: Final = frozenset({Reason.REFERENCE_TOO_MANY_PIXELS, Reason.REFERENCE_TOO_COMPLEX})
"""Reasons for which a picture cannot be inspected, however often it is retried."""

log = structlog.get_logger(__name__)


class CopyNotKept(Unavailable):
    """The picture was downloaded, but the bot's own store failed, or no process could be started to inspect the
    picture; the host is not to blame."""


class ResultFetching:
    def __init__(
        self,
        *,
        api: ImageAPI,
        picture_store: PictureStore,
        hosts: ResultHostWatch,
        picture_work: PictureWork,
        space: DiskSpace,
    ) -> None:
        self._api = api
        self._picture_store = picture_store
        self._hosts = hosts
        self._picture_work = picture_work
        self._space = space

    async def copied(self, task: Task, picture: Picture, *, by_link: bool) -> Picture:
        """
        Download a result, store a copy and return the picture with the copy's key. A direct link is tried as well if
        the download from the result's own address fails and `by_link` is set (the address was tried often enough), or
        if its host is not allowed (waiting does not help). It is not tried for a result that is too large, if only the
        copy could not be inspected or stored here, or for a task without a `job_id`.

        Raises ServiceError, and ValueError if the download is not a picture that can be decoded.
        """
        try:
            copied = await self._copied(picture, picture.url)
        except (CopyNotKept, ResultTooLarge):
            raise
        except (ServiceError, ValueError) as error:
            if not by_link and not isinstance(error, HostNotAllowed):
                raise
            self._hosts.refused(picture, error)
            log.info(
                "result not downloaded or not readable, a direct link is tried if the job_id is known; the operator is "
                "alerted if the host is not allowed or refuses several results",
                host=host_of(picture.url),
                error=str(error),
            )
            return await self._by_link(task, picture, error)
        await self._hosts.gave(picture)
        return copied

    async def _by_link(self, task: Task, picture: Picture, refused: Exception) -> Picture:
        if task.job_id is None:
            raise refused
        link = await self._api.direct_link(task.job_id, picture.url, task.provider)
        try:
            return await self._copied(picture, link)
        except HostNotAllowed as error:
            self._hosts.not_allowed(error)
            raise

    async def _copied(self, picture: Picture, address: str) -> Picture:
        """Download a picture, then inspect it and store a copy at the same time; if the inspection fails, the copy is
        deleted again. The bytes are released when this method returns, so that later waits do not hold them."""
        key = f"pictures/{picture.task_id}/{picture.position}"
        data = await self._api.fetch(address)
        look, put = await asyncio.gather(
            self._picture_work.look_at_result(data), self._picture_store.put(key, data), return_exceptions=True
        )
        if isinstance(look, BaseException):
            with suppress(Exception):  # a copy that stays is overwritten by the next attempt or never used
                await self._picture_store.delete(key)
            if isinstance(look, Unreadable) and look.reason in TOO_MUCH:
                raise ResultTooLarge("can be looked into") from look
            if isinstance(look, ServiceError):
                raise CopyNotKept(str(look)) from look
            raise look
        if isinstance(put, Exception):  # any error of a bucket or a full disk; the outcome is still delivered
            self._space.found_full(put)
            log.error(
                "result copy not stored: write failed, the result is downloaded again",
                task=picture.task_id,
                exc_info=put,
            )
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
