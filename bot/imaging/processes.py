"""
Start the child processes that decode pictures, give them jobs, reuse them and replace them.

If a child dies, exceeds its limits, takes too long or sends an invalid answer, only its current picture fails.
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
from enum import Enum, auto
from functools import cache
from pathlib import Path
from typing import IO, Any, Final, Protocol

import structlog

from bot.errors import Unavailable
from bot.imaging.cost import Cost
from bot.imaging.headers import too_complex
from bot.imaging.jobs import Job, Made, ProtocolError, receive, result_of, send

AT_ONCE: Final = 2
"""Number of children, and so of pictures decoded at the same time."""
JOBS_EACH: Final = 500
"""Jobs after which a child is replaced, to free memory that libraries leak."""
DEADLINE_SECONDS: Final = 30.0
"""A child is killed after this time plus ten times the estimated seconds of its job. Its limit of processor time is
reached long before, unless the machine is busy with other work."""
PIPE_BYTES: Final = 1024 * 1024
"""Size of the pipes, where the system allows setting it. With larger pipes, the processes wait less for each other."""
END_SECONDS: Final = 1.0
PASSED_ON: Final = ("PATH", "LD_LIBRARY_PATH", "SYSTEMROOT", "TZ", "LANG")
"""The only environment variables passed to a child: a process that decodes untrusted files must not have secrets."""

_ROOT: Final = Path(__file__).parent.parent.parent

log = structlog.get_logger(__name__)


class Killed(Enum):
    """Why the bot itself killed a child."""

    DEADLINE = auto()
    UNWANTED = auto()
    """The caller was cancelled (a card needs no thumbnails once the result arrives), or the bot stops."""


class Decoders(Protocol):
    """Run picture jobs. In the bot these are `WorkerProcesses`."""

    async def do(self, job: Job, cost: Cost) -> Made:
        """Run the job. Raises BadReference; Unreadable, also if the process that runs the job fails; Unavailable if no
        process can be started."""


class WorkerThreads:
    """Run jobs in threads of this process, limited only by the header checks. For tests, which run 10,000 jobs, and
    benchmarks."""

    async def do(self, job: Job, cost: Cost) -> Made:
        """See `Decoders.do`."""
        return await asyncio.get_running_loop().run_in_executor(_threads(), copy_context().run, job.do)


class WorkerProcesses:
    """Run jobs in `AT_ONCE` child processes. The caller must not run more jobs than that at the same time."""

    def __init__(self) -> None:
        self.all = tuple(_Child() for _ in range(AT_ONCE))
        self._idle = list(self.all)
        self._threads = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="pictures")

    @classmethod
    @asynccontextmanager
    async def open(cls) -> AsyncIterator[WorkerProcesses]:
        """Yield the runner of jobs. Each child is started with its first job; all are ended at the end of the block."""
        children = cls()
        try:
            yield children
        finally:
            await asyncio.to_thread(children.close)

    def close(self) -> None:
        """End all children; running jobs are aborted and raise Unreadable."""
        for child in self.all:
            child.kill(Killed.UNWANTED)
        self._threads.shutdown()
        for child in self.all:
            child.end()

    async def do(self, job: Job, cost: Cost) -> Made:
        """See `Decoders.do`. If the caller is cancelled, the child is killed, as its job might take long."""
        loop, child = asyncio.get_running_loop(), self._idle.pop()
        working = loop.run_in_executor(self._threads, copy_context().run, child.do, job, cost)
        deadline = loop.call_later(DEADLINE_SECONDS + 10 * cost.seconds, child.kill, Killed.DEADLINE)
        try:
            return await asyncio.shield(working)
        except asyncio.CancelledError:
            child.kill(Killed.UNWANTED)
            await asyncio.wait({working})
            working.exception()  # retrieved, so that asyncio does not log the exception
            raise
        finally:
            deadline.cancel()
            self._idle.append(child)


class _Child:
    """A slot for one child process, which is started when needed. The methods block; one job runs at a time."""

    def __init__(self) -> None:
        self.process: subprocess.Popen[bytes] | None = None
        self._killed: Killed | None = None
        """Why the process was killed by this bot; None if it was not."""
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
            return result_of(job, words, files)
        except (OSError, ProtocolError) as error:
            killed = self._killed
            self.end()
            _log_failure(job.work, killed, process.returncode)
            raise too_complex() from error
        finally:
            self._jobs += 1
            if self._jobs >= JOBS_EACH or (words is not None and words.get("grown") is True):
                self.end()

    def kill(self, why: Killed) -> None:
        """Kill the process, if one runs, from any thread. A thread that waits for its answer then gets an error."""
        process = self.process
        if process is not None:
            self._killed = self._killed or why
            process.kill()

    def end(self) -> None:
        """Close the pipes of the process, so that the process ends. Kill the process after `END_SECONDS` if not."""
        process, self.process, self._killed, self._jobs = self.process, None, None, 0
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
        """Return the running process, or start one. Raises Unavailable."""
        if self.process is None or self.process.poll() is not None:
            self.end()
            try:
                self.process = _start()
            except OSError as error:
                raise Unavailable(f"no process for pictures could be started: {error}") from error
        return self.process


def _log_failure(work: str, killed: Killed | None, status: int | None) -> None:
    match killed:
        case Killed.UNWANTED:
            log.debug("picture job aborted: caller cancelled or bot stopping, child process killed", work=work)
        case Killed.DEADLINE:
            log.warning(
                "picture job failed: deadline passed, child process killed, picture counts as too complex", work=work
            )
        case None:
            log.warning(
                "picture job failed: child process died or sent an invalid answer, picture counts as too complex",
                work=work,
                status=status,
            )


@cache
def _threads() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(AT_ONCE, thread_name_prefix="pictures")


def _start() -> subprocess.Popen[bytes]:
    environment = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
    process = subprocess.Popen(  # no untrusted input: the running interpreter and a module of this package
        [sys.executable, "-m", "bot.imaging.process"],
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
    """Log the standard error of the process line by line, until the process ends."""
    with _pipe(process.stderr) as lines:
        for line in lines:
            log.warning("picture process wrote to standard error", line=line.decode("utf-8", "replace").rstrip()[:500])


def _pipe(pipe: IO[bytes] | None) -> IO[bytes]:
    """Return the pipe, which is never None because `_start` requests all pipes."""
    if pipe is None:
        raise TypeError("a process without this pipe")
    return pipe


def _closed(pipe: IO[bytes]) -> None:
    try:
        pipe.close()
    except OSError:  # buffered data could not be flushed, as the process has ended
        return
