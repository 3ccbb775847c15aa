"""A line between the bot and a PostgreSQL server that can stall, be cut, or lose the answer to a commit."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from tests.worlds.postgres import PORT, PostgresServer

LINE_PORT: Final = 5433
COMMIT: Final = b"COMMIT;"


@dataclass
class DatabaseLine:
    """Passes bytes on while `open` is set."""

    folder: Path
    to: str
    open: asyncio.Event = field(default_factory=asyncio.Event)
    loses_commits: bool = False
    """Whether the line is cut after a COMMIT has reached the server and before its answer arrives."""
    lost: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when the first answer is lost."""
    writers: set[asyncio.StreamWriter] = field(default_factory=set)

    def url(self, database: str) -> str:
        return f"postgresql://tests@/{database}?host={self.folder}&port={LINE_PORT}"

    def cut(self) -> None:
        for writer in self.writers:
            writer.transport.abort()

    async def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_unix_connection(self.to)
        both, committing = {writer, back}, asyncio.Event()
        self.writers |= both
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._ask(reader, back, committing))
                group.create_task(self._answer(there, writer, committing))
        except* OSError:
            pass
        finally:
            self.writers -= both
            for end in both:
                end.transport.abort()

    async def _ask(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, committing: asyncio.Event) -> None:
        while block := await reader.read(65_536):
            await self.open.wait()
            if COMMIT in block and self.loses_commits:
                committing.set()
            writer.write(block)
            await writer.drain()
        raise ConnectionResetError

    async def _answer(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, committing: asyncio.Event
    ) -> None:
        while block := await reader.read(65_536):
            await self.open.wait()
            if committing.is_set():
                self.lost.set()
                break
            writer.write(block)
            await writer.drain()
        raise ConnectionResetError


@asynccontextmanager
async def database_line(server: PostgresServer, folder: Path) -> AsyncIterator[DatabaseLine]:
    line = DatabaseLine(folder=folder, to=f"{server.folder}/.s.PGSQL.{PORT}")
    line.open.set()
    listening = await asyncio.start_unix_server(line.connected, f"{folder}/.s.PGSQL.{LINE_PORT}")
    try:
        yield line
    finally:
        listening.close()
        line.open.set()
        line.cut()
        await listening.wait_closed()
