"""
Deliver batches: render their messages from the rows whenever something has changed, and mention the asker once at the
end.

Every attempt to post is stored first; if its result is unknown, the next attempt searches for the message. A message
that somebody deletes before the batch is closed is posted again. Where the bot may not post, the whole batch goes to
the asker as direct messages. If these are closed too, the batch is kept for its asker, who collects it message by
message: each interaction of the asker is stored before it is acknowledged, and its answer becomes the next message.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from typing import Final

import structlog

from bot.engine.availability.alerts import OperatorAlerts
from bot.engine.batch_view import BatchEntry, BatchEntryState, BatchView
from bot.engine.outbox.attempts import Attempts, WorkKind
from bot.engine.outbox.worker import CLAIM_MS, OutboxWorker, again_at, is_hopeless
from bot.engine.outcomes import missing_of
from bot.engine.ports import Delivery, Posted
from bot.engine.timing.schedule import late_retry_ms
from bot.engine.work.byte_budget import ByteBudget
from bot.errors import MessageGone, Reason, RouteClosed
from storage.batches import BatchStore, StaleBatch, first_of
from storage.community import Batch, BatchMessage
from storage.models import Route
from storage.stores import Stores

EVERY_MS: Final = 3_000
"""Shortest interval between two edits of a message."""
MESSAGES_AT_ONCE: Final = 3
"""Batches delivered at the same time. Each may hold 24 MiB, and wait for half a minute while Discord has trouble."""
MESSAGES_PER_PERSON: Final = 2
KEPT_RETRY_MS: Final = 60 * 60 * 1000
"""ms. Delay before the next attempt if every route to the asker is closed."""

log = structlog.get_logger(__name__)


class BatchDelivery:
    def __init__(
        self,
        *,
        batches: BatchStore,
        stores: Stores,
        delivery: Delivery,
        operator: OperatorAlerts,
        attempts: Attempts,
        clock: Callable[[], int],
    ) -> None:
        self._batches = batches
        self._undelivered = stores.undelivered_batches
        self._stores = stores
        self._delivery = delivery
        self._operator = operator
        self._clock = clock
        self._turns = ByteBudget(MESSAGES_AT_ONCE, caps=(MESSAGES_PER_PERSON,))
        self.outbox = OutboxWorker(
            WorkKind.BATCH,
            batches.outbox,
            subject=lambda batch: batch.id,
            work=self._deliver,
            retry_at=lambda batch, _: again_at(clock(), batch.failures),
            give_up=self._give_up,
            attempts=attempts,
            clock=clock,
            turn=self._turn,
        )

    async def read(self, batch: Batch) -> BatchView:
        pictures = await self._batches.pictures(batch.id)
        tasks = await self._batches.tasks(batch.id)
        entries = [
            BatchEntry(task=task, pictures=pictures.get(task.id, ()), missing=await missing_of(self._stores, task))
            for task in tasks
        ]
        return BatchView(batch=batch, entries=tuple(entries))

    def _turn(self, batch: Batch) -> AbstractAsyncContextManager[None]:
        return self._turns.taken(1, holders=(batch.asked.asker_id,))

    async def _deliver(self, batch: Batch) -> int | None:
        """Update all messages of a claimed batch. Return when (ms) to continue, or None until a task changes."""
        with structlog.contextvars.bound_contextvars(batch=batch.id):
            try:
                return await self._by_route(await self._answered(batch))
            except StaleBatch:
                log.info("batch delivery stopped: another worker claimed the batch")
                return None

    async def _by_route(self, batch: Batch) -> int | None:
        try:
            return await self._update(batch)
        except RouteClosed as closed:
            return await self._elsewhere(batch, closed)

    async def _answered(self, claimed: Batch) -> Batch:
        """Answer the interaction with which the asker came for the batch, if there is one, and return the batch as it
        is then. The row is read again, as the asker may have come between the reading of the due rows and the claim.
        Raises StaleBatch, Unavailable."""
        found = await self._batches.get(claimed.id)
        if found is None:
            raise StaleBatch(f"batch {claimed.id} was deleted")
        batch = replace(found, owner=claimed.owner)
        if batch.collect_at is None:
            return batch
        try:
            return await self._hand_over(await self.read(batch))
        except RouteClosed as closed:
            log.info(
                "batch hand-over failed: the asker's interaction cannot be answered, other routes are tried",
                error=str(closed),
            )
            return await self._undelivered.not_collected(batch)

    async def _hand_over(self, shared: BatchView) -> Batch:
        """Show the asker the next message that they have not collected, and close the batch with the last one. If there
        is none, say so. Return the batch as stored then. Raises StaleBatch, RouteClosed, Unavailable."""
        batch, now = replace(shared.batch, route=Route.COLLECTED), self._clock()
        collected = {message.number for message in await self._batches.messages(batch) if message.message_id}
        left = [number for number in shared.begun() if number not in collected]
        if batch.closed_at is not None or shared.is_removed or not left:
            await self._delivery.batches.hand_over(shared, None, more=False)
            if shared.is_over and not left:
                await self._batches.close(batch, now=now)
            return await self._undelivered.not_collected(shared.batch)
        last = len(left) == 1 and shared.is_over
        message, _ = await self._batches.attempt(batch, left[0], now=now, until=now + CLAIM_MS)
        posted = await self._delivery.batches.hand_over(shared, message, more=len(left) > 1)
        await self._undelivered.collected(batch, message, message_id=posted.message_id, last=last, now=now)
        return replace(batch, collect_at=None, closed_at=now if last else None)

    async def _give_up(self, batch: Batch) -> None:
        """Handle a batch whose messages have crashed the process too often: deliver its pictures as links. If links
        were tried already, close the batch without further messages; its pictures can still be found with the
        commands."""
        now = self._clock()
        task_ids = [task.id for task in await self._batches.tasks(batch.id)]
        if await self._stores.pictures.deliver_as_links(task_ids, due=now + late_retry_ms(0)):
            return
        claimed = await self._batches.outbox.claim(batch, now=now, until=now + CLAIM_MS)
        if claimed is not None:
            await self._batches.close(claimed, now=now)
            await self._batches.outbox.finish(claimed)

    async def _update(self, batch: Batch) -> int | None:
        """Update all messages of the batch, and notify the asker once the batch is over. Return the time (ms) of the
        next update if a message was edited too recently; None waits for the next change of a task. Raises
        RouteClosed."""
        shared = await self.read(batch)
        messages = {message.number: message for message in await self._batches.messages(batch)}
        if shared.is_removed or not shared.entries:
            await self._removed(shared)
            return None
        if shared.batch.route is Route.COLLECTED:  # the asker's answers cannot be edited, and get the rest
            return None
        fresh = [await self._message(shared, number, messages.get(number)) for number in shared.begun()]
        if not all(fresh):
            return self._clock() + EVERY_MS
        if batch.closed_at is None and shared.is_over:
            await self._ended(shared)
        return None

    async def _message(self, shared: BatchView, number: int, message: BatchMessage | None) -> bool:
        """Post or edit one message if its contents changed. Return False if it is too soon for another edit, or the
        batch has just been closed."""
        look = shared.look(number)
        if message is not None and message.message_id is not None:
            if message.shows == look:
                return True
            if self._clock() - (message.shown_at or 0) < EVERY_MS:
                return False
        try:
            await self._show(shared, number, look)
        except MessageGone:
            if message is None:
                raise
            return await self._gone(shared, message, look)
        return True

    async def _show(self, shared: BatchView, number: int, look: str, *, again: bool = False) -> None:
        now = self._clock()
        message, uncertain = await self._batches.attempt(
            shared.batch, number, now=now, until=now + CLAIM_MS, backed_up_at=shared.backed_up_at, again=again
        )
        posted = await self._delivery.batches.show(shared, message, uncertain=uncertain)
        await self._batches.shown(
            message, channel_id=posted.channel_id, message_id=posted.message_id, shows=look, now=self._clock()
        )

    async def _gone(self, shared: BatchView, message: BatchMessage, look: str) -> bool:
        """Handle a message that somebody deleted: post it again, unless the batch is closed. A message deleted after
        that stays deleted. A batch that was restored from a backup was probably delivered and removed since: close it,
        and return False."""
        if shared.batch.closed_at is not None:
            return True
        if shared.backed_up_at is not None:
            log.warning("restored batch closed without further messages: one was deleted, its tasks can be looked up")
            await self._batches.close(shared.batch, now=self._clock())
            return False
        await self._batches.forget(message)
        await self._show(shared, message.number, look, again=True)
        return True

    async def _ended(self, shared: BatchView) -> None:
        """Notify the asker, unless every task was cancelled, and close the batch."""
        batch, now = shared.batch, self._clock()
        if shared.count(BatchEntryState.CANCELLED) < len(shared.entries):
            await self._batches.attempt_ending(batch, now=now, until=now + CLAIM_MS)
            first = next(iter(await self._batches.messages(batch)))
            uncertain = batch.ending_attempted_at is not None
            posted = await self._delivery.batches.end(shared, first, uncertain=uncertain)
            await self._batches.ended(batch, (posted.channel_id, posted.message_id))
        await self._batches.close(batch, now=now)

    async def _removed(self, shared: BatchView) -> None:
        """Delete all messages of the batch, also the notice that the batch is complete, and close the batch."""
        batch = shared.batch
        for message in await self._batches.all_messages(batch):
            place = _place(message.message_channel_id, message.message_id)
            if message.route is not Route.COLLECTED:
                await self._delivery.batches.remove(shared, message.route, message.nonce, place)
            await self._batches.forget(message)
        if batch.ending_attempted_at is not None:
            place = _place(batch.ending_channel_id, batch.ending_message_id)
            await self._delivery.batches.remove(shared, batch.route, batch.ending_nonce, place)
            await self._batches.ended(batch, None)
        await self._batches.close(batch, now=self._clock())

    async def _elsewhere(self, batch: Batch, closed: RouteClosed) -> int | None:
        """Handle a closed route: switch from the channel to direct messages; if those are closed too, keep a complete
        batch for its asker, and retry every hour from the first route, until 24 h after the start of the batch. A batch
        that is closed already is left as it is. Return when (ms) to continue. Raises StaleBatch."""
        now = self._clock()
        if batch.closed_at is not None:
            log.info(
                "batch messages not updated: route closed after the end of the batch, tried again if a task changes",
                error=str(closed),
            )
            return None
        if batch.route is Route.CHANNEL:
            log.info("batch not delivered: channel closed, direct messages are tried", error=str(closed))
            await self._batches.reroute(batch, Route.DIRECT)
            return now
        shared, first = await self.read(batch), first_of(batch.asked.reach)
        hopeless = is_hopeless(self._clock, batch.begun_at or 0)
        if shared.has_outcome:
            await self._keep(batch, first)
        elif hopeless and (shared.is_over or shared.is_removed):
            log.warning("batch closed: every route to the asker is closed, and it has no outcome to show")
            await self._batches.close(batch, now=now)
        else:
            await self._batches.reroute(batch, first)
        return None if hopeless else now + KEPT_RETRY_MS

    async def _keep(self, batch: Batch, route: Route) -> None:
        """Keep a complete batch for its asker; alert the operator the first time. Raises StaleBatch."""
        if batch.undelivered_at is None:
            log.error("batch not delivered: kept for the asker, retried hourly until a day after its start")
            await self._operator.alert(Reason.NOBODY_TOLD)
        await self._undelivered.keep(batch, route, now=self._clock())


def _place(channel_id: int | None, message_id: int | None) -> Posted | None:
    return Posted(channel_id=channel_id, message_id=message_id) if channel_id and message_id else None
