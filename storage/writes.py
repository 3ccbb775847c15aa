"""
SQLite's one writer: writes take turns, and those that wait at the same time are committed together.

A commit waits for the disk, a statement does not. Each write is whole or absent by itself: all but the first of a group
are savepoints, so one that fails takes nothing of the others along. None ends before what it wrote is on the disk.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from typing import Final, TypeVar

from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import OperationalError, SQLAlchemyError

from storage.sqlite import BEGIN, BEGIN_AT_ONCE, BEGIN_WRITE

LONGEST_SECONDS: Final = 0.02
"""How long a group lets in others before it is committed."""
WOKEN_AT_ONCE: Final = 32

Result = TypeVar("Result")


class TakenBack(Exception):
    """SQLite took back a whole group, because of one write in it that could not be done (the disk is full, say)."""


class Group:
    """Writes in one transaction, and how it ended."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._closes_at = time.monotonic() + LONGEST_SECONDS
        self._empty = True
        self._over = False
        self._ended = asyncio.Event()
        self._on_disk = False
        self._error: Exception = TakenBack()

    @property
    def lets_in(self) -> bool:
        return not self._over and time.monotonic() < self._closes_at

    @contextmanager
    def member(self) -> Iterator[Connection]:
        try:
            if self._empty:
                yield self._connection
            else:
                with self._connection.begin_nested():
                    yield self._connection
        except BaseException:
            self._over = self._empty or not self._is_whole()
            raise
        self._empty = False

    def commit(self) -> None:
        """In the thread. Never raises: its members do, by `committed`."""
        try:
            with self._connection:
                if not self._empty and self._is_whole():
                    self._connection.commit()
                    self._on_disk = True
        except SQLAlchemyError as error:
            self._error = error

    def end(self) -> None:
        self._ended.set()

    async def committed(self) -> None:
        await self._ended.wait()
        if not self._on_disk:
            raise self._error

    def _is_whole(self) -> bool:
        """SQLite may end a transaction by itself; what follows would be committed one by one."""
        driver = self._connection.connection.driver_connection
        return bool(driver and driver.in_transaction)


class Writes:
    def __init__(self, engine: Engine) -> None:
        self._engine = engine.execution_options(**{BEGIN: (BEGIN_WRITE,)})
        self._engine_at_once = engine.execution_options(**{BEGIN: BEGIN_AT_ONCE})
        self._thread = ThreadPoolExecutor(1, "sqlite")
        self._wanted = 0
        """Writes that have yet to do their statements."""
        self._busy = False
        """One of them is at it."""
        self._waiting: tuple[deque[asyncio.Future[None]], deque[asyncio.Future[None]]] = deque(), deque()
        """Those that a person waits for, and the others."""
        self._woken = 0
        self._group: Group | None = None
        """Open: others may join it."""
        self._change: asyncio.Future[Group | None] | None = None
        """Under way in the thread: from one group to the next."""

    @asynccontextmanager
    async def write(self, *, hurried: bool) -> AsyncIterator[Connection]:
        self._wanted += 1
        try:
            group = await self._joined(hurried=hurried)
            self._busy = True
            try:
                with group.member() as connection:
                    yield connection
            finally:
                self._busy = False
        finally:
            self._wanted -= 1
            self._go_on()
        await group.committed()

    @asynccontextmanager
    async def apart(self) -> AsyncIterator[None]:
        """Nothing is written, and nothing waits for its commit, meanwhile."""
        self._wanted += 1
        try:
            group = await self._joined(hurried=False)
            self._busy = True
            try:
                self._group = None
                await _outlived(self._aside(partial(self._next, group, begin=False)))
                group.end()
                yield
            finally:
                self._busy = False
        finally:
            self._wanted -= 1
            self._go_on()

    async def close(self) -> None:
        """Wait for the last commit, though nobody else may wait for it any more."""
        if self._change is not None:
            await asyncio.wait([self._change])
        self._thread.shutdown()

    async def _joined(self, *, hurried: bool) -> Group:
        """Raises OperationalError when another process does not let go of the file."""
        waiting = self._waiting[0 if hurried else 1]
        came_before = False
        while (group := self._open()) is None:
            mine = asyncio.get_running_loop().create_future()
            waiting.appendleft(mine) if came_before else waiting.append(mine)
            came_before = True
            self._go_on()
            try:
                await mine
            finally:
                self._woken -= mine.done() and not mine.cancelled()
        return group

    def _open(self) -> Group | None:
        if self._busy or self._change is not None:
            return None
        if self._group is None:
            self._group = self._begun_at_once()
        return self._group if self._group is not None and self._group.lets_in else None

    def _begun_at_once(self) -> Group | None:
        """None while another process writes: that is waited for in the thread."""
        connection = self._engine_at_once.connect()
        try:
            connection.begin()
        except OperationalError:
            connection.invalidate()
            connection.close()
            return None
        return Group(connection)

    def _go_on(self) -> None:
        """Called by whoever came, had their turn, or gave it up: others join, or the group is committed."""
        if self._busy or self._change is not None:
            return
        if self._wanted and self._open():
            self._wake()
        elif self._wanted or self._group:
            before, self._group = self._group, None
            self._change = self._aside(partial(self._next, before, begin=bool(self._wanted)))
            self._change.add_done_callback(partial(self._changed, before))

    def _wake(self) -> None:
        """Many at once, as each takes its turn without a pause. Who comes too late for the group waits again."""
        for waiting in self._waiting:
            while waiting and self._woken < WOKEN_AT_ONCE:
                if not (first := waiting.popleft()).done():
                    self._woken += 1
                    first.set_result(None)

    def _next(self, before: Group | None, *, begin: bool) -> Group | None:
        """In the thread: end one, and begin another. Raises what beginning does."""
        if before is not None:
            before.commit()
        if not begin:
            return None
        connection = self._engine.connect()
        try:
            connection.begin()
        except BaseException:
            connection.close()
            raise
        return Group(connection)

    def _changed(self, before: Group | None, change: asyncio.Future[Group | None]) -> None:
        self._change = None
        if before is not None:
            before.end()
        if error := change.exception():
            self._fail(error)
        else:
            self._group = change.result()
        self._go_on()

    def _fail(self, error: BaseException) -> None:
        """Tell who came first; the next one tries anew."""
        for waiting in self._waiting:
            while waiting:
                if not (first := waiting.popleft()).done():
                    self._woken += 1
                    first.set_exception(error)
                    return

    def _aside(self, work: Callable[[], Result]) -> asyncio.Future[Result]:
        return asyncio.get_running_loop().run_in_executor(self._thread, work)


async def _outlived(work: asyncio.Future[Result]) -> Result:
    """Its result. A cancellation is put off until then: a thread goes on in any case."""
    cancelled: asyncio.CancelledError | None = None
    while not work.done():
        try:
            await asyncio.wait([work])
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is not None:
        work.exception()
        raise cancelled
    return work.result()
