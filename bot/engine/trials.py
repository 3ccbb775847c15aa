"""
What was under way when the process died is tried apart, so that the next deaths tell which of it was the cause.

Risky work handles bytes of others: it may exhaust the memory, or meet a defect that ends the process. All of it that
was under way at a death is suspect, and most of it is innocent: a power cut has no cause among it. So after the first
death all suspects are tried together and nothing else beside them; what was under way at a second death as well is
tried alone. Only the cause is under way at the third. Creates wait meanwhile: one that is in flight at a death may be
paid, and nobody would know.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeAlias

Subject: TypeAlias = tuple[str, str]
"""Kind and id of a piece of work."""

MOST_ATTEMPTS: Final = 3
"""Deaths after which work is given up."""
ALONE_MS: Final = 10_000
"""Whatever has gone on for so long without ending the process keeps nothing else waiting: a download may hang."""
HELD_MS: Final = 15_000
"""For so long other work waits for a suspect to come. One whose subject is gone never does."""
TASK: Final = "task"


class Trials:
    """Who may begin. In memory: what is suspect is read anew at every start."""

    def __init__(self, *, clock: Callable[[], int]) -> None:
        self._clock = clock
        self._suspects: dict[Subject, int] = {}
        """With the deaths each was under way at, in the order in which they are tried."""
        self._under_way: dict[Subject, int] = {}
        """Since when (ms)."""
        self._held_until = 0

    def suspect(self, subject: Subject, deaths: int) -> None:
        if subject not in self._suspects:
            self._suspects[subject] = deaths
            self._held_until = self._clock() + HELD_MS

    def cleared(self, subject: Subject) -> None:
        """It is gone, or was settled by others."""
        self._suspects.pop(subject, None)

    def next(self, kind: str) -> tuple[str, ...]:
        """The ids of the suspects of a kind that may begin now: all that are tried together, or one alone."""
        waiting = [one for one in self._suspects if one[0] == kind and one not in self._under_way]
        may = [one for one in waiting if self.may_begin(one)]
        together = [subject for of, subject in may if self._suspects[of, subject] == 1]
        return tuple(together or [subject for _, subject in may[:1]])

    @property
    def open(self) -> bool:
        """Whether work that is not suspect, and creates, may begin."""
        if any(subject in self._suspects for subject in self._fresh()):
            return False
        return self._clock() >= self._held_until or self._suspects.keys() <= self._under_way.keys()

    def may_begin(self, subject: Subject) -> bool:
        match self._suspects.get(subject):
            case None:
                return self.open
            case 1:
                return all(self._suspects.get(one) == 1 for one in self._fresh())
            case _:
                return not self._fresh()

    def begin(self, subject: Subject) -> None:
        self._under_way[subject] = self._clock()

    def end(self, subject: Subject) -> None:
        """The process is alive. The others that are suspect are waited for anew."""
        if self._under_way.pop(subject, None) is not None and subject in self._suspects:
            del self._suspects[subject]
            self._held_until = self._clock() + HELD_MS

    def _fresh(self) -> list[Subject]:
        now = self._clock()
        return [subject for subject, since in self._under_way.items() if now - since < ALONE_MS]
