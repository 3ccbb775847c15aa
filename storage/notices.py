"""Keep in memory what is read often and changes rarely, for as long as every change of it is heard of."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Generic, TypeVar

MOST_KEPT: Final = 10_000
"""Values of one kind that are kept in memory."""
ANYTHING: Final = ""
"""The subject of the notice that any value may have changed: changes were missed."""

Value = TypeVar("Value")


class Notices:
    """News of committed changes, for those in this process who want to know. Each change has a subject, the name by
    which such changes are serialized: "settings of 42"."""

    def __init__(self, *, complete: bool) -> None:
        self.complete = complete
        """Whether every change is heard of, also those that other processes make."""
        self._listeners: list[Callable[[str], None]] = []

    def listen(self, listener: Callable[[str], None]) -> None:
        """Call `listener` with the subject of each change that is committed from now on."""
        self._listeners.append(listener)

    def hear_all(self) -> None:
        """Record that every change is heard of from now on. Changes before were missed."""
        self.complete = True
        self.tell(ANYTHING)

    def tell(self, subject: str) -> None:
        for listener in self._listeners:
            listener(subject)


class KeptValues(Generic[Value]):
    """Values by the subject of their changes. None is kept while not every change is heard of."""

    def __init__(self, notices: Notices) -> None:
        self._notices = notices
        self._values: dict[str, Value] = {}
        self.changes = 0
        """How many changes of any subject were heard of."""
        notices.listen(self._changed)

    def get(self, subject: str) -> Value | None:
        return self._values.get(subject) if self._notices.complete else None

    def keep(self, subject: str, value: Value, *, changes: int) -> None:
        """Keep a value that was read, unless anything has changed since `changes` was: the value may be the one before
        the change. If too many are kept, the oldest is dropped."""
        if changes != self.changes or not self._notices.complete:
            return
        if len(self._values) >= MOST_KEPT:
            del self._values[next(iter(self._values))]
        self._values[subject] = value

    def _changed(self, subject: str) -> None:
        self.changes += 1
        if subject == ANYTHING:
            self._values.clear()
        else:
            self._values.pop(subject, None)
