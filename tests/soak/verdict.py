"""What was observed of a soak, and what was lost, doubled or unexplained in it. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from tests.crash.verdict import Post
from tests.soak.samples import Sample, slope

MEBIBYTE = 1024 * 1024
WARM = 0.3
"""Share of the steady half that is not measured, because caches fill."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A task's row at the end."""

    id: str
    interaction_id: int
    state: str
    reason: str | None
    pictures: int
    links: int
    """How many of the pictures are links."""
    jobs: Mapping[str, float]
    """Estimated credits of its creates that made pictures, by job."""
    unconfirmed: int
    """Creates of which it is unknown whether they were accepted."""
    prompt: str

    @property
    def waits(self) -> bool:
        """Whether it waits for the callback of a create that was not answered, as it may for ten minutes."""
        return self.unconfirmed > 0 and self.state in {"submitting", "generating"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A command as Discord saw it."""

    interaction_id: int
    answered_after: float | None
    """Seconds."""
    only_asker_sees: bool
    """The answer is a refusal with its reason, and not a card."""
    disturbed: bool
    """It was sent while no bot was connected, or something was wrong."""
    late: bool = False
    """Its first answer came too late for Discord."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """An accepted create as the image API knows it."""

    id: str
    prompt: str
    credits: float
    """What it cost: 0 if it failed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Observed:
    seconds: float
    seed: int
    rows: Sequence[Row]
    commands: Sequence[Command]
    jobs: Sequence[Job]
    posts: Sequence[Post]
    """Messages with outcomes, and edits that added late pictures."""
    edits: Sequence[Post]
    samples: Sequence[Sample]
    steady_since: float
    """When the last process began its steady half (monotonic)."""
    most_open: int
    """The limit of open tasks of all people together."""
    events: Mapping[str, int]
    """How often each fault and restart came."""
    throttled: int
    """Answers 429 of the image API."""
    refused_by_discord: int
    """Answers 429 of Discord."""
    most_in_a_second: int
    wrong_exits: int
    in_the_log: Mapping[str, int] = field(default_factory=dict)
    """Log lines with a traceback, by their words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    lost: Sequence[str]
    doubled: Sequence[str]
    unexplained: Sequence[str]
    """Jobs that cost credits and belong to no row."""
    spent: float
    by_rows: float
    """Credits of jobs whose creates the rows have as done."""
    unconfirmed: float
    """Credits of jobs of tasks with an unconfirmed create."""
    growth: float
    """Resident memory, MiB per hour in the steady half."""
    grown: float
    """MiB by which the mean of the last fifth of the steady half is above that of the first."""
    file_growth: float
    """File handles per hour."""
    most_open: int

    @property
    def clean(self) -> bool:
        return not (self.lost or self.doubled or self.unexplained)


def judge(seen: Observed) -> Verdict:
    rows = {row.interaction_id: row for row in seen.rows}
    lost = [*_unanswered(seen, rows), *[what for row in seen.rows for what in _untold(row, seen)]]
    doubled = [what for row in seen.rows for what in _repeated(row, seen)]
    known = {job for row in seen.rows for job in row.jobs}
    doubtful = {row.prompt for row in seen.rows if row.unconfirmed}
    strays = [job for job in seen.jobs if job.credits and job.id not in known]
    steady = _steady(seen)
    fifth = max(1, len(steady) // 5)
    resident = [sample.resident / MEBIBYTE for sample in steady]
    return Verdict(
        lost=lost,
        doubled=doubled,
        unexplained=[f"job {job.id} of {job.prompt}" for job in strays if job.prompt not in doubtful],
        spent=sum(job.credits for job in seen.jobs),
        by_rows=sum(job.credits for job in seen.jobs if job.id in known),
        unconfirmed=sum(job.credits for job in strays if job.prompt in doubtful),
        growth=slope([(sample.at, sample.resident / MEBIBYTE) for sample in steady]),
        grown=sum(resident[-fifth:]) / fifth - sum(resident[:fifth]) / fifth if resident else 0.0,
        file_growth=slope([(sample.at, sample.files) for sample in steady]),
        most_open=max((sample.open_tasks for sample in seen.samples), default=0),
    )


def table(seen: Observed, verdict: Verdict) -> Iterator[str]:
    """Yield the lines of the report."""
    answers = sorted(command.answered_after for command in seen.commands if command.answered_after is not None)
    refused = sum(command.only_asker_sees for command in seen.commands)
    ends = Counter("wait for a callback" if row.waits else row.reason or "pictures" for row in seen.rows)
    steady = _steady(seen)
    yield f"seed {seen.seed}, {seen.seconds / 60:.1f} min"
    yield f"commands                 {len(seen.commands)}"
    yield f"  answered               {len(answers)}: p50 {_at(answers, 0.5):.3f} s, p99 {_at(answers, 0.99):.3f} s"
    late = sum(command.late for command in seen.commands)
    yield f"  answered too late      {late}"
    yield f"  not answered           {len(seen.commands) - len(answers) - late}, while the bot or Discord was away"
    yield f"  refused by a limit     {refused}, each with its reason"
    yield f"requests                 {len(seen.rows)}: " + ", ".join(f"{n} {what}" for what, n in ends.most_common())
    yield f"most open at a time      {verdict.most_open} of {seen.most_open} allowed"
    yield f"creates accepted         {len(seen.jobs)}; {seen.throttled} answered 429"
    yield f"credits spent            {verdict.spent:g} = {verdict.by_rows:g} of creates that the rows have as done"
    yield f"                         + {verdict.unconfirmed:g} of creates told as unconfirmed"
    yield f"requests to Discord      {seen.most_in_a_second} in the worst second"
    yield f"  answered 429           {seen.refused_by_discord}"
    if steady:
        first, last = (each.resident / MEBIBYTE for each in (steady[0], steady[-1]))
        yield f"resident memory          {first:.0f} MiB, at the end {last:.0f} MiB"
    yield f"  in the steady half     {verdict.growth:+.1f} MiB an hour; last fifth {verdict.grown:+.1f} above the first"
    yield f"file handles             {steady[-1].files if steady else 0}; {verdict.file_growth:+.1f} an hour"
    yield "what went wrong          " + ", ".join(f"{what} {n}" for what, n in sorted(seen.events.items()))
    for what, times in sorted(seen.in_the_log.items()):
        yield f"traceback in the log     {times} times: {what}"
    yield f"wrong exit codes         {seen.wrong_exits}"
    yield f"lost {len(verdict.lost)}, doubled {len(verdict.doubled)}, unexplained {len(verdict.unexplained)}"
    yield from (f"  {what}" for what in (*verdict.lost, *verdict.doubled, *verdict.unexplained))


def _at(ordered: Sequence[float], share: float) -> float:
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0


def _steady(seen: Observed) -> list[Sample]:
    """Return the samples of the last process in its steady half, without the time in which caches fill."""
    since = [sample for sample in seen.samples if sample.at >= seen.steady_since]
    return since[int(len(since) * WARM) :]


def _unanswered(seen: Observed, rows: Mapping[int, Row]) -> Iterator[str]:
    for command in seen.commands:
        silent = command.answered_after is None and not command.late and not command.disturbed
        if silent and command.interaction_id not in rows:
            yield f"command {command.interaction_id}: never answered, though nothing was wrong"
        if command.answered_after is not None and not command.only_asker_sees and command.interaction_id not in rows:
            yield f"command {command.interaction_id}: acknowledged, and nothing of it is stored"


def _untold(row: Row, seen: Observed) -> Iterator[str]:
    posts = [post for post in (*seen.posts, *seen.edits) if post.task_id == row.id]
    if row.waits:
        return
    if row.state != "closed":
        yield f"{row.prompt}: {row.state}"
    elif row.reason is None:
        told = {number for post in posts for number in post.pictures}
        if len(told) + row.links < row.pictures or not posts:
            yield f"{row.prompt}: {row.pictures} pictures, told {sorted(told)}"
    elif not posts:
        yield f"{row.prompt}: {row.reason}, and its asker was not told"


def _repeated(row: Row, seen: Observed) -> Iterator[str]:
    posts = [post for post in seen.posts if post.task_id == row.id]
    pictures = Counter(number for post in posts for number in post.pictures)
    yield from (f"{row.prompt}: picture {n} was posted {times} times" for n, times in pictures.items() if times > 1)
    failures = sum(not post.pictures and post.mentions for post in posts)
    if failures > 1:
        yield f"{row.prompt}: a failure was told {failures} times"
