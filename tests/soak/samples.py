"""Samples of a running bot: memory, file handles, and how many requests wait."""

from __future__ import annotations

import os
import resource
import sqlite3
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

PAGE = resource.getpagesize()
OPEN = "('queued', 'submitting', 'generating', 'settled')"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    at: float
    """Seconds, monotonic."""
    pid: int
    resident: int
    """Bytes."""
    files: int
    open_tasks: int
    """Tasks without a delivered outcome."""


def sample(pid: int, database: Path) -> Sample | None:
    """Return a sample; None if the process has ended or has no database yet."""
    try:
        resident = int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE
        files = len(os.listdir(f"/proc/{pid}/fd"))  # noqa: PTH208  # of another process
        with closing(sqlite3.connect(f"{database.absolute().as_uri()}?mode=ro", uri=True)) as connection:
            counted = connection.execute(f"SELECT count(*) FROM tasks WHERE state IN {OPEN}")  # noqa: S608  # a constant
            (open_tasks,) = counted.fetchone()
    except (OSError, IndexError, sqlite3.OperationalError):
        return None
    if not resident:  # it is ending
        return None
    return Sample(at=time.monotonic(), pid=pid, resident=resident, files=files, open_tasks=open_tasks)


def slope(points: Sequence[tuple[float, float]]) -> float:
    """Return the least-squares slope per hour of values at times in seconds; 0 for fewer than two points."""
    if len(points) < 2:
        return 0.0
    mean_x = sum(x for x, _ in points) / len(points)
    mean_y = sum(y for _, y in points) / len(points)
    spread = sum((x - mean_x) ** 2 for x, _ in points)
    return 3600 * sum((x - mean_x) * (y - mean_y) for x, y in points) / spread if spread else 0.0
