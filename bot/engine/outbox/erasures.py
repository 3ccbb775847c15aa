"""
Erase what is stored about a person, and send the person a receipt of what was erased.

Every step is idempotent, so a crash only delays an erasure. The tasks are marked, queued tasks are cancelled, and
charged tasks finish without being posted. Then the messages are deleted, if the person asked for that, then the files,
then the rows. The person's pictures are also deleted from other people's requests: first of all, and again at the end,
because a request made during the erasure may have used such a picture.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Final

import structlog

from bot.engine.clock import is_doubtful
from bot.engine.outbox.attempts import Attempts, WorkKind
from bot.engine.outbox.worker import OutboxWorker, is_hopeless
from bot.engine.ports import Delivery, Posted
from bot.errors import RouteClosed, ServiceError, UserError
from storage.community import Erasure
from storage.erasures import PAUSE_MS
from storage.pictures import PictureStore
from storage.stores import Stores

TASKS_AT_ONCE: Final = 50
AGAIN_MS: Final = 15_000
"""ms. Interval at which an unfinished erasure, or a receipt that could not be sent, is retried."""
UNSEEN_FOR: Final = timedelta(days=30)
"""How long a person who could not be reached finds the receipt with `/privacy show`."""

log = structlog.get_logger(__name__)


class Erasures:
    def __init__(
        self,
        *,
        stores: Stores,
        picture_store: PictureStore,
        delivery: Delivery,
        cancel: Callable[[str, int], Awaitable[object]],
        attempts: Attempts,
        clock: Callable[[], int],
    ) -> None:
        self._erasures = erasures = stores.erasures
        self._picture_store = picture_store
        self._delivery = delivery
        self._cancel = cancel
        self._clock = clock
        self.outbox = OutboxWorker(
            WorkKind.ERASURE,
            erasures.outbox,
            subject=lambda erasure: erasure.id,
            work=self._erase,
            retry_at=lambda _erasure, _error: clock() + AGAIN_MS,
            give_up=lambda erasure: erasures.outbox.postpone(erasure, due=clock() + PAUSE_MS),
            attempts=attempts,
            clock=clock,
        )

    async def ask(self, person_id: int, *, removes: bool, locale: str, token: str) -> tuple[Erasure, bool]:
        """Request the erasure of everything stored about the person now. `removes`: also delete the messages in
        Discord. If an earlier erasure is unfinished, return that one, with its own options, and False; if it is paused,
        it continues."""
        return await self._erasures.ask(person_id, removes=removes, locale=locale, token=token, now=self._clock())

    async def receipt_seen(self, erasure: Erasure) -> None:
        """Record that the person has seen the receipt, and forget who the person is."""
        await self._erasures.receipt_seen(erasure)

    async def sweep(self) -> None:
        """Forget the person of each erasure whose receipt could not be delivered for `UNSEEN_FOR`, and the numbers of
        erased pictures that no longer count towards limits. Do nothing while the clock is doubtful."""
        if is_doubtful(self._clock):
            return
        unseen_for = int(UNSEEN_FOR.total_seconds() * 1000)
        await self._erasures.sweep(now=self._clock(), unseen_for=unseen_for)

    async def _erase(self, erasure: Erasure) -> int | None:
        """Do what can be done now. Return when (ms) to continue, or None when the receipt was sent or can only be shown
        by `/privacy show`."""
        if erasure.done_at is None:
            await self._erase_lent(erasure)
            patient = erasure.removes and not is_hopeless(self._clock, erasure.asked_at)
            await self._erase_tasks(erasure, patient=patient)
            if await self._erasures.open(erasure) or (patient and await self._erasures.names_them(erasure)):
                return self._clock() + AGAIN_MS
            await self._erase_lent(erasure)
            copies = await self._without_files(await self._erasures.set_copies(erasure))
            await self._erasures.forget_rest(erasure, copies=copies)
            erasure = await self._erasures.done(erasure, now=self._clock())
            log.info("erasure finished", erasure=erasure.id, counts=dict(erasure.counts))
        return await self._send_receipt(erasure)

    async def _erase_lent(self, erasure: Erasure) -> None:
        """Delete the person's pictures from other people's requests. These requests stay, and say that the picture is
        gone. Other people's forms and batches that are only begun lose it too."""
        while (keys := await self._erasures.lent(erasure)) is not None:
            await self._without_files(keys)
            await self._erasures.forget_lent(erasure, copies=keys)
        await self._erasures.forget_begun(erasure)

    async def _erase_tasks(self, erasure: Erasure, *, patient: bool) -> None:
        """Mark the person's tasks, cancel the queued ones, and delete those that are ready, `TASKS_AT_ONCE` at a time.
        `patient`: a task is ready only after its messages were deleted."""
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
        """Delete the messages to moderators about the person's results."""
        for report_message in await self._erasures.report_messages(erasure, now=self._clock()):
            try:
                if report_message.channel_id is not None and report_message.message_id is not None:
                    place = Posted(channel_id=report_message.channel_id, message_id=report_message.message_id)
                    await self._delivery.messages.delete(place)
            except RouteClosed as closed:
                log.info(
                    "deleting moderators' message failed: route closed, the message stays",
                    erasure=erasure.id,
                    error=str(closed),
                )
            except ServiceError as error:
                log.info(
                    "deleting moderators' message failed, will retry for up to a day",
                    erasure=erasure.id,
                    error=str(error),
                )
                continue
            await self._erasures.report_removed(report_message)

    async def _take_back(self, erasure: Erasure, task_id: str) -> None:
        try:
            if erasure.person_id is not None:
                await self._cancel(task_id, erasure.person_id)
        except UserError as late:
            log.debug(
                "task not cancelled for erasure: gone, changing or no longer queued", task=task_id, reason=late.reason
            )

    async def _without_files(self, keys: tuple[str, ...]) -> int:
        for key in keys:
            await self._picture_store.delete(key)
        return len(keys)

    async def _send_receipt(self, erasure: Erasure) -> int | None:
        try:
            await self._delivery.receipts.send(erasure)
        except RouteClosed:
            return None  # the receipt is shown by /privacy show
        except ServiceError as error:
            log.info(
                "sending erasure receipt failed, will retry for up to 30 days", erasure=erasure.id, error=str(error)
            )
            return self._clock() + AGAIN_MS
        await self._erasures.receipt_seen(erasure)
        return None
