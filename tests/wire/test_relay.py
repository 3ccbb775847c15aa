"""The relay passes what connections carry, stops it, and breaks them; a target that is gone is passed over."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from tests.wire.relay import Relay


@asynccontextmanager
async def server(socket: Path, name: bytes) -> AsyncIterator[None]:
    """A server that repeats each line, with its name before it."""
    writers = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        with suppress(ConnectionError):
            while line := await reader.readline():
                writer.write(name + line)
        writer.close()

    running = await asyncio.start_unix_server(serve, socket)
    try:
        yield
    finally:
        running.close()
        for writer in writers:
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()


async def said(relay: Relay, line: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", relay.port)
    writer.write(line)
    try:
        async with asyncio.timeout(10):
            return await reader.readline()
    finally:
        writer.close()


async def test_connections_go_to_each_target_in_turn_and_past_one_that_is_gone(tmp_path: Path) -> None:
    sockets = [tmp_path / "a", tmp_path / "b"]
    async with Relay(sockets).open() as relay:
        async with server(sockets[0], b"a "), server(sockets[1], b"b "):
            assert [await said(relay, b"hello\n") for _ in range(3)] == [b"a hello\n", b"b hello\n", b"a hello\n"]
        sockets[1].unlink(missing_ok=True)
        async with server(sockets[0], b"a "):
            assert [await said(relay, b"hello\n") for _ in range(2)] == [b"a hello\n"] * 2


async def test_nothing_passes_while_it_stalls_and_everything_afterwards(tmp_path: Path) -> None:
    async with server(tmp_path / "a", b"a "), Relay([tmp_path / "a"]).open() as relay:
        reader, writer = await asyncio.open_connection("127.0.0.1", relay.port)
        writer.write(b"one\n")
        assert await reader.readline() == b"a one\n"
        relay.stall()
        writer.write(b"two\n")
        beside = asyncio.create_task(said(relay, b"three\n"))
        late = asyncio.create_task(reader.readline())
        done, _ = await asyncio.wait({beside, late}, timeout=0.1)
        assert not done
        relay.resume()
        assert (await late, await beside) == (b"a two\n", b"a three\n")
        writer.close()


async def test_a_cut_breaks_every_connection_and_the_next_one_is_served(tmp_path: Path) -> None:
    async with server(tmp_path / "a", b"a "), Relay([tmp_path / "a"]).open() as relay:
        reader, writer = await asyncio.open_connection("127.0.0.1", relay.port)
        writer.write(b"one\n")
        assert await reader.readline() == b"a one\n"
        relay.cut()
        (broken,) = await asyncio.gather(reader.read(), return_exceptions=True)
        assert broken == b"" or isinstance(broken, ConnectionError)
        assert await said(relay, b"two\n") == b"a two\n"
        writer.close()
