"""Compute what the messages of a batch show: which task is in which message, and its progress. Pure functions."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from bot.errors import Reason
from storage.community import Batch, batch_message_number
from storage.models import Picture, Task, TaskState


class BatchEntryState(StrEnum):
    """Progress of one task of a batch. A task is MAKING while it is submitting, generating or settled."""

    WAITING = "waiting"
    MAKING = "making"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"
    WITHHELD = "withheld"
    """The outcome is stored for the asker and not posted, as the asker wanted."""
    REMOVED = "removed"


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchEntry:
    """One task of a batch, with its pictures."""

    task: Task
    pictures: tuple[Picture, ...] = ()
    missing: Mapping[Reason | None, int] = field(default_factory=dict)
    """How many of several creates made no picture, as in `Outcome`."""

    @property
    def number(self) -> int:
        """Number of the task in the batch, from 1."""
        return (self.task.batch_position or 0) + 1

    @property
    def state(self) -> BatchEntryState:
        task = self.task
        if task.removed_at is not None:
            return BatchEntryState.REMOVED
        match task.state:
            case TaskState.QUEUED:
                return BatchEntryState.WAITING
            case TaskState.SUBMITTING | TaskState.GENERATING | TaskState.SETTLED:
                return BatchEntryState.MAKING
            case TaskState.CANCELLED:
                return BatchEntryState.CANCELLED
            case TaskState.CLOSED if task.reason is not None:
                return BatchEntryState.FAILED
            case TaskState.CLOSED:
                return BatchEntryState.DONE if task.withheld_at is None else BatchEntryState.WITHHELD

    @property
    def shown(self) -> tuple[Picture, ...]:
        """Pictures that the message shows, as files or links; none unless the task is done."""
        return self.pictures if self.state is BatchEntryState.DONE else ()


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchView:
    """A batch with its tasks and pictures, as stored."""

    batch: Batch
    entries: tuple[BatchEntry, ...]
    """By position; tasks whose rows were deleted are left out."""

    @property
    def messages(self) -> int:
        """Number of messages that the batch takes if no task is cancelled."""
        return self._number(len(self.batch.words)) + 1

    def on(self, number: int) -> tuple[BatchEntry, ...]:
        """Return the entries of the message with this number (from 0)."""
        return tuple(entry for entry in self.entries if self._number(entry.number) == number)

    def begun(self) -> Iterator[int]:
        """Yield, in order, the numbers of the messages that should exist now: the first message, and all messages up to
        the last one with a closed task. A message other than the first is left out if each of its tasks was cancelled
        (and not removed) or has no row."""
        with_outcome = {self._number(entry.number) for entry in self.entries if entry.task.state is TaskState.CLOSED}
        for number in range(max(with_outcome, default=0) + 1):
            cancelled = all(entry.state is BatchEntryState.CANCELLED for entry in self.on(number))
            if number == 0 or not cancelled:
                yield number

    def count(self, *states: BatchEntryState) -> int:
        return sum(entry.state in states for entry in self.entries)

    @property
    def backed_up_at(self) -> int | None:
        """When (ms) the backup was made from which the tasks were restored; None if they were not."""
        return max((entry.task.backed_up_at or 0 for entry in self.entries), default=0) or None

    @property
    def is_over(self) -> bool:
        """Whether every task is closed or cancelled."""
        return all(entry.task.state in {TaskState.CLOSED, TaskState.CANCELLED} for entry in self.entries)

    @property
    def has_outcome(self) -> bool:
        """Whether the batch is over and its asker has something to see: it was not removed, and at least one task was
        not cancelled."""
        return self.is_over and not self.is_removed and self.count(BatchEntryState.CANCELLED) < len(self.entries)

    @property
    def is_removed(self) -> bool:
        """Whether at least one task was removed and no other task has, or may still get, a picture to show."""
        to_show = self.count(BatchEntryState.WAITING, BatchEntryState.MAKING, BatchEntryState.DONE)
        return self.count(BatchEntryState.REMOVED) > 0 and not to_show

    def look(self, number: int) -> str:
        """Return a digest of what a message shows. While the digest is unchanged, the message needs no edit."""
        seen = [(entry.number, *_seen(entry)) for entry in self.on(number)]
        counts = [self.count(state) for state in BatchEntryState]
        return hashlib.blake2b(repr((seen, counts)).encode(), digest_size=12).hexdigest()

    def _number(self, number: int) -> int:
        """Return the number (from 0) of the message that shows the task with this number (from 1)."""
        return batch_message_number(number - 1, self.batch.asked.request.variants)


def _seen(entry: BatchEntry) -> tuple[object, ...]:
    task = entry.task
    pictures = [(picture.position, picture.unfetchable) for picture in entry.shown]
    missing = sorted((reason or "", count) for reason, count in entry.missing.items())
    reason = task.reason, sorted(task.reason_parameters.items())
    return entry.state.value, *reason, task.hidden_at is None, pictures, missing
