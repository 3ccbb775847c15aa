"""Simulate a network line to servers on this machine: delay, and bandwidth shared by all connections."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Final

from yarl import URL

CHUNK: Final = 32 * 1024
"""Bytes; 2.6 ms of 100 Mbit/s."""


class Way:
    """One direction of the line."""

    def __init__(self, *, delay: float, bytes_per_second: float) -> None:
        self._delay = delay
        self._width = bytes_per_second
        self._free_at = 0.0

    async def carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Copy until the end of the input. The data in transit is limited to what the line holds."""
        under_way: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()
        giving = asyncio.create_task(_give(under_way, writer))
        clock = asyncio.get_running_loop().time
        try:
            while data := await reader.read(CHUNK):
                self._free_at = max(self._free_at, clock()) + len(data) / self._width
                under_way.put_nowait((self._free_at + self._delay, data))
                await asyncio.sleep(self._free_at - clock())
        except ConnectionError:
            pass
        finally:
            under_way.put_nowait((clock() + self._delay, b""))
            await giving


async def _give(under_way: asyncio.Queue[tuple[float, bytes]], writer: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError):
        while True:
            arrives, data = await under_way.get()
            await asyncio.sleep(arrives - asyncio.get_running_loop().time())
            if not data:
                break
            writer.write(data)
            await writer.drain()
    writer.close()


class Line:
    """`round_trip` in seconds; `bits_per_second` in each direction, shared by all connections."""

    def __init__(self, *, round_trip: float, bits_per_second: float) -> None:
        self._there = Way(delay=round_trip / 2, bytes_per_second=bits_per_second / 8)
        self._back = Way(delay=round_trip / 2, bytes_per_second=bits_per_second / 8)

    @asynccontextmanager
    async def to(self, address: str) -> AsyncIterator[str]:
        """Yield the address at which the server at `address` is reached over this line."""
        url = URL(address)

        async def met(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            far_reader, far_writer = await asyncio.open_connection(url.host, url.port)
            await asyncio.gather(self._there.carry(reader, far_writer), self._back.carry(far_reader, writer))

        server = await asyncio.start_server(met, "127.0.0.1", 0)
        try:
            yield str(url.with_port(server.sockets[0].getsockname()[1]))
        finally:
            server.close()
