"""A batch as its messages show it: what stands where, and how far it is. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from storage.community import Batch, batch_message_number
from storage.models import Picture, Task, TaskState


class Standing(StrEnum):
    """Where one of a batch is."""

    WAITING = "waiting"
    MAKING = "making"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"
    WITHHELD = "withheld"
    """It is there, and kept for its asker alone, as they wished."""
    REMOVED = "removed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One of a batch."""

    task: Task
    pictures: tuple[Picture, ...] = ()

    @property
    def number(self) -> int:
        """Among all of the batch, from 1."""
        return (self.task.batch_position or 0) + 1

    @property
    def standing(self) -> Standing:
        task = self.task
        if task.removed_at is not None:
            return Standing.REMOVED
        match task.state:
            case TaskState.QUEUED:
                return Standing.WAITING
            case TaskState.SUBMITTING | TaskState.GENERATING | TaskState.SETTLED:
                return Standing.MAKING
            case TaskState.CANCELLED:
                return Standing.CANCELLED
            case TaskState.CLOSED if task.reason is not None:
                return Standing.FAILED
            case TaskState.CLOSED:
                return Standing.DONE if task.unwanted_at is None else Standing.WITHHELD

    @property
    def shown(self) -> tuple[Picture, ...]:
        """The pictures of it that its message has."""
        return self.pictures if self.standing is Standing.DONE else ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Shared:
    """All of a batch, as the rows have it."""

    batch: Batch
    entries: tuple[Entry, ...]
    """In order; one whose row is gone is left out."""

    @property
    def messages(self) -> int:
        """How many it takes when all of it is done."""
        return self._number(len(self.batch.words)) + 1

    def on(self, number: int) -> tuple[Entry, ...]:
        """What a message has, by its number from 0."""
        return tuple(one for one in self.entries if self._number(one.number) == number)

    def begun(self) -> Iterator[int]:
        """The messages there are to be by now: the first, and those that have something to tell; in order, so that none
        before them is missing. One of which all was taken back is none."""
        told = {self._number(one.number) for one in self.entries if one.task.state is TaskState.CLOSED}
        for number in range(max(told, default=0) + 1):
            cancelled = all(one.standing is Standing.CANCELLED for one in self.on(number))
            if number == 0 or not cancelled:
                yield number

    def count(self, *standings: Standing) -> int:
        return sum(one.standing in standings for one in self.entries)

    @property
    def is_over(self) -> bool:
        """Nothing more comes of it."""
        return all(one.task.state in {TaskState.CLOSED, TaskState.CANCELLED} for one in self.entries)

    @property
    def is_removed(self) -> bool:
        """Nothing of it is to be seen any more."""
        gone = self.count(Standing.REMOVED)
        return gone > 0 and gone + self.count(Standing.CANCELLED) == len(self.entries)

    def look(self, number: int) -> str:
        """A digest of what a message shows: where it is the same there is nothing to edit."""
        seen = [(one.number, *_seen(one)) for one in self.on(number)]
        standings = [self.count(one) for one in Standing]
        return hashlib.blake2b(repr((seen, standings)).encode(), digest_size=12).hexdigest()

    def _number(self, number: int) -> int:
        """Of the message with the task of this number, from 1."""
        return batch_message_number(number - 1, self.batch.asked.variants)


def _seen(entry: Entry) -> tuple[object, ...]:
    task = entry.task
    pictures = [(one.position, one.unfetchable) for one in entry.shown]
    return entry.standing.value, task.reason, sorted(task.reason_parameters.items()), task.hidden_at is None, pictures
