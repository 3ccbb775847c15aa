"""
Run each engine with one and with four processes, kill one, and count transactions, processor time, duplicates, losses.

The processes are real, and so is the PostgreSQL server, which waits for the disk. The stand-ins of the image API and
of the channel (`world`) run here.
"""

from __future__ import annotations

import asyncio
import importlib.util
import os
import signal
import sys
import tempfile
import time
from asyncio.subprocess import Process
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Final

import aiohttp
import asyncpg  # type: ignore[import-untyped]  # it has no types

from benchmarks.engines.world import Fate, WorldSeen, fate
from benchmarks.results import Row, Table
from tests.worlds.postgres import PostgresServer, installed_postgres

ROOT: Final = Path(__file__).parent.parent.parent
SQLITE: Final = "SQLite"
POSTGRESQL: Final = "PostgreSQL"
DATABASE: Final = "engine"
WAITS_FOR_THE_DISK: Final = {"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on"}
LONGEST_SECONDS: Final = 150.0
QUIET_SECONDS: Final = 5.0
"""Wait after the last message, in which a second one may come."""
END_SECONDS: Final = 20.0
IDLE_SECONDS: Final = 20.0
STEADY_SECONDS: Final = 6.0
"""Before idle transactions are counted: the server reports those of the start within this time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineKind:
    """An engine that is compared. `library` is what its module imports; None: nothing that is not installed."""

    name: str
    module: str
    library: str | None
    databases: tuple[str, ...]


ENGINES: Final = (
    EngineKind(name="Atelier", module="atelier", library=None, databases=(SQLITE, POSTGRESQL)),
    EngineKind(name="DBOS", module="dbos_engine", library="dbos", databases=(SQLITE, POSTGRESQL)),
    EngineKind(name="DBOS, polls in one step", module="dbos_one_step", library="dbos", databases=(SQLITE, POSTGRESQL)),
    EngineKind(name="Procrastinate", module="procrastinate_engine", library="procrastinate", databases=(POSTGRESQL,)),
    EngineKind(name="PgQueuer", module="pgqueuer_engine", library="pgqueuer", databases=(POSTGRESQL,)),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    database: str
    processes: int
    tasks: int
    kill_at: int | None = None
    """Kill the process that sends this create, before its answer. If it is the only one, start another."""


CASES: Final = (
    Case(database=SQLITE, processes=1, tasks=80),
    Case(database=SQLITE, processes=1, tasks=80, kill_at=25),
    Case(database=POSTGRESQL, processes=1, tasks=80),
    Case(database=POSTGRESQL, processes=4, tasks=80),
    Case(database=POSTGRESQL, processes=4, tasks=80, kill_at=25),
    Case(database=POSTGRESQL, processes=4, tasks=0),
)
"""The last: nothing to do."""
QUICK: Final = (
    Case(database=SQLITE, processes=1, tasks=10),
    Case(database=POSTGRESQL, processes=2, tasks=10, kill_at=5),
)


async def measure(quick: bool) -> list[Table]:
    installed = [kind for kind in ENGINES if kind.library is None or importlib.util.find_spec(kind.library)]
    missing = [kind for kind in ENGINES if kind not in installed]
    if len(installed) == 1 and not quick:
        installed = []  # nothing to compare
    cases = QUICK if quick else CASES
    rows = [*await _compared(installed, [case for case in cases if case.tasks]), *[_absent(kind) for kind in missing]]
    carried = Table(name="engines", title="the same life of a task, carried by each engine", rows=tuple(rows))
    idle = await _compared(installed, [case for case in cases if not case.tasks])
    return [carried, Table(name="engines", title="nothing to do", rows=tuple(idle))] if idle else [carried]


def _absent(kind: EngineKind) -> Row:
    return {"engine": kind.name, "database": f"not measured: {kind.library} is not installed, see benchmarks/README.md"}


async def _compared(kinds: Sequence[EngineKind], cases: Sequence[Case]) -> list[Row]:
    rows: list[Row] = []
    for case in cases:
        ours = 0.0
        for kind in (kind for kind in kinds if case.database in kind.databases):
            row, spent = await _measured(kind, case)
            ours = ours or spent
            rows.append({**row, "CPU ratio": ours / spent} if spent else row)

    return rows


async def _measured(kind: EngineKind, case: Case) -> tuple[Row, float]:
    """Return the row, and the processor seconds of the processes and of the server; 0 if there were no tasks."""
    world = WorldSeen(kill_at=case.kill_at)
    with tempfile.TemporaryDirectory() as folder:
        async with (
            _database(case.database, Path(folder)) as (url, server),
            world.serving() as address,
            aiohttp.ClientSession() as session,
        ):
            run = _Run(kind=kind, case=case, url=url, folder=Path(folder), world=world, address=address)
            try:
                await run.prepare()
                begun = await _used(server)
                row = await (run.carry(session) if case.tasks else run.idle(server))
                ended = await _used(server)
            finally:
                await run.end()
    row = {"engine": kind.name, "database": case.database, "processes": case.processes, **row}
    if not case.tasks:
        return row, 0.0
    of_server = ended.seconds - begun.seconds
    of_tasks: Row = {"CPU ms per task": run.spent * 1000 / case.tasks}
    if server is not None:
        of_tasks = {
            **of_tasks,
            "server CPU ms per task": of_server * 1000 / case.tasks,
            "transactions per task": (ended.transactions - begun.transactions) / case.tasks,
        }
    return {**row, **of_tasks}, run.spent + of_server


@dataclass(kw_only=True)
class _Run:
    kind: EngineKind
    case: Case
    url: str
    folder: Path
    world: WorldSeen
    address: str
    processes: dict[str, Process] = field(default_factory=dict)
    spent: float = 0.0
    """Processor seconds of the processes since each was ready."""

    async def prepare(self) -> None:
        """Make the tables, and start the processes."""
        making = await self._start()
        if await making.wait():
            raise RuntimeError(self._log())
        for number in range(self.case.processes):
            await self._work(f"worker{number}")

    async def carry(self, session: aiohttp.ClientSession) -> Row:
        """Ask for all tasks at once, cancel some, kill a process, and wait for the last message."""
        numbers, began = range(self.case.tasks), time.monotonic()
        doors = list(self.world.doors.values())
        await asyncio.gather(*[_call(session, doors[number % len(doors)], "ask", number) for number in numbers])
        taken_back = [number for number in numbers if fate(number) is Fate.CANCELLED]
        answers = [await _call(session, doors[number % len(doors)], "cancel", number) for number in taken_back]
        cancelled = {number for number, answer in zip(taken_back, answers, strict=True) if answer}
        killed_at = await self._kill() if self.case.kill_at else None
        await self.world.all_told(set(numbers) - cancelled, seconds=LONGEST_SECONDS)
        last = time.monotonic() - began
        await asyncio.sleep(QUIET_SECONDS)
        await self.stop()
        wrong = Counter(self.world.wrong(number, cancelled=number in cancelled) for number in numbers)
        del wrong[""]
        row: Row = {
            "killed": "" if killed_at is None else "one",
            "wrong": ", ".join(f"{count} {what}" for what, count in wrong.items()) or "none",
            "most creates in 10 s": self.world.most_creates(),
            "unconfirmed, never sent": sum(self.world.is_unsent(number) for number in numbers),
            "last message s": last,
        }
        return row if killed_at is None else {**row, **self._resumed(killed_at)}

    async def idle(self, server: PostgresProcess | None) -> Row:
        """Count what the processes do without a task."""
        await asyncio.sleep(STEADY_SECONDS)
        before, began = await _used(server), {name: _cpu(process.pid) for name, process in self.processes.items()}
        await asyncio.sleep(IDLE_SECONDS)
        after = await _used(server)
        spent = sum(_cpu(process.pid) - began[name] for name, process in self.processes.items())
        await self.stop()
        return {
            "idle transactions per s": (after.transactions - before.transactions) / IDLE_SECONDS,
            "idle CPU ms per s": spent * 1000 / IDLE_SECONDS,
        }

    async def stop(self) -> None:
        """Stop the processes in order, so that the server has all their figures."""
        for process in self.processes.values():
            self.spent += _cpu(process.pid)
            process.send_signal(signal.SIGTERM)
        for process in self.processes.values():
            await asyncio.wait_for(process.wait(), END_SECONDS)
        self.processes.clear()

    async def end(self) -> None:
        """Kill what still runs, after an error."""
        for process in self.processes.values():
            if process.returncode is None:
                process.kill()
            await process.wait()

    async def _kill(self) -> float:
        name = await asyncio.wait_for(self.world.victim, LONGEST_SECONDS)
        process = self.processes.pop(name)
        self.spent += _cpu(process.pid)
        process.kill()
        killed_at = time.monotonic()
        del self.world.doors[name]
        await process.wait()
        if not self.processes:
            await self._work(name)
        return killed_at

    def _resumed(self, killed_at: float) -> Row:
        """Return how long the tasks whose creates the killed process had sent, and that had been polled, waited for the
        next act of another process."""
        acts, victim = self.world.acts, self.world.victim.result()
        before = [act for act in acts if act.at < killed_at]
        made = {act.task for act in before if act.what == "create" and act.worker == victim}
        polled = {act.task for act in before if act.what == "poll"}
        under_way = (made & polled) - {act.task for act in before if act.what == "message"}
        waits = [
            min(
                (act.at for act in acts if act.task == task and act.at > killed_at), default=killed_at + LONGEST_SECONDS
            )
            - killed_at
            for task in under_way
        ]
        return {"continues s, p50": median(waits), "continues s, last": max(waits)} if waits else {}

    async def _work(self, name: str) -> None:
        process = await self._start(self.address, name)
        self.processes[name] = process
        ended, ready = asyncio.create_task(process.wait()), asyncio.create_task(self.world.ready(name))
        await asyncio.wait([ended, ready], return_when=asyncio.FIRST_COMPLETED)
        ended.cancel()
        if not ready.done():
            ready.cancel()
            raise RuntimeError(self._log())
        self.spent -= _cpu(process.pid)

    async def _start(self, *arguments: str) -> Process:
        command = (sys.executable, "-m", "benchmarks.engines.worker", self.kind.module, self.url, *arguments)
        with (self.folder / "log").open("ab") as log:
            return await asyncio.create_subprocess_exec(*command, cwd=ROOT, stdout=log, stderr=log)

    def _log(self) -> str:
        return (self.folder / "log").read_text()


async def _call(session: aiohttp.ClientSession, door: str, what: str, number: int) -> bool:
    async with session.post(f"{door}/{what}", params={"task": str(number)}) as response:
        response.raise_for_status()
        return bool(await response.json())


@dataclass(frozen=True, slots=True, kw_only=True)
class PostgresProcess:
    server: PostgresServer
    pid: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerUse:
    transactions: int = 0
    seconds: float = 0.0
    """Of the processor, with all its processes."""


@asynccontextmanager
async def _database(kind: str, folder: Path) -> AsyncIterator[tuple[str, PostgresProcess | None]]:
    """Make an empty database and yield its URL, without a driver, and its server, which is this one's alone."""
    if kind == SQLITE:
        yield f"sqlite:///{folder / DATABASE}.db", None
        return
    with installed_postgres() as server, server.running(**WAITS_FOR_THE_DISK) as process:
        await server.execute(f"CREATE DATABASE {DATABASE}")
        yield server.url(DATABASE).replace("+asyncpg", ""), PostgresProcess(server=server, pid=process.pid)


async def _used(server: PostgresProcess | None) -> ServerUse:
    if server is None:
        return ServerUse()
    connection = await asyncpg.connect(server.server.url("postgres").replace("+asyncpg", ""))
    try:
        counted = "SELECT xact_commit + xact_rollback FROM pg_stat_database WHERE datname = $1"
        transactions = await connection.fetchval(counted, DATABASE)
    finally:
        await connection.close()
    return ServerUse(transactions=transactions, seconds=_cpu(server.pid, children=True))


def _cpu(pid: int, *, children: bool = False) -> float:
    """Return the processor seconds of a process, and of its children that have ended; with `children`, of those too
    that run. 0 where there is no /proc."""
    if not Path("/proc/self/stat").exists():
        return 0.0
    running = [pid, *_children(pid)] if children else [pid]
    return sum(sum(map(int, _stat(each)[11:15])) for each in running) / os.sysconf("SC_CLK_TCK")


def _children(pid: int) -> list[int]:
    processes = [int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit()]
    return [each for each in processes if (stat := _stat(each)) and int(stat[1]) == pid]


def _stat(pid: int) -> list[str]:
    """Return the fields from the state on; none if the process has ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return []
