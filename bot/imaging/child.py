"""
`python -m bot.imaging.child`: decode what strangers attached, in a process of its own with limits of memory and time.

It reads jobs from its standard input and answers them on its standard output, one after the other, and ends at the end
of its input: also when the bot was killed. It has no secrets: its environment is bare. Where there is no `resource`
(Windows), there are no limits but those of the header and the parent's deadline.
"""

from __future__ import annotations

import math
import os
import signal
import sys
from contextlib import suppress
from pathlib import Path
from types import ModuleType
from typing import IO, Final

from bot.imaging.jobs import Garbled, Job, answer_of, receive, send
from bot.memory import give_back_what_is_freed

resource: ModuleType | None
try:
    import resource
except ImportError:
    resource = None

SPARE_BYTES: Final = 48 * 1024 * 1024
"""Beside what a job is expected to need: Python's own, and what libraries take in passing."""
GROWN_BYTES: Final = 40 * 1024 * 1024
"""What is resident after a job, from which on a new process takes the place of this one. A fresh one has 20 MiB."""
ADDRESS_SPACE: Final = 0
RESIDENT: Final = 1
"""Fields of /proc/self/statm."""
HURRY: Final = 4
"""A job has so many times the seconds that it is expected to take ..."""
SPARE_SECONDS: Final = 4
"""... and these: a machine may be slower than ours, and the limit counts whole seconds."""


def main() -> None:
    """Until the input ends."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)  # the bot may still want its answer when both are told to stop
    if resource is not None:
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    give_back_what_is_freed()
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints is no answer
    with suppress(Garbled, BrokenPipeError):
        serve(sys.stdin.buffer, answers)


def serve(jobs: IO[bytes], answers: IO[bytes]) -> None:
    """Answer one job after the other. Raises Garbled at the end."""
    while True:
        words, files = receive(jobs)
        limit(words["memory"], words["seconds"])
        answer, made = answer_of(Job(words["work"], files, words["given"]))
        del files
        send(answers, {**answer, "grown": _memory(RESIDENT) > GROWN_BYTES}, made)
        del made


def limit(memory: int, seconds: float) -> None:
    """From now on: so many bytes more than there are, and so many times so many seconds."""
    if resource is None:
        return
    if taken := _memory(ADDRESS_SPACE):
        _limit(resource.RLIMIT_AS, taken + memory + SPARE_BYTES)
    spent = resource.getrusage(resource.RUSAGE_SELF)
    until = spent.ru_utime + spent.ru_stime + seconds * HURRY + SPARE_SECONDS
    _limit(resource.RLIMIT_CPU, math.ceil(until))


def _limit(what: int, most: int) -> None:
    """No more than the bot itself has, where that is limited."""
    if resource is None:
        return
    _, hard = resource.getrlimit(what)
    resource.setrlimit(what, (most if hard == resource.RLIM_INFINITY else min(most, hard), hard))


def _memory(field: int) -> int:
    """Bytes; 0 where the system does not say."""
    try:
        pages = Path("/proc/self/statm").read_text(encoding="ascii").split()[field]
        return int(pages) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 0


if __name__ == "__main__":
    main()
