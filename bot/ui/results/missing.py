"""Say which pictures of a request did not come, why, and whether they may have cost."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Final

from bot.engine.batch_view import BatchEntry, BatchEntryState
from bot.errors import Reason
from bot.texts import Texts
from bot.ui.kit.text import sentences
from storage.models import Task

_UNSURE: Final = "outcome-missing-unsure"
_MISSING: Final[Mapping[Reason | None, str]] = {
    None: "outcome-missing-not-begun",
    Reason.POLICY: "outcome-missing-not-allowed",
    Reason.REFERENCE_POLICY: "outcome-missing-not-allowed",
    Reason.ACCOUNT_CREDIT: "outcome-missing-credit",
    Reason.ACCOUNT_QUOTA: "outcome-missing-credit",
    Reason.UNCONFIRMED: _UNSURE,
    Reason.LOST: _UNSURE,
    Reason.NO_PICTURES: _UNSURE,
}
"""What is said of creates that made no picture, by the reason; any other failure cost nothing."""


def fewer_line(say: Texts, task: Task, made: int, missing: Mapping[Reason | None, int]) -> str:
    """Return how many pictures came, why the others did not, and whether these may have cost; empty if all came.
    `missing`: as in `Outcome`."""
    if not missing:
        return say("outcome-fewer", asked=task.variants, count=made) if made < task.variants else ""
    counted: Counter[str] = Counter()
    for reason, count in missing.items():
        counted[_MISSING.get(reason, "outcome-missing-failed")] += count
    why = [say(name, count=count) for name, count in counted.items()]
    return sentences(say, [say("outcome-missing", asked=task.variants, count=made), *why])


def rest_line(say: Texts, entries: Iterable[BatchEntry]) -> str:
    """Return whether the pictures of a batch that did not come may have cost; empty if that is unknown: a create that
    makes several pictures has one price, however many come."""
    perhaps = False
    for entry in entries:
        if entry.state is BatchEntryState.FAILED:
            perhaps = perhaps or entry.task.charged
        elif entry.missing:
            perhaps = perhaps or any(_MISSING.get(reason) == _UNSURE for reason in entry.missing)
        elif len(entry.pictures) < entry.task.variants:
            return ""
    return say("batches-rest-perhaps" if perhaps else "batches-rest-free")
