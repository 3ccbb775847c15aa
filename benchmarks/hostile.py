"""
Measure what hostile pictures cost, and how long another user's small photo waits because of them.

The bot's picture work runs in its own process (`benchmarks.attacked`) with its children; this process samples their
total memory a hundred times a second.
"""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
from asyncio.subprocess import PIPE, Process
from pathlib import Path
from typing import Any, Final

from benchmarks.results import MIB, Row, Table
from tests.hostile.pictures import CASES, ORDINARY, Case, made
from tests.wire.process import ROOT

LOOKED_AT_EVERY: Final = 0.01
QUICK: Final = ("webp of 67 megapixels in 40 bytes", "png cut short")


async def measure(quick: bool) -> list[Table]:
    cases = [case for case in (*CASES, *ORDINARY) if not quick or case.name in QUICK]
    rows = [await _attacked(case) for case in cases]
    return [Table(name="hostile", title="two of them copied at once and then listed, by one person", rows=tuple(rows))]


async def _attacked(case: Case) -> Row:
    data = made(case)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "picture"
        file.write_bytes(data)
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "benchmarks.attacked", str(file), cwd=ROOT, stdin=PIPE, stdout=PIPE
        )
        idle, peak, found = await _watched(process)
    figures = {"above idle MiB": peak - idle, "CPU s": found["cpu"], "photo waits s": found["photo"]}
    return {"picture": case.name, "KiB": len(data) / 1024, **figures, "answer": found["answer"]}


async def _watched(process: Process) -> tuple[float, float, dict[str, Any]]:
    """Return the MiB of the process and its children before the attack and at the peak, and the process's report."""
    assert process.stdin is not None
    assert process.stdout is not None
    await process.stdout.readline()
    idle = peak = _resident_mib(process.pid)
    process.stdin.write(b"go\n")
    ended = asyncio.create_task(process.stdout.readline())
    while not ended.done():
        peak = max(peak, _resident_mib(process.pid))
        await asyncio.wait({ended}, timeout=LOOKED_AT_EVERY)
    process.stdin.close()
    await process.wait()
    found: dict[str, Any] = json.loads(await ended)
    return idle, peak, found


def _resident_mib(pid: int) -> float:
    """Return the MiB of a process and its children; 0 for a process that has ended."""
    try:
        status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
        own = next((int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS")), 0)
        children = [
            int(child)
            for task in Path(f"/proc/{pid}/task").iterdir()
            for child in (task / "children").read_text(encoding="ascii").split()
        ]
    except OSError:
        return 0.0
    return own * 1024 / MIB + sum(_resident_mib(child) for child in children)
