"""
Erasing what is remembered of a person. They are told what was erased, by a receipt.

Every step can be repeated, so that a death in between only delays it: tasks are marked, those in line are taken back,
those that are paid come to their end without being posted, messages go first where that was asked for, then files, then
rows. Their pictures go from what others asked for as well, first of all and once more at the end: what is asked for
meanwhile may have begun with one.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta
from functools import partial
from typing import Final

import structlog

from bot.engine.attempts import Attempts, Work
from bot.engine.claims import AT_ONCE, CLAIM_MS, is_hopeless
from bot.engine.clock import is_doubtful
from bot.engine.ports import Delivery, Posted
from bot.errors import RouteClosed, ServiceError, UserError
from storage.community import Erasure
from storage.erasures import ErasureStore
from storage.pictures import PictureStore

TASKS_AT_ONCE: Final = 50
AGAIN_MS: Final = 15_000
"""How soon to look again for what has come to its end."""
UNTOLD_FOR: Final = timedelta(days=30)
"""Whoever cannot be told finds the receipt for so long with `/privacy show`."""

log = structlog.get_logger(__name__)


class Erasing:
    def __init__(
        self,
        *,
        erasures: ErasureStore,
        copies: PictureStore,
        delivery: Delivery,
        cancel: Callable[[str, int], Awaitable[object]],
        attempts: Attempts,
        clock: Callable[[], int],
    ) -> None:
        self._erasures = erasures
        self._copies = copies
        self._delivery = delivery
        self._cancel = cancel
        self._attempts = attempts
        self._clock = clock

    async def start(self) -> None:
        """Take up what an earlier process was at."""
        await self._erasures.resume(now=self._clock())

    async def ask(self, person_id: int, *, removes: bool, locale: str, token: str) -> tuple[Erasure, bool]:
        """Everything that is there now. False while one is under way: that one goes on as it was asked for."""
        return await self._erasures.ask(person_id, removes=removes, locale=locale, token=token, now=self._clock())

    async def told(self, erasure: Erasure) -> None:
        """They have seen the receipt."""
        await self._erasures.told(erasure)

    async def step(self) -> None:
        """Do what is due now, once. One that fails does not keep the others."""
        for erasure in await self._erasures.due(now=self._clock(), limit=AT_ONCE):
            begin, put_by = partial(self._begin, erasure), partial(self._erasures.put_by, erasure, now=self._clock())
            try:
                await self._attempts.attempt(Work.ERASURE, erasure.id, begin, put_by)
            except Exception:
                log.exception("an erasure could not go on; it does later", erasure=erasure.id)

    async def sweep(self) -> None:
        if is_doubtful(self._clock):
            return
        untold_for = int(UNTOLD_FOR.total_seconds() * 1000)
        await self._erasures.sweep(now=self._clock(), untold_for=untold_for)

    async def _begin(self, erasure: Erasure) -> None:
        if await self._erasures.begin(erasure, until=self._clock() + CLAIM_MS):
            await self._go_on(erasure)

    async def _go_on(self, erasure: Erasure) -> None:
        if erasure.done_at is None:
            await self._erase_lent(erasure)
            patient = erasure.removes and not is_hopeless(self._clock, erasure.asked_at)
            await self._erase_tasks(erasure, patient=patient)
            if await self._erasures.open(erasure) or (patient and await self._erasures.names_them(erasure)):
                await self._erasures.later(erasure, due=self._clock() + AGAIN_MS)
                return
            await self._erase_lent(erasure)
            copies = await self._without_files(await self._erasures.set_copies(erasure))
            await self._erasures.forget_rest(erasure, copies=copies)
            erasure = await self._erasures.done(erasure, now=self._clock())
            log.info("erased", erasure=erasure.id, counts=dict(erasure.counts))
        await self._tell(erasure)

    async def _erase_lent(self, erasure: Erasure) -> None:
        """Their pictures in what others asked for. Those requests stay, and say that the picture is gone."""
        while (keys := await self._erasures.lent(erasure)) is not None:
            await self._without_files(keys)
            await self._erasures.forget_lent(erasure, copies=keys)
        await self._erasures.forget_begun(erasure)

    async def _erase_tasks(self, erasure: Erasure, *, patient: bool) -> None:
        """As many as are ready, some at a time."""
        await self._erasures.mark(erasure, now=self._clock())
        for task_id in await self._erasures.queued(erasure):
            await self._take_back(erasure, task_id)
        if patient:
            await self._remove_report_messages(erasure)
        while ready := await self._erasures.ready(erasure, now=self._clock(), patient=patient, limit=TASKS_AT_ONCE):
            keys = await self._erasures.copies(ready)
            await self._without_files(keys)
            await self._erasures.forget_tasks(erasure, ready, copies=keys, now=self._clock())

    async def _remove_report_messages(self, erasure: Erasure) -> None:
        """What moderators were told about their results."""
        for told in await self._erasures.report_messages(erasure, now=self._clock()):
            try:
                if told.channel_id is not None and told.message_id is not None:
                    place = Posted(channel_id=told.channel_id, message_id=told.message_id)
                    await self._delivery.remove_posting(place)
            except RouteClosed as closed:
                log.info("a message to moderators stays", erasure=erasure.id, error=str(closed))
            except ServiceError as error:
                log.info("a message to moderators is removed later", erasure=erasure.id, error=str(error))
                continue
            await self._erasures.report_removed(told)

    async def _take_back(self, erasure: Erasure, task_id: str) -> None:
        try:
            if erasure.person_id is not None:
                await self._cancel(task_id, erasure.person_id)
        except UserError as late:
            log.debug("it has left the line meanwhile", task=task_id, reason=late.reason)

    async def _without_files(self, keys: tuple[str, ...]) -> int:
        for key in keys:
            await self._copies.delete(key)
        return len(keys)

    async def _tell(self, erasure: Erasure) -> None:
        try:
            await self._delivery.tell_erased(erasure)
        except RouteClosed:
            await self._erasures.later(erasure, due=None)  # they find it with /privacy show
        except ServiceError as error:
            log.info("a receipt is told later", erasure=erasure.id, error=str(error))
            await self._erasures.later(erasure, due=self._clock() + AGAIN_MS)
        else:
            await self._erasures.told(erasure)
