"""Relay connections to servers on this machine, and stop or cut them as a broken network does."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import TypeAlias

Target: TypeAlias = int | Path
"""A port on loopback, or a Unix socket."""
CHUNK = 64 * 1024


class Relay:
    """
    A port that leads to `targets`: each new connection to the next of them that accepts it, as with a load balancer.
    """

    def __init__(self, targets: Sequence[Target]) -> None:
        self.port = 0
        self._targets = targets
        self._turns = itertools.count()
        self._passes = asyncio.Event()
        self._passes.set()
        self._carrying: dict[asyncio.Task[None], set[asyncio.StreamWriter]] = {}
        """Both ends of each connection, by the task that relays it."""

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Relay]:
        server = await asyncio.start_server(self._met, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            self.cut()
            relaying = list(self._carrying)
            for task in relaying:
                task.cancel()
            await asyncio.gather(*relaying, return_exceptions=True)

    def stall(self) -> None:
        """Pass no byte from now on, in either direction; connections stay open, and new ones are accepted."""
        self._passes.clear()

    def resume(self) -> None:
        """Pass everything that came since `stall`, and everything from now on."""
        self._passes.set()

    def cut(self) -> None:
        """Break every connection."""
        for writer in set[asyncio.StreamWriter]().union(*self._carrying.values()):
            writer.transport.abort()

    async def _met(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._carrying[task] = ends = {writer}
        try:
            await self._passes.wait()
            far_reader, far_writer = await self._connected()
            ends.add(far_writer)
            await asyncio.gather(self._carry(reader, far_writer), self._carry(far_reader, writer))
        except (OSError, asyncio.CancelledError):
            for end in ends:
                end.transport.abort()
        finally:
            del self._carrying[task]

    async def _connected(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Connect to the target whose turn it is, or else to the next that accepts. Raises OSError."""
        turn = next(self._turns)
        for number in range(len(self._targets)):
            target = self._targets[(turn + number) % len(self._targets)]
            with suppress(OSError):
                if isinstance(target, int):
                    return await asyncio.open_connection("127.0.0.1", target)
                return await asyncio.open_unix_connection(target)
        raise ConnectionRefusedError("no target accepts connections")

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await reader.read(CHUNK):
                await self._passes.wait()
                writer.write(data)
                await writer.drain()
        writer.close()
