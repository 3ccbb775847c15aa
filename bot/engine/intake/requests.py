"""Accept, repeat, cancel and withhold tasks for people."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import Final, TypeVar

import structlog

from bot.engine.availability.disk_space import DiskSpace
from bot.engine.cards.messages import CardMessages
from bot.engine.cards.progress import ProgressCards
from bot.engine.intake.checks import checked
from bot.engine.intake.models import for_model, model_for, offered_here
from bot.engine.limit_errors import limit_error
from bot.engine.policy import Policy
from bot.engine.ports import Card, Delivery
from bot.errors import BadReference, Conflict, Gone, NotFound, NotYours, Reason, TooLate
from storage.catalogue import DEFAULT, offered
from storage.community import Batch
from storage.limits import LimitExceeded
from storage.models import (
    UNNAMED,
    Derivation,
    Limits,
    NewReference,
    NewTask,
    Origin,
    Reference,
    Task,
    TaskState,
    released,
)
from storage.stores import Stores
from storage.tasks import Added, nothing
from storage.transitions import StaleTask

CANCEL_TRIES: Final = 3
QUIET_SECONDS: Final = 0.1
"""Longest time for which work waits for responses that are being made."""
UNSURE: Final = frozenset({TaskState.SETTLED, TaskState.CLOSED})
"""States in which the asker of an unconfirmed task has got, or is about to get, the "unconfirmed" message."""

Made = TypeVar("Made")

log = structlog.get_logger(__name__)


class Requests:
    """What people ask for. While a response to a person is being made, the engine begins no other work for a moment
    (`answering`, `quiet`): in one thread, that work would delay the response."""

    def __init__(
        self,
        *,
        stores: Stores,
        delivery: Delivery,
        cards: ProgressCards,
        policy: Policy,
        space: DiskSpace,
        wake: Callable[[], None],
        clock: Callable[[], int],
    ) -> None:
        self._clock = clock
        self._stores = stores
        self._delivery = delivery
        self._cards = cards
        self._card_messages = CardMessages(stores)
        self._policy = policy
        self._space = space
        self._wake = wake
        self._answering = 0
        """Number of responses that are being made."""
        self._answered = asyncio.Event()
        self._answered.set()

    @contextmanager
    def answering(self) -> Iterator[None]:
        """A response to a person is being made in the block."""
        self._answering += 1
        self._answered.clear()
        try:
            yield
        finally:
            self._answering -= 1
            if not self._answering:
                self._answered.set()

    async def quiet(self) -> None:
        """Wait until no response is being made, at most `QUIET_SECONDS`, because there may always be one."""
        if not self._answered.is_set():
            with suppress(TimeoutError):
                async with asyncio.timeout(QUIET_SECONDS):
                    await self._answered.wait()

    def limits_for(self, asker_id: int, guild_id: int | None) -> Limits:
        return self._policy.limits_for(asker_id, guild_id)

    async def accept(self, new: NewTask) -> Card:
        """Store a request and return its first card. Idempotent for the same interaction. Raises what `checked` raises,
        LimitReached, NoRoom; BadReference if an input picture was erased; NotFound if the parent task is not visible to
        the asker; Conflict if the asker already has an open task, not an undelivered one, that varies the same picture.
        Nothing is stored then."""
        return await self.accept_and(new, lambda card: card)

    async def accept_and(self, new: NewTask, make: Callable[[Card], Made]) -> Made:
        """Store a request as `accept` does, and return what `make` makes of its first card. That is made while the
        database writes the request to its disk, and must not be shown before this returns."""
        if new.parent_id is not None:
            await self.visible(new.parent_id, new.asker_id)
        making: list[asyncio.Task[Made]] = []
        added = await self._stored(
            new, written=lambda added: making.append(asyncio.create_task(self._made(added, make)))
        )
        if not added.is_new and added.task.interaction_id != new.interaction_id:
            raise Conflict(Reason.ASKED_AGAIN_ALREADY)
        return await making[-1]

    async def _made(self, added: Added, make: Callable[[Card], Made]) -> Made:
        return make(self._cards.made(added.task, added.facts))

    async def as_typed(self, proposal: Batch, origin: Origin) -> Card:
        """Make one task of a proposal, with the braces of its prompt left as they are, and return its first card.
        `origin` is the interaction that asks for it. Raises what `accept` raises, except Conflict, and Gone if the
        proposal was answered or deleted already."""
        new = replace(proposal.asked, **origin.fields())
        if new.parent_id is not None:
            await self.visible(new.parent_id, new.asker_id)
        added = await self._stored(new, proposal)
        return self._cards.made(added.task, added.facts)

    async def again(self, task_id: str, origin: Origin, *, message_id: int | None = None) -> Card:
        """
        Repeat a request as a new task of the person who asks, with the stored copies of its references, if any, and
        with another model if its own is switched off or not offered here. `message_id` is the message with the button.

        Raises what `accept` raises; NotYours for another person's failed task; NotFound if the task is not visible to
        the person; Conflict if the person is repeating the task already (a double click is charged once), or if the
        create was found after it had been reported as unconfirmed and the button may be in the old message.
        """
        task = await self.visible(task_id, origin.asker_id)
        if task.reason is not None and task.asker_id != origin.asker_id:
            raise NotYours
        if task.reason is None and await self._got_through(task, message_id):
            raise Conflict(Reason.GOT_THROUGH)
        request = replace(task.request, references=await self.references_again(task, origin.asker_id))
        settings = await self._stores.guilds.settings(origin.guild_id)
        models, here = self._policy.models, offered(self._policy.models, settings.models)
        model, replaced = model_for((task.model, settings.model, DEFAULT.key), request, here, models)
        repeated = NewTask(
            **origin.fields(),
            request=for_model(request, model) if replaced else request,
            again_of=task.id,
            derivation=Derivation.AGAIN,
            parent_id=task.id,
            parameters=replaced,
        )
        added = await self._stored(repeated)
        if not added.is_new and added.task.interaction_id != origin.interaction_id:
            raise Conflict(Reason.ASKED_AGAIN_ALREADY)
        return self._cards.made(added.task, added.facts)

    async def references_again(self, task: Task, asker_id: int) -> tuple[NewReference, ...]:
        """Return the input pictures of a task as input for another task of this person: the stored copies, if any.
        Copies of a task that ended uncharged are deleted soon; the original is then downloaded again. Raises
        BadReference if a picture was erased with the data of its owner."""
        references = await self._stores.references.of_task(task.id)
        return tuple(_once_more(reference, asker_id, spoiler=task.spoiler) for reference in references)

    async def visible(self, task_id: str, user_id: int) -> Task:
        """Return the task. Raises NotFound, also if another person's task is private or removed."""
        task = await self._known(task_id)
        if not visible_to(task, user_id):
            raise NotFound(Reason.TASK_UNKNOWN)
        return task

    async def _got_through(self, task: Task, message_id: int | None) -> bool:
        """Return whether the task was adopted after the asker got the "unconfirmed" message, and the button may have
        been in that old message."""
        events = await self._stores.tasks.events(task.id)
        if not any(event.before in UNSURE and event.after is TaskState.GENERATING for event in events):
            return False
        return message_id is None or message_id not in {
            part.message_id for part in await self._stores.parts.of_task(task.id)
        }

    async def cancel(self, task_id: str, user_id: int) -> Task:
        """Cancel a queued task of this person. Raises NotFound as `visible` does, NotYours for another person's task,
        and TooLate if the task is no longer queued or keeps changing."""
        for _ in range(CANCEL_TRIES):
            task = await self.visible(task_id, user_id)
            if task.asker_id != user_id:
                raise NotYours
            if task.state is not TaskState.QUEUED:
                raise TooLate(Reason.TOO_LATE_TO_CANCEL)
            now = self._clock()
            try:
                cancelled = await self._stores.tasks.move(
                    task, TaskState.CANCELLED, now=now, why="by the asker", **released(now)
                )
            except StaleTask:
                continue
            await self._cards.show(cancelled)
            return cancelled
        raise TooLate(Reason.TOO_LATE_TO_CANCEL)

    async def withhold(self, task_id: str, user_id: int, *, withheld: bool) -> None:
        """Set whether the pictures of a task are only stored, or posted; a failure is posted in any case. Raises
        NotFound as `visible` does, NotYours for another person's task, and TooLate unless the task is submitting or
        generating."""
        task = await self.visible(task_id, user_id)
        if task.asker_id != user_id:
            raise NotYours
        changed = await self._stores.tasks.withhold(task_id, withheld_at=self._clock() if withheld else None)
        if changed is None:
            kept = task.withheld_at is not None and task.reason is None
            raise TooLate(Reason.TOO_LATE_TO_POST if kept else Reason.TOO_LATE_TO_WITHHOLD)
        await self._cards.show(changed)

    async def card_posted(self, card: Card, message_id: int) -> None:
        """Store that the first response was posted as this card, once no other response is being made. If the task was
        closed since, delete the card, unless it is the outcome by now; if the task moved on otherwise, update the card.
        Raises NotFound if the task is gone, and Unavailable if the deletion fails."""
        await self.quiet()
        self._delivery.cards.posted(card)
        progress = await self._card_messages.posted(card.task.id, message_id)
        if progress == (card.task.state, card.task.prepared_at) and card.task.state is not TaskState.CLOSED:
            return
        task = await self._known(card.task.id)
        if task.state is TaskState.CLOSED:
            await self._delivery.cards.remove(task)
        else:
            await self._cards.show(task)

    async def _stored(
        self, asked: NewTask, proposal: Batch | None = None, *, written: Callable[[Added], object] = nothing
    ) -> Added:
        """Store the task, in place of the proposal if there is one. `written`: as in `TaskStore.add`. Raises what
        `checked` and `check_there` raise, LimitReached, NoRoom, and Gone if the proposal was answered already."""
        models = self._policy.models
        new = checked(asked, models, await offered_here(self._stores, models, asked.guild_id))
        check_there(new)
        only_words = not new.request.references
        if not only_words:
            await self._space.require()
        limits = self._policy.limits_for(new.asker_id, new.guild_id)
        try:
            async with self._space.writing():
                stored = await self._add(new, proposal, limits, prepared=only_words, written=written)
        except LimitExceeded as reached:
            raise limit_error(reached) from None
        self._wake()
        return stored

    async def _add(
        self,
        new: NewTask,
        proposal: Batch | None,
        limits: Limits,
        *,
        prepared: bool,
        written: Callable[[Added], object],
    ) -> Added:
        now = self._clock()
        if proposal is None:
            return await self._stores.tasks.add(new, limits, now=now, prepared=prepared, written=written)
        added = await self._stores.batches.make_one(proposal.id, new, limits, now=now, prepared=prepared)
        if added is None:
            raise Gone(Reason.BATCH_GONE)
        return added

    async def _known(self, task_id: str) -> Task:
        task = await self._stores.tasks.get(task_id)
        if task is None:
            raise NotFound(Reason.TASK_UNKNOWN)
        return task


def check_there(new: NewTask) -> None:
    """Check that no input picture was erased with the data of its owner. Raises BadReference."""
    for reference in new.request.references:
        if reference.is_gone:
            raise BadReference(Reason.REFERENCE_ERASED, filename=reference.filename)


def _once_more(reference: Reference, asker_id: int, *, spoiler: bool) -> NewReference:
    """Return a reference as input for another task. Another person's picture is used without its filename and, while a
    stored copy exists, without its URL: Discord's URL contains the filename, and its file contains everything that was
    in the original. Where the copy was converted, the URL leads to a file that the image API must not get. Raises
    BadReference."""
    if reference.is_gone:
        raise BadReference(Reason.REFERENCE_ERASED, filename=reference.filename)
    of_another = reference.is_of_another(asker_id)
    return NewReference(
        kind=reference.kind,
        url="" if (of_another or reference.is_converted) and reference.key is not None else reference.url,
        filename=UNNAMED if of_another else reference.filename,
        declared_type=reference.declared_type,
        declared_bytes=reference.declared_bytes,
        stored_key=reference.key or reference.stored_key,
        owner_id=reference.owner_id,
        spoiler=spoiler,
    )


def visible_to(task: Task, user_id: int) -> bool:
    """Return whether the person may see the task and work with it: it is their own, or neither private nor removed."""
    return task.asker_id == user_id or not (task.private or task.removed_at is not None)
