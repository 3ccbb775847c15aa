"""Tables of results, how they are printed, and the machine on which they were measured."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import quantiles
from typing import Final

Row = Mapping[str, str | float]
"""Cells by column. A column whose name ends in "ratio" is Atelier's figure divided by the floor; 1 equals the floor."""

MIB: Final = 2**20


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    name: str
    title: str
    rows: tuple[Row, ...]

    def printed(self) -> str:
        columns = list(dict.fromkeys(column for row in self.rows for column in row))
        cells = [columns, *[[_cell(row.get(column, "")) for column in columns] for row in self.rows]]
        widths = [max(len(line[number]) for line in cells) for number in range(len(columns))]
        lines = ["  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) for line in cells]
        return "\n".join([f"{self.name}: {self.title}", *[f"  {line}".rstrip() for line in lines], ""])


def _cell(value: str | float) -> str:
    if isinstance(value, str):
        return value
    return f"{value:,.0f}" if abs(value) >= 100 or value == int(value) else f"{value:.3g}"


def percentile(values: Sequence[float], share: int) -> float:
    """Return a percentile; `share` is 1 to 99."""
    return quantiles(values, n=100, method="inclusive")[share - 1] if len(values) > 1 else values[0]


def machine() -> Mapping[str, str | float]:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return {
        "system": f"{platform.system()} {platform.machine()}",
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 0,
        "memory GiB": round(memory, 1),
        "python": platform.python_version(),
        "load": round(os.getloadavg()[0], 2),
    }


def resident_mib(line: str = "VmRSS", *, process_id: int | None = None) -> float:
    """Return the MiB that a process (None: this one) has in memory now, or its peak with `VmHWM`. Linux only; 0
    elsewhere."""
    status = Path(f"/proc/{process_id or 'self'}/status")
    lines = status.read_text().splitlines() if status.exists() else []
    return sum(int(row.split()[1]) / 1024 for row in lines if row.startswith(f"{line}:"))
