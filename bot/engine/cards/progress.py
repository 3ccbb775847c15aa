"""Show the progress of waiting tasks on their cards. A card is computed from the rows each time and passed to delivery,
which decides when to edit the message."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Final, Protocol

from bot.discord_limits import INTERACTION_LIFE
from bot.engine.ports import Card, CardPhase, Delivery
from bot.engine.timing import schedule
from bot.engine.timing.durations import LearnedDurations
from bot.errors import Reason
from storage.card_facts import CardFacts, Offered
from storage.models import Reach, Reference, Task, TaskState
from storage.shards import Shards
from storage.stores import Stores

SHOWN: Final = 100
"""Most tasks whose cards are updated periodically: so many at the head of the queue, and so many that have been
`generating` longest and are not overdue. The cards of the other tasks follow as those tasks move up."""
BACK: Final = 1000
"""Number of tasks, longest waiting first, whose cards say at a start that the work continues."""
MOST_LOOKS: Final = 20_000
"""Tasks in work of which it is remembered what their cards show, and how those of generating ones look."""
BEGUN: Final = frozenset({TaskState.SUBMITTING, TaskState.GENERATING, TaskState.SETTLED})
LEAVES_AFTER_MS: Final = 13 * 60 * 1000
"""ms. From this age on, the card of a task that can only be answered through its interaction says how the result will
come."""
LAST_EDIT_MS: Final = INTERACTION_LIFE // timedelta(milliseconds=1)
"""ms. After this age, a card that answers an interaction cannot be edited."""


class TroubleSince(Protocol):
    def __call__(self, model: str, *, with_pictures: bool) -> int | None:
        """Return since when (ms) the image API has had trouble with a model; None if it has none."""


class ProgressCards:
    def __init__(
        self,
        *,
        stores: Stores,
        delivery: Delivery,
        durations: LearnedDurations,
        paused: Callable[[], Reason | None],
        trouble: TroubleSince,
        clock: Callable[[], int],
    ) -> None:
        self._stores = stores
        self._delivery = delivery
        self.durations = durations
        self._paused = paused
        self._trouble = trouble
        self._clock = clock
        self._back: dict[str, CardPhase] = {}
        """Phase at the start of this process, by id of the task. While a task is still in that phase, its card says
        that the work continues."""
        self._looks: dict[str, int] = {}
        """`_look` of the last card that was shown after a poll, by id of the task."""
        self._begun: dict[str, CardFacts] = {}
        """What the cards of tasks in work show, by id of the task, as read when the create began or, in an earlier
        process, when the task was claimed first. `show_waiting` reads again what may change."""

        self._shown: dict[str, tuple[Reference, ...]] = {}
        """Input pictures, by id of the task, as read for the last `show_waiting`: those of a prepared task stay."""

    def median_seconds(self, model: str) -> float:
        """Return the median time (s) from create to outcome of a task of the model without input pictures."""
        return schedule.remaining(0.0, self.durations.of(model, with_pictures=False))

    async def come_back(self, shards: Shards | None = None) -> None:
        """Update the cards of the tasks of these shards (None: of all) that were waiting before this process started,
        at most `BACK`: say that the work continues after the interruption."""
        for task in await self._stores.queue.with_cards(limit=BACK, shards=shards):
            self._back[task.id] = _phase(task)
            await self.show(task)

    async def show(self, task: Task) -> None:
        if task.batch_id is not None:  # no card: the batch's message shows the progress
            return
        facts = self._begun.get(task.id) if task.state in BEGUN else None
        self._delivery.cards.show(self.made(task, facts or await self._stores.card_facts.of(task)))

    async def begun(self, task: Task) -> tuple[Reference, ...]:
        """Show that the create of the task begins, and return the task's input pictures. What the card shows was read
        with the create (`remember`), or is read here, and not again with each step that follows."""
        if (facts := self._begun.get(task.id)) is None:
            facts = await self._stores.card_facts.of(task)
            self.remember(task, facts)
        if task.batch_id is None:
            self._delivery.cards.show(self.made(task, facts))
        return facts.references

    def remember(self, task: Task, facts: CardFacts) -> None:
        """Remember what the cards of a task show while it is in work here."""
        if len(self._begun) >= MOST_LOOKS:
            self._begun.clear()
        self._begun[task.id] = facts
        self.durations.know(task, with_pictures=bool(facts.references))

    async def know(self, claimed: Iterable[Task]) -> None:
        """Read together, and remember, what the cards of those of these tasks show that generate since an earlier
        process."""
        unknown = [task for task in claimed if task.state is TaskState.GENERATING and task.id not in self._begun]
        if not unknown:
            return
        offered = await self._stores.card_facts.offered({task.asker_id for task in unknown})
        references = await self._stores.references.of_tasks([task.id for task in unknown])
        for task in unknown:
            kept = offered.get(task.asker_id, Offered())
            self.remember(task, _facts(references.get(task.id, ()), kept))

    async def advanced(self, before: Task, after: Task) -> None:
        """Update the card after a step of the task; not once it is closed, when its card is gone. After a poll without
        news, the card is built only if its look has changed: most polls change nothing that people see."""
        if after.state not in BEGUN:
            self._begun.pop(after.id, None)
        if after.state is TaskState.CLOSED:
            return
        if before.state is TaskState.GENERATING and after.state is TaskState.GENERATING:
            look = await self._look(after)
            if self._looks.get(after.id) == look:
                return
            if len(self._looks) >= MOST_LOOKS:
                self._looks.clear()
            self._looks[after.id] = look
        else:
            self._looks.pop(after.id, None)
        await self.show(after)

    async def _look(self, task: Task) -> int:
        """Return a number for all that changes on the card of a generating task between two polls and needs no read.
        Progress counts in hundredths, the remaining time in the steps of the words for it."""
        with_pictures = await self.durations.is_pictured(task)
        durations = self.durations.of(task.model, with_pictures=with_pictures)
        elapsed = (self._clock() - task.generating_at) / 1000 if task.generating_at else 0.0
        left = schedule.remaining(elapsed, durations)
        return hash(
            (
                _phase(task),
                int(100 * max(task.progress, schedule.progress(elapsed, durations))),
                int(left // 15) if left < 90 else 6 + round(left / 60),
                task.withheld_at,
                self._paused(),
                self._trouble(task.model, with_pictures=with_pictures),
                self._is_leaving(task),
            )
        )

    def _is_leaving(self, task: Task) -> bool:
        return task.reach is Reach.ANSWER and self._clock() - task.arrived_at >= LEAVES_AFTER_MS

    async def card(self, task: Task) -> Card:
        return self.made(task, await self._stores.card_facts.of(task))

    async def show_waiting(self, shards: Shards | None = None) -> None:
        """Update the cards of prepared queued tasks, which move up as other creates begin, of generating tasks, which
        make progress between polls, and those whose interaction token is about to expire: of these shards (None: of
        all), at most `SHOWN` of each. A card whose token has expired cannot be edited, so this is the last chance to
        say on it how the result will come."""
        now = self._clock()
        queued, generating, expiring = await self._stores.queue.with_changing_cards(
            limit=SHOWN, since=now - LAST_EDIT_MS, until=now - LEAVES_AFTER_MS, shards=shards
        )
        places = {task.id: place for place, task in queued}
        waiting = [*[task for _, task in queued], *generating]
        await self._show_all(waiting, places)
        shown = {task.id for task in waiting}
        for task in expiring:
            if task.id not in shown:
                await self.show(task)

    async def _show_all(self, waiting: Sequence[Task], places: Mapping[str, int]) -> None:
        carded = [task for task in waiting if task.batch_id is None]
        if not carded:
            return
        offered = await self._stores.card_facts.offered({task.asker_id for task in carded})
        begun = {task.id: self._begun[task.id].references for task in carded if task.id in self._begun}
        known = {task.id: self._shown[task.id] for task in carded if task.id in self._shown} | begun
        unread = [task.id for task in carded if task.id not in known]
        read = await self._stores.references.of_tasks(unread) if unread else {}
        self._shown = known | {task_id: read.get(task_id, ()) for task_id in unread}
        for task in carded:
            kept = offered.get(task.asker_id, Offered())
            facts = _facts(self._shown[task.id], kept, place=places.get(task.id))
            if (held := self._begun.get(task.id)) is not None:  # its create may have begun since `begun` was read
                self._begun[task.id] = replace(facts, references=held.references)
            self._delivery.cards.show(self.made(task, facts))

    def made(self, task: Task, facts: CardFacts) -> Card:
        """Return the card of a task of which all that the card shows is known."""
        references = facts.references
        elapsed = (self._clock() - task.generating_at) / 1000 if task.generating_at else None
        durations = self.durations.of(task.model, with_pictures=bool(references))
        return Card(
            task=task,
            phase=_phase(task),
            references=references,
            place=facts.place,
            progress=max(task.progress, schedule.progress(elapsed, durations)) if elapsed is not None else 0.0,
            remaining_seconds=schedule.remaining(elapsed, durations) if elapsed is not None else None,
            paused=self._paused(),
            trouble_since=self._trouble(task.model, with_pictures=bool(references)),
            undelivered=tuple(task_id for task_id in facts.undelivered if task_id != task.id),
            undelivered_batches=facts.undelivered_batches,
            usual=schedule.usual(durations),
            previewed=_waits_for_look(task, references, self._clock()),
            back=self._back.get(task.id) is _phase(task),
            leaving=self._is_leaving(task),
        )


def _facts(references: tuple[Reference, ...], offered: Offered, *, place: int | None = None) -> CardFacts:
    return CardFacts(place=place, references=references, undelivered=offered.tasks, undelivered_batches=offered.batches)


def _waits_for_look(task: Task, references: Sequence[Reference], now: int) -> bool:
    """Return whether the create waits after the preview of a mask. After a failure, it waits for another reason."""
    masked = any(reference.change_share is not None for reference in references)
    is_waiting = _phase(task) is CardPhase.QUEUED and task.due_at > now
    return masked and is_waiting and not task.failures and not task.faults


def _phase(task: Task) -> CardPhase:
    match task.state:
        case TaskState.QUEUED:
            return CardPhase.PREPARING if task.prepared_at is None else CardPhase.QUEUED
        case TaskState.SUBMITTING:
            return CardPhase.CREATING if task.unconfirmed_at is None else CardPhase.UNCONFIRMED
        case TaskState.GENERATING:
            return CardPhase.GENERATING if task.overdue_notified_at is None else CardPhase.OVERDUE
        case TaskState.SETTLED | TaskState.CLOSED:
            return CardPhase.DELIVERING
        case TaskState.CANCELLED:
            return CardPhase.CANCELLED
