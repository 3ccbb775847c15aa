"""What happens to processes that share a PostgreSQL database, and to the database."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Final

from tests.wire.process import ROOT
from tests.wire.processes import Fleet
from tests.wire.relay import Relay
from tests.worlds.postgres import MIGRATED, PORT, PostgresServer, installed_postgres

STALL_SECONDS: Final = 60.0
"""Longer than a lease, so that the tasks of a process whose network stalls are taken over while it lives."""
AWAY_SECONDS: Final = 5.0
"""How long the database is away when it is restarted."""
CUTS: Final = 3
CUT_PAUSE_SECONDS: Final = 2.0
EXIT_SECONDS: Final = 20.0
PACKAGES: Final = ("bot", "cogs", "storage")
NEWER_REVISION: Final = "9999"
REFUSAL: Final = "the database is newer than this program"


class Outage(StrEnum):
    KILLED = "process killed"
    """One process is killed and not started again."""
    RESTARTED = "database restarted"
    """The database is stopped as with `-m immediate`, and is back after some seconds."""
    CUT = "connections cut"
    """The database ends all connections, several times."""
    STALLED = "network stalled"
    """No byte passes between the database and any process, and no connection is closed."""
    ONE_STALLED = "network of one stalled"
    """No byte passes between the database and one process, for longer than its leases last."""
    UPGRADED = "rolling upgrade"
    """One process after the other is stopped with SIGTERM and started with a newer version, which has a migration more;
    the older ones work on beside it, and one that starts is refused."""


@dataclass(kw_only=True)
class DatabaseSite:
    """A PostgreSQL server that can be restarted, and a way to it for each process."""

    server: PostgresServer
    relays: list[Relay]
    _running: ExitStack = field(default_factory=ExitStack)

    @property
    def url(self) -> str:
        """The database, past the relays."""
        return self.server.url(MIGRATED)

    @property
    def urls(self) -> list[str]:
        return [f"postgresql+asyncpg://tests@127.0.0.1:{relay.port}/{MIGRATED}" for relay in self.relays]

    def start(self) -> None:
        """Start the server, as one that has stored what it has committed even if it is stopped at once."""
        self._running.enter_context(self.server.running(synchronous_commit="on"))

    def stop(self) -> None:
        self._running.close()


_PREPARING: Final = asyncio.Lock()
"""Alembic keeps state of a migration in its modules, so that one process cannot run two at the same time."""


@asynccontextmanager
async def database_site(processes: int) -> AsyncIterator[DatabaseSite]:
    with installed_postgres() as server:
        socket = server.folder / f".s.PGSQL.{PORT}"
        site = DatabaseSite(server=server, relays=[Relay([socket]) for _ in range(processes)])
        site.start()
        try:
            async with _PREPARING:
                await server.prepare()
            async with _opened(site.relays):
                yield site
        finally:
            site.stop()


@asynccontextmanager
async def _opened(relays: list[Relay]) -> AsyncIterator[None]:
    if not relays:
        yield
        return
    async with relays[0].open(), _opened(relays[1:]):
        yield


async def strike(outage: Outage, running: Fleet, site: DatabaseSite, *, number: int, stall_seconds: float) -> list[str]:
    """Let it happen, to process `number` if to one; return what the processes did wrong. Returns when it is over."""
    match outage:
        case Outage.KILLED:
            running.bots[number].process.kill()
        case Outage.RESTARTED:
            site.stop()
            await asyncio.sleep(AWAY_SECONDS)
            site.start()
        case Outage.CUT:
            for _ in range(CUTS):
                ended = f"pid <> pg_backend_pid() AND datname = '{MIGRATED}'"
                await site.server.execute(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {ended}")  # noqa: S608  # a constant
                await asyncio.sleep(CUT_PAUSE_SECONDS)
        case Outage.STALLED | Outage.ONE_STALLED:
            stalled = site.relays if outage is Outage.STALLED else [site.relays[number]]
            for relay in stalled:
                relay.stall()
            await asyncio.sleep(stall_seconds)
            for relay in stalled:
                relay.resume()
        case Outage.UPGRADED:
            return await _upgrade(running)
    return []


async def _upgrade(running: Fleet) -> list[str]:
    newer = _newer_version(running.folder)
    faults = []
    for number in range(len(running.bots)):
        code = await _exit_code(running, number)
        faults += [f"process {number} ended with {code}"] if code != 0 else []
        faults += await _older_refused(running, number) if number > 0 else []
        await running.start(number, PYTHONPATH=str(newer))
        await running.connected()
    return faults


async def _older_refused(running: Fleet, number: int) -> list[str]:
    """Start a process of the older version beside the newer ones; return what is wrong with its end."""
    older = await running.start(number)
    code = await older.ended()
    lines = older.said().count(REFUSAL)
    return [] if (code, lines) == (78, 1) else [f"an older process {number} ended with {code} and {lines} lines"]


async def _exit_code(running: Fleet, number: int) -> int:
    running.bots[number].process.terminate()
    return await running.bots[number].ended(EXIT_SECONDS)


def _newer_version(folder: Path) -> Path:
    """Copy the bot with a migration more, and return where it is."""
    newer = folder / "newer"
    for package in PACKAGES:
        shutil.copytree(ROOT / package, newer / package, ignore=shutil.ignore_patterns("__pycache__"))
    versions = newer / "storage" / "migrations" / "versions"
    latest = max(path.name[:4] for path in versions.glob("[0-9]*.py"))
    (versions / f"{NEWER_REVISION}_newer.py").write_text(
        "import sqlalchemy as sa\n"
        "from alembic import op\n\n"
        f'revision = "{NEWER_REVISION}"\n'
        f'down_revision = "{latest}"\n\n\n'
        "def upgrade() -> None:\n"
        '    op.add_column("tasks", sa.Column("newer", sa.Integer))\n'
    )
    return newer
