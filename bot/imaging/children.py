"""
Child processes that decode, as the bot sees them: started when they are needed, used again, and replaced.

One that dies, is over its limits, takes too long or answers nonsense costs the picture that it was at, and no other.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from contextvars import copy_context
from functools import cache
from pathlib import Path
from typing import IO, Any, Final, Protocol

import structlog

from bot.errors import Unavailable
from bot.imaging.cost import Cost
from bot.imaging.headers import too_complex
from bot.imaging.jobs import Garbled, Job, Made, made_of, receive, send

AT_ONCE: Final = 2
"""Children, and with them pictures decoded at the same time."""
JOBS_EACH: Final = 500
"""Then a child makes place for a new one: whatever a library leaks goes with it."""
DEADLINE_SECONDS: Final = 30.0
"""And ten times what a job is expected to take. The limit of a processor's seconds is met long before it, unless the
machine is busy with something else."""
PIPE_BYTES: Final = 1024 * 1024
"""Where the system lets us choose: the fewer times two processes wait for each other."""
END_SECONDS: Final = 1.0
PASSED_ON: Final = ("PATH", "LD_LIBRARY_PATH", "SYSTEMROOT", "TZ", "LANG")
"""Of the environment; no secret of ours is in a process that decodes what strangers sent."""

_ROOT: Final = Path(__file__).parent.parent.parent

log = structlog.get_logger(__name__)


class Decoders(Protocol):
    """Who does the work."""

    async def do(self, job: Job, cost: Cost) -> Made:
        """Raises BadReference and Unreadable, and Unavailable when nobody can be found for it."""


class Threads:
    """In this process, without limits but those of the header: for tests, which do it ten thousand times."""

    async def do(self, job: Job, cost: Cost) -> Made:
        """As `Decoders` has it."""
        return await asyncio.get_running_loop().run_in_executor(_threads(), copy_context().run, job.do)


class Children:
    """As many as `AT_ONCE` allow; the caller sees to it that no more jobs come at the same time."""

    def __init__(self) -> None:
        self.all = tuple(_Child() for _ in range(AT_ONCE))
        self._idle = list(self.all)
        self._threads = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="pictures")

    @classmethod
    @asynccontextmanager
    async def open(cls) -> AsyncIterator[Children]:
        """They end with the block."""
        children = cls()
        try:
            yield children
        finally:
            await asyncio.to_thread(children.close)

    def close(self) -> None:
        """Whatever is under way: nobody waits for it any more."""
        for child in self.all:
            child.kill()
        self._threads.shutdown()
        for child in self.all:
            child.end()

    async def do(self, job: Job, cost: Cost) -> Made:
        """As `Decoders` has it. A child whose caller is cancelled is killed: it might be at it for long."""
        loop, child = asyncio.get_running_loop(), self._idle.pop()
        working = loop.run_in_executor(self._threads, copy_context().run, child.do, job, cost)
        deadline = loop.call_later(DEADLINE_SECONDS + 10 * cost.seconds, child.kill)
        try:
            return await asyncio.shield(working)
        except asyncio.CancelledError:
            child.kill()
            await asyncio.wait({working})
            working.exception()  # of which nobody needs to hear
            raise
        finally:
            deadline.cancel()
            self._idle.append(child)


class _Child:
    """A process, or the place of one. Its methods block; one job at a time."""

    def __init__(self) -> None:
        self.process: subprocess.Popen[bytes] | None = None
        self._jobs = 0
        self._busy = threading.Lock()

    def do(self, job: Job, cost: Cost) -> Made:
        with self._busy:
            return self._done(job, cost)

    def _done(self, job: Job, cost: Cost) -> Made:
        process = self._started()
        words: dict[str, Any] | None = None
        asked = {"work": job.work, "given": dict(job.given), "memory": cost.bytes, "seconds": cost.seconds}
        try:
            send(_pipe(process.stdin), asked, job.files)
            words, files = receive(_pipe(process.stdout))
            return made_of(words, files)
        except (OSError, Garbled) as error:
            self.end()
            log.warning("picture could not be opened: its process ended", work=job.work, status=process.returncode)
            raise too_complex() from error
        finally:
            self._jobs += 1
            if self._jobs >= JOBS_EACH or (words is not None and words.get("grown") is True):
                self.end()

    def kill(self) -> None:
        """From another thread; whoever waits for an answer hears that there is none."""
        if self.process is not None:
            self.process.kill()

    def end(self) -> None:
        """At the end of its input it ends by itself, or else."""
        process, self.process, self._jobs = self.process, None, 0
        if process is None:
            return
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                _closed(pipe)
        try:
            process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def _started(self) -> subprocess.Popen[bytes]:
        """Raises Unavailable."""
        if self.process is None or self.process.poll() is not None:
            self.end()
            try:
                self.process = _start()
            except OSError as error:
                raise Unavailable(f"no process for pictures could be started: {error}") from error
        return self.process


@cache
def _threads() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(AT_ONCE, thread_name_prefix="pictures")


def _start() -> subprocess.Popen[bytes]:
    environment = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
    process = subprocess.Popen(  # our own interpreter, our own module
        [sys.executable, "-m", "bot.imaging.child"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=_ROOT,
        env=environment,
        pipesize=PIPE_BYTES,
        start_new_session=True,
    )
    threading.Thread(target=_to_the_log, args=(process,), name="pictures-stderr", daemon=True).start()
    return process


def _to_the_log(process: subprocess.Popen[bytes]) -> None:
    """What it writes to its standard error, line by line, until it ends."""
    with _pipe(process.stderr) as lines:
        for line in lines:
            log.warning("picture process said something", line=line.decode("utf-8", "replace").rstrip()[:500])


def _pipe(pipe: IO[bytes] | None) -> IO[bytes]:
    """There is one, as `_start` asked for it."""
    if pipe is None:
        raise TypeError("a process without this pipe")
    return pipe


def _closed(pipe: IO[bytes]) -> None:
    try:
        pipe.close()
    except OSError:  # what was not sent yet cannot be sent any more
        return
