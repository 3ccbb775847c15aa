"""
Update the messages of a result after the result was hidden, shown again or removed, and after a picture that was
delivered as a link was downloaded.

A late picture is put into the message that shows its link. If that message cannot be edited (an ephemeral message whose
token has expired, a channel that is closed to the bot), the picture is sent to the asker once as a direct message; if
direct messages are closed too, the asker can find the picture with the commands. A message that somebody deleted is not
replaced.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Final

import structlog

from bot.engine.outbox.attempts import Attempts, WorkKind
from bot.engine.outbox.worker import OutboxWorker, is_hopeless
from bot.engine.outcomes import outcome_of, outcome_of_repost
from bot.engine.ports import Delivery, Outcome, Posted
from bot.errors import MessageGone, RouteClosed, ServiceError
from storage.community import Repost, RepostKind
from storage.models import LATE_PARTS, OutcomePart, Route, Task
from storage.pictures import MissingCopy
from storage.stores import Stores

RETRY_MS: Final = 60_000

FOR_ASKER: Final = frozenset({Route.EPHEMERAL, Route.DIRECT, Route.COLLECTED})
"""Routes whose messages only the asker sees."""

log = structlog.get_logger(__name__)


class MessageSync:
    def __init__(
        self,
        *,
        stores: Stores,
        delivery: Delivery,
        attempts: Attempts,
        clock: Callable[[], int],
    ) -> None:
        self._stores = stores
        self._reposts = stores.reposts
        self._late = stores.late_pictures
        self._delivery = delivery
        self._clock = clock
        self.outbox = OutboxWorker(
            WorkKind.MESSAGE_SYNC,
            stores.curation.outbox,
            subject=lambda task: task.id,
            work=self._sync,
            retry_at=lambda _task, _error: clock() + RETRY_MS,
            give_up=stores.curation.outbox.finish,
            attempts=attempts,
            clock=clock,
        )

    async def _sync(self, task: Task) -> int | None:
        """Update each message on its own, so that a message that cannot be reached does not block the others. Return
        when (ms) to retry, or None if nothing is left or the update was last asked for a day ago."""
        outcome = await outcome_of(self._stores, task)
        reposts = await self._reposts.of_task(task.id)
        late = [picture for picture in outcome.pictures if picture.late_at is not None]
        parts = _posted_parts(await self._parts(task))
        try:
            updated = [
                await _tried(task, self._part(outcome, part, for_asker=is_for_asker(task, part, reposts)))
                for part in parts
            ]
            updated += [
                await _tried(task, self._posting(outcome, repost))
                for repost in reposts
                if repost.message_id is not None
            ]
            if late and task.removed_at is None:
                updated.append(await _tried(task, self._send_apart(outcome)))
        except MissingCopy as missing:
            log.warning("late result copy lost before delivery, downloading again", task=task.id, key=str(missing))
            for picture in late:
                await self._late.lost(picture, now=self._clock())
            updated = [False]
        if task.removed_at is not None and task.card_message_id is not None:
            updated.append(await _tried(task, self._delivery.cards.remove(task)))
        if not all(updated):
            if not is_hopeless(self._clock, task.sync_asked_at or 0):
                return self._clock() + RETRY_MS
            log.warning(
                "message update given up: it failed for a day, messages that are not updated stay as they are",
                task=task.id,
            )
        await self._late.delivered(late)
        return None

    async def _parts(self, task: Task) -> list[OutcomePart]:
        """Return the parts of a task; if the task is removed, also the message of an earlier outcome that was
        withdrawn."""
        parts = [*await self._stores.parts.of_task(task.id)]
        if task.removed_at is not None and (before := await self._stores.parts.withdrawn(task.id)):
            parts.append(before)
        return parts

    async def _part(self, outcome: Outcome, part: OutcomePart, *, for_asker: bool) -> None:
        """Remove or edit one part. Messages that only the asker sees are removed only if the asker removed the result,
        and are never hidden."""
        task, late = outcome.task, _late_of(outcome, part)
        if task.removed_at is not None:
            if not for_asker or task.removed_by == task.asker_id:
                await self._delivery.messages.remove(outcome, part)
        elif task.reason is None and (late or not for_asker):
            shown = replace(outcome, task=replace(task, hidden_at=None)) if for_asker else outcome
            try:
                await self._delivery.messages.redraw(shown, part)
            except MessageGone:
                raise
            except RouteClosed as closed:
                if not late:
                    raise
                log.info(
                    "late result not added: its message cannot be edited, to be sent as a direct message instead",
                    task=task.id,
                    error=str(closed),
                )
                await self._late.send_apart(task.id, late)

    async def _send_apart(self, outcome: Outcome) -> None:
        """Send late pictures that have a separate part. After an attempt without a response, the message is searched
        for first."""
        own = replace(outcome, task=replace(outcome.task, hidden_at=None))
        for part in await self._stores.parts.of_task(outcome.task.id):
            if part.number >= LATE_PARTS and part.message_id is None and _late_of(outcome, part):
                await self._late.attempt(part, now=self._clock())
                tried = replace(part, attempted_at=part.attempted_at or outcome.task.backed_up_at)
                posted = await self._delivery.outcomes.post(own, tried, uncertain=tried.attempted_at is not None)
                await self._stores.parts.posted(part, channel_id=posted.channel_id, message_id=posted.message_id)

    async def _posting(self, outcome: Outcome, repost: Repost) -> None:
        if repost.message_id is None:
            return
        if outcome.task.removed_at is not None or repost.removed_at is not None:
            place = Posted(channel_id=repost.channel_id, message_id=repost.message_id)
            await self._delivery.messages.delete(place)
        else:
            shown = await outcome_of_repost(self._stores, outcome.task, repost)
            await self._delivery.messages.redraw_repost(shown, repost)


def _posted_parts(parts: Sequence[OutcomePart]) -> list[OutcomePart]:
    """Return the parts that exist as messages. Parts by the route `collected` are merged into one, because they are in
    one message."""
    posted = [part for part in parts if part.message_id is not None and part.route is not Route.COLLECTED]
    collected = [part for part in parts if part.message_id is not None and part.route is Route.COLLECTED]
    if collected:
        positions = sorted(position for part in collected for position in part.pictures)
        posted.append(replace(collected[0], pictures=tuple(positions)))
    return posted


def is_for_asker(task: Task, part: OutcomePart, reposts: Sequence[Repost]) -> bool:
    """Return whether only the asker sees the message of a part. `reposts`: of the task; a result that was published was
    private before, and its first answer stays ephemeral."""
    published = any(repost.kind is RepostKind.PUBLISHED for repost in reposts)
    return part.route in FOR_ASKER or task.private or published


def _late_of(outcome: Outcome, part: OutcomePart) -> tuple[int, ...]:
    """Return the positions of the late pictures of a part."""
    late = [picture.position for picture in outcome.pictures if picture.late_at is not None]
    return tuple(position for position in late if position in part.pictures)


async def _tried(task: Task, doing: Awaitable[None]) -> bool:
    """Run one update. Return False if it must be retried; a closed route counts as done."""
    try:
        await doing
    except MessageGone:
        log.debug("update of one message not needed: it was deleted, the others are updated", task=task.id)
    except RouteClosed as closed:
        log.info(
            "update of one message given up: its route is closed, it stays as it is or unsent",
            task=task.id,
            error=str(closed),
        )
    except ServiceError as error:
        log.info("message update failed, will retry for up to a day", task=task.id, error=str(error))
        return False
    return True
