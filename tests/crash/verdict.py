"""The evidence of a run, seen from outside, and what was lost or doubled in it. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

ANSWER_READ_SECONDS = 0.9
"""
For this long after a create's response was sent, a killed process may not have read it, with several runs at a time
on one machine. Less than the second of the point "create answered a second ago".
"""

ON_THE_WAY_SECONDS = 1.0
"""Requests of a killed process may arrive this long after its death; the next process needs longer to send one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A task's row in the bot's database at the end."""

    id: str
    prompt: str
    state: str
    reason: str | None
    variants: int
    wanted: int = 1
    """How many creates make its pictures."""
    unconfirmed: int = 0
    """How many of several creates are unconfirmed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Post:
    """A message of the bot that tells an outcome, including messages deleted later."""

    task_id: str
    pictures: tuple[int, ...]
    """Numbers, from 1."""
    again: bool
    """The message has a button to ask again."""
    mentions: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    acknowledged: frozenset[str]
    """Prompts of the commands that the bot acknowledged to Discord."""
    rows: tuple[Row, ...]
    posts: tuple[Post, ...]
    creates: Mapping[str, tuple[tuple[float, float | None], ...]]
    """By prompt: when each accepted create arrived, and when its response had been sent."""
    struck_at: tuple[float, ...]
    """When the process was killed."""
    struck: int = 0
    """Number of blows, of any kind; without one the run proves nothing."""
    again: int = 0
    """Blows during recovery."""
    missed: str = ""
    """If there was no blow: how far the run came."""
    cards_left: int = 0
    faults: tuple[str, ...] = ()
    """Other faults of the bot: its exit code."""
    broken: str = ""
    """Why the run did not reach its end."""
    corrections: bool = False
    """Whether a process may have stored the answer to a create after another had taken over its task: the pictures
    follow the message that the create is unconfirmed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    lost: tuple[str, ...] = ()
    doubled: tuple[str, ...] = ()
    faults: tuple[str, ...] = ()
    broken: str = ""
    """The run did not reach its end: it took too long, or a server of the test failed. It proves nothing."""
    missed: str = ""
    """There was no blow. The run proves nothing either."""
    unconfirmed: int = 0
    """Tasks reported as unconfirmed, and single creates of others, with reason."""
    struck: int = 0
    again: int = 0

    @property
    def clean(self) -> bool:
        return not self.says

    @property
    def says(self) -> tuple[str, ...]:
        """Everything found against the run."""
        return tuple(filter(None, (*self.lost, *self.doubled, *self.faults, self.missed, self.broken)))


@dataclass(slots=True)
class _Findings:
    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    unconfirmed: int = 0


def judge(seen: Evidence) -> Verdict:
    """Judge the evidence. A run that broke, or was not struck, counts nothing as lost, but what it doubled counts."""
    found = _Findings()
    stored = {row.prompt for row in seen.rows}
    found.lost += [f"{prompt}: acknowledged, and nothing of it is stored" for prompt in seen.acknowledged - stored]
    for row in seen.rows:
        _judge(row, seen, found)
    if seen.cards_left:
        found.lost.append(f"{seen.cards_left} cards are left of tasks that are over")
    missed = seen.missed or ("" if seen.struck or seen.broken else "not struck")
    return Verdict(
        lost=() if seen.broken or missed else tuple(found.lost),
        doubled=tuple(found.doubled),
        faults=seen.faults,
        unconfirmed=found.unconfirmed,
        broken=seen.broken,
        missed=missed,
        struck=seen.struck,
        again=seen.again,
    )


def _judge(row: Row, seen: Evidence, found: _Findings) -> None:
    posts = [post for post in seen.posts if post.task_id == row.id]
    creates = seen.creates.get(row.prompt, ())
    doubtful = [create for create in creates or ((0.0, None),) if any(_in_doubt(create, at) for at in seen.struck_at)]
    if seen.corrections and doubtful and row.reason is None and posts and posts[0].again and not posts[0].pictures:
        found.unconfirmed += 1
        posts = posts[1:]
    found.doubled += [f"{row.prompt}: {what}" for what in _repeated(posts, len(creates), row.wanted)]
    if row.state != "closed":
        found.lost.append(f"{row.prompt}: {row.state}")
    elif row.reason is None:
        told = {number for post in posts for number in post.pictures}
        missing = set(range(1, row.variants + 1 - row.unconfirmed)) - told
        if missing:
            found.lost.append(f"{row.prompt}: pictures {sorted(missing)} were never told")
        elif row.unconfirmed > len(doubtful) + row.wanted - len(creates):
            found.lost.append(f"{row.prompt}: {row.unconfirmed} creates unconfirmed, {len(doubtful)} in doubt")
        else:
            found.unconfirmed += row.unconfirmed
    elif row.reason != "unconfirmed":
        found.lost.append(f"{row.prompt}: failed with {row.reason}")
    elif not any(post.again for post in posts):
        found.lost.append(f"{row.prompt}: unconfirmed, and its asker was not told or cannot ask again")
    elif not doubtful:
        times = [f"{came:.2f} to {answered or 0:.2f}" for came, answered in creates]
        found.lost.append(
            f"{row.prompt}: told as unconfirmed although its create was answered ({', '.join(times)}; "
            f"struck at {', '.join(f'{struck:.2f}' for struck in seen.struck_at)})"
        )
    else:
        found.unconfirmed += 1


def _repeated(posts: list[Post], creates: int, wanted: int) -> Iterator[str]:
    pictures = Counter(number for post in posts for number in post.pictures)
    yield from (f"picture {number} was posted {times} times" for number, times in pictures.items() if times > 1)
    mentions = sum(post.mentions for post in posts)
    if mentions > 1:
        yield f"its asker was called {mentions} times"
    if creates > wanted:
        yield f"it was created {creates} times"


def _in_doubt(create: tuple[float, float | None], struck: float) -> bool:
    came, answered = create
    return came <= struck + ON_THE_WAY_SECONDS and (answered is None or answered >= struck - ANSWER_READ_SECONDS)
