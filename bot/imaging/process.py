"""
Decode untrusted files in a separate process with limits of memory and time: `python -m bot.imaging.process`.

The process reads jobs from its standard input and writes the answers to its standard output, one job at a time. It ends
at the end of its input, so also when the bot was killed. Its environment contains no secrets. Without the module
`resource` (Windows), the only limits are those of the header checks and the parent's deadline.
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

from bot.imaging.jobs import Job, ProtocolError, answer_of, receive, send
from bot.process.malloc import give_back_what_is_freed

resource: ModuleType | None
try:
    import resource
except ImportError:
    resource = None

SPARE_BYTES: Final = 48 * 1024 * 1024
"""Memory added to the estimate of a job, for Python itself and temporary allocations of libraries."""
GROWN_BYTES: Final = 40 * 1024 * 1024
"""Resident memory after a job above which the parent replaces this process. A fresh process has 20 MiB."""
ADDRESS_SPACE: Final = 0
RESIDENT: Final = 1
"""`ADDRESS_SPACE` and `RESIDENT`: fields of /proc/self/statm."""
HURRY: Final = 4
"""The limit of processor time is the estimate of the job times this factor, plus `SPARE_SECONDS`."""
SPARE_SECONDS: Final = 4
"""Added to the limit of processor time: machines may be slower than estimated, and the limit counts whole seconds."""


def main() -> None:
    """Answer jobs until the input ends or is invalid, or the bot no longer reads."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)  # if both get the signal, the bot may still need the running job
    if resource is not None:
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    give_back_what_is_freed()
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # so that output printed by a library does not mix with answers
    with suppress(ProtocolError, BrokenPipeError):
        serve(sys.stdin.buffer, answers)


def serve(jobs: IO[bytes], answers: IO[bytes]) -> None:
    """Answer jobs one at a time. Raises ProtocolError at the end of the input and for an invalid message,
    BrokenPipeError if the bot no longer reads, and what `answer_of` lets pass."""
    while True:
        words, files = receive(jobs)
        limit(words["memory"], words["seconds"])
        answer, made = answer_of(Job(words["work"], files, words["given"]))
        del files
        send(answers, {**answer, "grown": _memory(RESIDENT) > GROWN_BYTES}, made)
        del made


def limit(memory: int, seconds: float) -> None:
    """Limit this process from now on: `memory` and `SPARE_BYTES` more bytes, where /proc says how many it has, and the
    processor time for a job estimated at `seconds`. Does nothing without the module `resource`."""
    if resource is None:
        return
    if taken := _memory(ADDRESS_SPACE):
        _limit(resource.RLIMIT_AS, taken + memory + SPARE_BYTES)
    spent = resource.getrusage(resource.RUSAGE_SELF)
    until = spent.ru_utime + spent.ru_stime + seconds * HURRY + SPARE_SECONDS
    _limit(resource.RLIMIT_CPU, math.ceil(until))


def _limit(what: int, most: int) -> None:
    """Set a soft limit, at most the hard limit inherited from the bot."""
    if resource is None:
        return
    _, hard = resource.getrlimit(what)
    resource.setrlimit(what, (most if hard == resource.RLIM_INFINITY else min(most, hard), hard))


def _memory(field: int) -> int:
    """Return a field of /proc/self/statm in bytes; 0 if the system has no such file."""
    try:
        pages = Path("/proc/self/statm").read_text(encoding="ascii").split()[field]
        return int(pages) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 0


if __name__ == "__main__":
    main()
