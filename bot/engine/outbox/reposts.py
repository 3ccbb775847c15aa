"""Repost results: publish them, show them again, copy them to a gallery. Each repost is posted once, even after a
crash."""

from __future__ import annotations

from collections.abc import Callable

import structlog

from bot.engine.outbox.attempts import Attempts, WorkKind
from bot.engine.outbox.worker import OutboxWorker, again_at, is_hopeless
from bot.engine.outcomes import outcome_of_repost
from bot.engine.ports import Delivery
from bot.errors import Gone, Reason, RouteClosed, ServiceError
from storage.community import NewRepost, Repost
from storage.pictures import MissingCopy
from storage.stores import Stores

log = structlog.get_logger(__name__)


class Reposts:
    def __init__(
        self,
        *,
        stores: Stores,
        delivery: Delivery,
        attempts: Attempts,
        clock: Callable[[], int],
    ) -> None:
        self._stores = stores
        self._reposts = reposts = stores.reposts
        self._delivery = delivery
        self._clock = clock
        self.outbox = OutboxWorker(
            WorkKind.REPOST,
            reposts.outbox,
            subject=lambda repost: repost.id,
            work=self._post,
            retry_at=lambda repost, _: again_at(clock(), repost.failures),
            give_up=reposts.drop,
            attempts=attempts,
            clock=clock,
            final=(RouteClosed, Gone),
        )

    async def ask(self, new: NewRepost) -> tuple[Repost, bool]:
        """Store a repost, which the outbox posts. Return the stored repost, and False if it was already stored."""
        return await self._reposts.add(new, now=self._clock())

    async def post_now(self, new: NewRepost) -> Repost:
        """Store a repost and post it at once. The returned repost has no `message_id` if it is not posted yet: Discord
        failed and the outbox will retry, or another worker posts it. Raises RouteClosed, and Gone if the result was
        removed or the file of a stored copy is gone; the repost is then dropped and can be requested again. Raises Gone
        also if this repost was removed before; that one is not dropped."""
        repost, _ = await self.ask(new)
        if repost.removed_at is not None:
            raise Gone(Reason.TAKEN_OUT)
        if repost.message_id is None:
            await self.outbox.do(repost)
        return await self._reposts.get(repost.id) or repost

    async def _post(self, repost: Repost) -> None:
        """Post a claimed repost. Drop it if it cannot be posted: always after RouteClosed and Gone, which are raised,
        and after any other ServiceError once the repost is a day old; that one is not raised."""
        try:
            message_id = await self._message_of(repost)
        except (RouteClosed, Gone):
            await self._reposts.drop(repost)
            raise
        except ServiceError as error:
            if not is_hopeless(self._clock, repost.asked_at):
                raise
            log.warning(
                "repost given up: it failed for a day, it can be asked for again",
                task=repost.task_id,
                kind=repost.kind.value,
                error=str(error),
            )
            await self._reposts.drop(repost)
        else:
            await self._reposts.posted(repost, message_id=message_id, now=self._clock())

    async def _message_of(self, repost: Repost) -> int:
        task = await self._stores.tasks.get(repost.task_id)
        if task is None or task.removed_at is not None:
            raise Gone(Reason.TAKEN_OUT)
        outcome = await outcome_of_repost(self._stores, task, repost)
        try:
            posted = await self._delivery.outcomes.repost(outcome, repost, uncertain=repost.attempted_at is not None)
        except MissingCopy:
            raise Gone(Reason.PICTURE_GONE) from None
        return posted.message_id
