"""`python -m tests.crash`: run the matrix and print what happened to every task."""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import sys
import time
from collections import defaultdict
from collections.abc import Sequence
from fnmatch import fnmatchcase

from tests.crash import processes
from tests.crash.outages import Outage
from tests.crash.points import POINTS, Blow, Case, fits
from tests.crash.runs import Run, play
from tests.crash.table import head, line, passed, report


def main() -> int:
    given = _arguments().parse_args()
    logging.disable()  # the servers log connections that are broken on purpose
    if given.processes:
        return asyncio.run(run_processes(given))
    cases = [
        Case(point=point, blow=blow, tasks=tasks, seed=seed, model=model)
        for model in given.models.split(",")
        for blow in Blow
        if fnmatchcase(blow, given.blow)
        for tasks in map(int, given.tasks.split(","))
        for point in POINTS
        if fnmatchcase(point.name, given.points) and fits(point, blow, tasks, model)
        for seed in range(given.seeds)
    ]
    return asyncio.run(run(cases, given.jobs))


async def run(cases: Sequence[Case], jobs: int) -> int:
    began, turn = time.monotonic(), asyncio.Semaphore(jobs)
    rows: dict[tuple[str, Blow, int, str], list[asyncio.Task[Run]]] = defaultdict(list)

    async def one(case: Case) -> Run:
        async with turn:
            return await play(case)

    for case in cases:
        rows[case.model, case.blow, case.tasks, case.point.name].append(asyncio.create_task(one(case)))
    print(head(), flush=True)
    runs: list[Run] = []
    for row in rows.values():
        runs += (done := await asyncio.gather(*row))
        print(line(done), flush=True)
    runs = await _once_more(runs)
    print(*report(runs, time.monotonic() - began), sep="\n", flush=True)
    return 0 if passed(runs) else 1


async def run_processes(given: argparse.Namespace) -> int:
    """Play the outages of several processes, one run after the other, because each has several processes."""
    print(processes.head(), flush=True)
    runs: list[processes.ProcessesRun] = []
    for outage in Outage:
        if not fnmatchcase(outage, given.outages):
            continue
        for count in map(int, given.processes.split(",")):
            cases = [processes.ProcessesCase(outage=outage, processes=count, seed=seed) for seed in range(given.seeds)]
            row = [await processes.perform(case) for case in cases]
            print(processes.line(row), flush=True)
            runs += row
    for run in runs:
        if run.says:
            print(f"\n{run.case.outage}, {run.case.processes} processes, seed {run.case.seed}:", *run.says, sep="\n  ")
    return 1 if any(run.says for run in runs) else 0


async def _once_more(runs: Sequence[Run]) -> list[Run]:
    """Repeat each broken run alone, with no other load on the CPU; a run that doubled something is not repeated."""
    final: list[Run] = []
    for run in runs:
        if run.verdict.broken and not run.verdict.doubled:
            again = await play(run.case, broke_before=run.verdict.broken)
            print(line([again]), f" seed {run.case.seed}, once more", flush=True)
            final.append(again)
        else:
            final.append(run)
    return final


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tests.crash",
        description="Strike the bot between any two acts, start it again, and count what is lost or doubled.",
        epilog="points:\n  " + "\n  ".join(point.name for point in POINTS),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--seeds", type=int, default=5, help="runs of each (default: %(default)s)")
    parser.add_argument("--points", default="*", help="a pattern: 'create*' (default: all)")
    parser.add_argument("--blow", default="*", help="one of: " + ", ".join(Blow))
    parser.add_argument("--tasks", default="1,50", help="in flight at once (default: %(default)s)")
    parser.add_argument("--models", default="4o", help="keys of the catalogue (default: %(default)s)")
    parser.add_argument("--processes", default="", help="instead: several processes on PostgreSQL: 2, or 2,4")
    parser.add_argument("--outages", default="*", help="a pattern, with --processes: " + ", ".join(Outage))
    parser.add_argument("--jobs", type=int, default=4 * (os.cpu_count() or 1), help="runs at a time (%(default)s)")
    return parser


if __name__ == "__main__":
    sys.exit(main())
