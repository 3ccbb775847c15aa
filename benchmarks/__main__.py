"""Run benchmarks and print their tables: `python -m benchmarks [names] [--json FILE] [--quick]`."""

from __future__ import annotations

import argparse
import asyncio
import json
from collections.abc import Callable, Coroutine
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from benchmarks import acknowledge, hold, hostile, memory, notice, processes, rush, shared_store, start, store, tell
from benchmarks.engines import comparison
from benchmarks.results import Table, machine

BENCHMARKS: Final[dict[str, Callable[[bool], Coroutine[Any, Any, list[Table]]]]] = {
    "notice": notice.measure,
    "store": store.measure,
    "shared-store": shared_store.measure,
    "hold": hold.measure,
    "acknowledge": acknowledge.measure,
    "tell": tell.measure,
    "start": start.measure,
    "memory": memory.measure,
    "rush": rush.measure,
    "hostile": hostile.measure,
    "processes": processes.measure,
    "engines": comparison.measure,
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="benchmarks", description="How fast it is, as ratios to a floor.")
    parser.add_argument("names", nargs="*", metavar="name", help=f"of {', '.join(BENCHMARKS)}; all of them by default")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the results there too")
    parser.add_argument("--quick", action="store_true", help="tiny sizes: whether it runs, not how fast")
    given = parser.parse_args()
    if unknown := set(given.names) - set(BENCHMARKS):
        parser.error(f"there is no benchmark {', '.join(sorted(unknown))}")
    size = machine()
    print(", ".join(f"{name} {value}" for name, value in size.items()), end="\n\n", flush=True)
    tables = []
    for name in given.names or BENCHMARKS:
        for table in asyncio.run(BENCHMARKS[name](given.quick)):
            print(table.printed(), flush=True)
            tables.append(asdict(table))
    if given.json:
        given.json.write_text(json.dumps({"machine": size, "quick": given.quick, "tables": tables}, indent=1) + "\n")


if __name__ == "__main__":
    main()
