"""
Run SQLite's writes one at a time, and commit those that wait at the same time together.

A commit waits for the disk, a statement does not. Each write succeeds or fails by itself: all but the first of a group
are savepoints, so a failed write does not undo the others. No write returns before its data is on the disk.
`docs/decisions/0006-group-commit.md` says why plain transactions behind a lock are not enough.
"""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager, suppress
from functools import partial
from typing import Final, TypeVar

from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import DBAPIError

from storage.sqlite import (
    BEGIN,
    BEGIN_WRITE,
    BUSY_SECONDS,
    NoWriteAheadLog,
    as_sqlalchemy,
    busy_timeout,
    driver_of,
    execute_at_once,
)

LONGEST_SECONDS: Final = 0.02
"""How long a group accepts writes at most; it is committed earlier if no write waits."""
WOKEN_AT_ONCE: Final = 32

Result = TypeVar("Result")


class CommitRolledBack(Exception):
    """SQLite rolled back a whole group, because one of its writes failed (for example, the disk is full). The error of
    that write is the cause."""


class CommitGroup:
    """Writes in one transaction, and the result of its commit."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._closes_at = time.monotonic() + LONGEST_SECONDS
        self._empty = True
        self._over = False
        self._ended = asyncio.Event()
        self._on_disk = False
        self._error: Exception = CommitRolledBack()

    @property
    def lets_in(self) -> bool:
        return not self._over and time.monotonic() < self._closes_at

    @contextmanager
    def member(self) -> Iterator[Connection]:
        saved = False
        try:
            if not self._empty:
                execute_at_once(self._connection, "SAVEPOINT member")
                saved = True
            yield self._connection
            if saved:
                execute_at_once(self._connection, "RELEASE member")
        except BaseException as error:
            is_whole = self._is_whole()
            self._over = self._empty or not is_whole
            if not is_whole:  # SQLite has dropped the savepoint too
                self._error.__cause__ = error
            elif saved:
                execute_at_once(self._connection, "ROLLBACK TO member")
                execute_at_once(self._connection, "RELEASE member")
            raise
        self._empty = False

    def commit(self) -> None:
        """Commit, or roll back if nothing is to be committed; runs in the thread. Raises no database error: the members
        raise it in `committed`."""
        driver = driver_of(self._connection)
        try:
            if not self._empty and driver.in_transaction:
                driver.commit()
                self._on_disk = True
        except sqlite3.Error as error:
            self._error = as_sqlalchemy(error, "COMMIT", self._connection.dialect)
        finally:
            with suppress(sqlite3.Error):
                driver.rollback()  # does nothing after a commit

    def end(self) -> None:
        self._ended.set()

    async def committed(self) -> None:
        await self._ended.wait()
        if not self._on_disk:
            raise self._error

    def _is_whole(self) -> bool:
        """Return whether the transaction is still open. SQLite may end a transaction by itself; later statements would
        be committed one by one."""
        return driver_of(self._connection).in_transaction


class GroupCommit:
    def __init__(self, engine: Engine) -> None:
        self._engine = engine.execution_options(**{BEGIN: ()})
        self._connection: Connection | None = None
        """The connection of all groups, which begin and end their transactions with the driver. It waits for
        other processes only in `_begun_patiently`."""
        self._thread = ThreadPoolExecutor(1, "sqlite")
        self._wanted = 0
        """Writes that have not finished their statements."""
        self._busy = False
        """Whether a write is executing its statements."""
        self._waiting: tuple[deque[asyncio.Future[None]], deque[asyncio.Future[None]]] = deque(), deque()
        """Writes that a person waits for, and the others."""
        self._woken = 0
        self._group: CommitGroup | None = None
        """The open group, which other writes may join."""
        self._change: asyncio.Future[CommitGroup | None] | None = None
        """The change from one group to the next, running in the thread."""

    @asynccontextmanager
    async def write(self, *, priority: bool) -> AsyncIterator[Connection]:
        self._wanted += 1
        try:
            group = await self._joined(priority=priority)
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
        """Run the block while no write runs or waits for its commit; writes that begin since then wait for its end."""
        self._wanted += 1
        try:
            group = await self._joined(priority=False)
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
        """Wait for the last commit, even if its caller is gone, and stop the thread."""
        if self._change is not None:
            await asyncio.wait([self._change])
        self._thread.shutdown()
        if self._connection is not None:
            self._connection.close()

    async def _joined(self, *, priority: bool) -> CommitGroup:
        """Wait for a turn in an open group. Raises OperationalError if another process does not release the file
        within `BUSY_SECONDS`."""
        waiting = self._waiting[0 if priority else 1]
        came_before = False
        while (group := self._open()) is None:
            mine = asyncio.get_running_loop().create_future()
            if came_before:
                waiting.appendleft(mine)
            else:
                waiting.append(mine)
            came_before = True
            self._go_on()
            try:
                await mine
            finally:
                if mine.done() and not mine.cancelled():
                    self._woken -= 1
        return group

    def _open(self) -> CommitGroup | None:
        if self._busy or self._change is not None:
            return None
        if self._group is None:
            self._group = self._begun_at_once()
        return self._group if self._group is not None and self._group.lets_in else None

    def _begun_at_once(self) -> CommitGroup | None:
        """Begin a group without waiting. Return None while another process writes, or if the file cannot be opened; the
        thread waits for that process, and raises the error in a write that waits."""
        try:
            connection = self._connected()
            execute_at_once(connection, BEGIN_WRITE)
        except (DBAPIError, NoWriteAheadLog):
            return None
        return CommitGroup(connection)

    def _connected(self) -> Connection:
        if self._connection is None:
            connection = self._engine.connect()
            connection.begin()
            execute_at_once(connection, busy_timeout(0))
            self._connection = connection
        return self._connection

    def _go_on(self) -> None:
        """Wake waiting writes, or commit the group. Called by each write that arrives, ends or gives up."""
        if self._busy or self._change is not None:
            return
        if self._wanted and self._open():
            self._wake()
        elif self._wanted or self._group:
            before, self._group = self._group, None
            self._change = self._aside(partial(self._next, before, begin=bool(self._wanted)))
            self._change.add_done_callback(partial(self._changed, before))

    def _wake(self) -> None:
        """Wake many writes at once, because each runs without a pause. A write that comes too late for the group waits
        again."""
        for waiting in self._waiting:
            while waiting and self._woken < WOKEN_AT_ONCE:
                if not (first := waiting.popleft()).done():
                    self._woken += 1
                    first.set_result(None)

    def _next(self, before: CommitGroup | None, *, begin: bool) -> CommitGroup | None:
        """Commit one group and begin another; runs in the thread. Raises what the beginning raises."""
        if before is not None:
            before.commit()
        if not begin:
            return None
        return self._begun_patiently()

    def _begun_patiently(self) -> CommitGroup:
        """Begin a group after waiting for other processes, at most `BUSY_SECONDS`. After an error, the next group has a
        new connection."""
        connection = self._connected()
        try:
            execute_at_once(connection, busy_timeout(BUSY_SECONDS))
            execute_at_once(connection, BEGIN_WRITE)
            execute_at_once(connection, busy_timeout(0))
        except BaseException:
            self._connection = None
            connection.invalidate()
            connection.close()
            raise
        return CommitGroup(connection)

    def _changed(self, before: CommitGroup | None, change: asyncio.Future[CommitGroup | None]) -> None:
        self._change = None
        if before is not None:
            before.end()
        if change.cancelled():  # the event loop is closing, so no write waits for a group
            return
        if error := change.exception():
            self._fail(error)
        else:
            self._group = change.result()
        self._go_on()

    def _fail(self, error: BaseException) -> None:
        """Raise the error in the first waiting write; the next one tries again."""
        for waiting in self._waiting:
            while waiting:
                if not (first := waiting.popleft()).done():
                    self._woken += 1
                    first.set_exception(error)
                    return

    def _aside(self, work: Callable[[], Result]) -> asyncio.Future[Result]:
        return asyncio.get_running_loop().run_in_executor(self._thread, work)


async def _outlived(work: asyncio.Future[Result]) -> Result:
    """Return the result of `work`. A cancellation is delayed until `work` is done, because its thread continues
    anyway."""
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
