"""The table that `make crash` prints of its runs, and whether they pass. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from storage.catalogue import MODELS
from tests.crash.points import POINTS
from tests.crash.runs import Run

WIDE = max(len(point.name) for point in POINTS)
WIDE_MODEL = max(map(len, MODELS))
COLUMNS = ("tasks", "runs", "struck", "again", "not struck", "broken", "lost", "doubled", "unconfirmed", "slowest, s")


def head() -> str:
    return f"{'point':<{WIDE}}  {'model':<{WIDE_MODEL}}  {'blow':<9}  {'  '.join(COLUMNS)}"


def line(row: Sequence[Run]) -> str:
    """Return the table's line for runs that differ only in their seed."""
    case, verdicts = row[0].case, [run.verdict for run in row]
    counted = (
        case.tasks,
        len(row),
        sum(verdict.struck > 0 for verdict in verdicts),
        sum(verdict.again for verdict in verdicts),
        sum(bool(verdict.missed) for verdict in verdicts),
        sum(bool(verdict.broken) for verdict in verdicts),
        sum(len(verdict.lost) for verdict in verdicts),
        sum(len(verdict.doubled) for verdict in verdicts),
        sum(verdict.unconfirmed for verdict in verdicts),
        round(max(run.seconds for run in row)),
    )
    cells = "  ".join(f"{number:>{len(title)}}" for title, number in zip(COLUMNS, counted, strict=True))
    return f"{case.point.name:<{WIDE}}  {case.model:<{WIDE_MODEL}}  {case.blow:<9}  {cells}"


def passed(runs: Sequence[Run]) -> bool:
    """Return whether each run was struck, ran to its end, and lost and doubled nothing."""
    return bool(runs) and all(run.verdict.clean for run in runs)


def report(runs: Sequence[Run], seconds: float) -> Iterator[str]:
    """Yield everything found against a run, in full; then the sums."""
    for run in runs:
        against = [*run.verdict.says, *([f"played again, because: {run.broke_before}"] if run.broke_before else [])]
        if against:
            case = run.case
            yield f"\n{case.point.name}, {case.model}, {case.blow}, {case.tasks} tasks, seed {case.seed}:"
            yield from (f"  {what}" for what in against)
    verdicts = [run.verdict for run in runs]
    broken, missed = (
        sum(bool(verdict.broken) for verdict in verdicts),
        sum(bool(verdict.missed) for verdict in verdicts),
    )
    again = sum(bool(run.broke_before) for run in runs)
    tasks, unfaithful = sum(run.case.tasks for run in runs), sum(len(verdict.faults) for verdict in verdicts)
    points = len({run.case.point.name for run in runs if run.verdict.struck})
    lost, doubled = sum(len(verdict.lost) for verdict in verdicts), sum(len(verdict.doubled) for verdict in verdicts)
    yield f"\n{len(runs)} runs in {seconds / 60:.1f} min; {tasks} tasks; {again} played again"
    yield f"{broken} broken, {missed} not struck, {unfaithful} wrong exit codes"
    if runs:
        slow = max(runs, key=lambda run: run.seconds)
        yield f"slowest: {slow.seconds:.0f} s, {slow.case.point.name}, {slow.case.blow}, seed {slow.case.seed}"
    blows = sum(verdict.struck for verdict in verdicts)
    yield f"struck at {points} points, {blows} times, {len(runs)} runs: {lost} lost, {doubled} doubled"
