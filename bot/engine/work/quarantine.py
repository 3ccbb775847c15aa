"""
Decide which work may start after the process died, to find the work that kills it.

Risky work handles bytes from outside, so it may exhaust the memory or hit a defect that ends the process. All risky
work that was running when the process died is suspect, although most of it is innocent; after a power cut, all of it
is. After the first death, all suspects run together and no other risky work runs. Work that was also running at a
second death runs alone, so only the cause can be running at the third. Creates wait during these trials: a create that
is in flight at a death may be charged without the bot knowing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeAlias

Subject: TypeAlias = tuple[str, str]
"""Kind and id of a unit of work."""

MOST_ATTEMPTS: Final = 3
"""Number of deaths after which work is given up."""
ALONE_MS: Final = 10_000
"""Work that has run for this long without ending the process blocks no other work, because a download may hang."""
HELD_MS: Final = 15_000
"""How long other work waits for suspects to start, counted again from each suspect that is added or ends. A suspect
whose row was deleted never starts."""
TASK: Final = "task"


class Quarantine:
    """
    Decide which risky work may start after deaths of the process, to find the work that kills it.

    Work that ran at one death runs only beside other such work; work that ran at two or more deaths runs alone.
    Everything else, creates included, waits until the suspects have ended, have run for `ALONE_MS` without a death, or
    have not started within `HELD_MS`. The state is in memory; the rows name the suspects again at every start.
    """

    def __init__(self, *, clock: Callable[[], int]) -> None:
        self._clock = clock
        self._suspects: dict[Subject, int] = {}
        """Number of deaths at which each suspect was running, in the order in which the suspects are tried."""
        self._running: dict[Subject, int] = {}
        """Start time (ms) of running work."""
        self._held_until = 0

    def suspect(self, subject: Subject, deaths: int) -> None:
        """Add work that was running at `deaths` deaths. Work that is suspect already keeps its number."""
        if subject not in self._suspects:
            self._suspects[subject] = deaths
            self._held_until = self._clock() + HELD_MS

    def cleared(self, subject: Subject) -> None:
        """Drop a suspect that this process need not try: it was deleted, or another process works on it or has finished
        it."""
        self._suspects.pop(subject, None)

    def next(self, kind: str) -> tuple[str, ...]:
        """Return the ids of the suspects of a kind that may start now: all that run together, or one that runs
        alone."""
        waiting = [subject for subject in self._suspects if subject[0] == kind and subject not in self._running]
        may = [subject for subject in waiting if self.may_begin(subject)]
        together = [subject for of, subject in may if self._suspects[of, subject] == 1]
        return tuple(together or [subject for _, subject in may[:1]])

    @property
    def open(self) -> bool:
        """Whether creates, and work that is not suspect, may start. False while a suspect runs that began less than
        `ALONE_MS` ago, and for `HELD_MS` while suspects have not started."""
        if any(subject in self._suspects for subject in self._fresh()):
            return False
        return self._clock() >= self._held_until or self._suspects.keys() <= self._running.keys()

    def may_begin(self, subject: Subject) -> bool:
        """Return whether the work may start now, by the rule of this class. If False, it stays due and is tried
        later."""
        match self._suspects.get(subject):
            case None:
                return self.open
            case 1:
                return all(self._suspects.get(running) == 1 for running in self._fresh())
            case _:
                return not self._fresh()

    def begin(self, subject: Subject) -> None:
        self._running[subject] = self._clock()

    def end(self, subject: Subject) -> None:
        """Record that work ended and the process is alive: the work is no longer suspect, and the wait for the other
        suspects restarts."""
        if self._running.pop(subject, None) is not None and subject in self._suspects:
            del self._suspects[subject]
            self._held_until = self._clock() + HELD_MS

    def _fresh(self) -> list[Subject]:
        """Return the running work that began less than `ALONE_MS` ago."""
        now = self._clock()
        return [subject for subject, since in self._running.items() if now - since < ALONE_MS]
