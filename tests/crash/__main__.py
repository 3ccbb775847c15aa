"""`python -m tests.crash`: run the matrix and print what became of everything."""

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

from tests.crash.points import POINTS, Blow, Case, fits
from tests.crash.runs import perform
from tests.crash.verdict import Verdict

WIDE = max(len(point.name) for point in POINTS)


def main() -> int:
    given = _arguments().parse_args()
    logging.disable()  # of the servers, whose connections are broken on purpose
    cases = [
        Case(point=point, blow=blow, tasks=tasks, seed=seed)
        for blow in Blow
        if fnmatchcase(blow, given.blow)
        for tasks in map(int, given.tasks.split(","))
        for point in POINTS
        if fnmatchcase(point.name, given.points) and fits(point, blow, tasks)
        for seed in range(given.seeds)
    ]
    return asyncio.run(run(cases, given.jobs))


async def run(cases: Sequence[Case], jobs: int) -> int:
    began, turn = time.monotonic(), asyncio.Semaphore(jobs)
    verdicts: dict[Case, Verdict] = {}
    rows: dict[tuple[Blow, int, str], list[Case]] = defaultdict(list)
    for case in cases:
        rows[case.blow, case.tasks, case.point.name].append(case)

    async def one(case: Case) -> None:
        async with turn:
            verdicts[case] = await perform(case)

    print(f"{'point':<{WIDE}}  {'blow':<13}  tasks  runs  killed  lost  doubled  unconfirmed told", flush=True)
    running = {case: asyncio.create_task(one(case)) for case in cases}
    for (blow, tasks, name), row in rows.items():
        await asyncio.gather(*[running[case] for case in row])
        _print_row(name, blow, tasks, [verdicts[case] for case in row])
    return _print_end(cases, verdicts, time.monotonic() - began)


def _print_row(name: str, blow: Blow, tasks: int, row: Sequence[Verdict]) -> None:
    lost, doubled = sum(len(one.lost) for one in row), sum(len(one.doubled) for one in row)
    killed, unconfirmed = sum(one.killed for one in row), sum(one.unconfirmed for one in row)
    counted = f"{tasks:>5}  {len(row):>4}  {killed:>6}  {lost:>4}  {doubled:>7}  {unconfirmed:>16}"
    print(f"{name:<{WIDE}}  {blow:<13}  {counted}", flush=True)


def _print_end(cases: Sequence[Case], verdicts: dict[Case, Verdict], seconds: float) -> int:
    unclean = {case: verdict for case, verdict in verdicts.items() if not verdict.clean}
    for case, verdict in unclean.items():
        print(f"\n{case.point.name}, {case.blow}, {case.tasks} tasks, seed {case.seed}:")
        for what in (*verdict.lost, *verdict.doubled, *verdict.faults):
            print(f"  {what}")
    points = len({case.point.name for case, verdict in verdicts.items() if verdict.killed})
    killed = sum(verdict.killed for verdict in verdicts.values())
    lost = sum(len(verdict.lost) for verdict in verdicts.values())
    doubled = sum(len(verdict.doubled) for verdict in verdicts.values())
    broken = sum(bool(verdict.faults) for verdict in verdicts.values())
    print(
        f"\n{len(cases)} runs in {seconds / 60:.0f} min; {sum(case.tasks for case in cases)} tasks; {broken} runs broke"
    )
    print(f"killed at {points} points, {killed} times, {len(cases)} runs: {lost} lost, {doubled} doubled")
    return 1 if unclean or not cases else 0


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
    parser.add_argument("--jobs", type=int, default=2 * (os.cpu_count() or 1), help="runs at a time (%(default)s)")
    return parser


if __name__ == "__main__":
    sys.exit(main())
