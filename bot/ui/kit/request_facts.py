"""
What was chosen for a request and what it costs, as facts for a line of small print.

Prices are in the image API's credits. The catalogue's price is an estimate; the API names the real one for some models,
once the pictures are made.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from bot.texts import Texts
from bot.ui.kit.text import shape_of
from storage.catalogue import MODELS, TRANSPARENT
from storage.models import PictureRequest, Task

MOST_CREDITS: Final = 1_000_000
"""A price that is larger, negative or no number is a mistake of the image API, and counts as unknown."""

_BACKGROUNDS: Final = {TRANSPARENT: "credits-transparent"}


def model_name(key: str) -> str:
    """Return the name of a model; of one that the catalogue no longer has, the key."""
    return MODELS[key].name if key in MODELS else key


def look_of(say: Texts, request: PictureRequest | Task) -> list[str]:
    """Return the model, shape, resolution and background of a request. The model's own resolution and background are
    not named."""
    facts = [model_name(request.model), shape_of(say, request)]
    if request.resolution is not None:
        facts.append(request.resolution)
    if request.background is not None:
        facts.append(
            say(_BACKGROUNDS[request.background]) if request.background in _BACKGROUNDS else request.background
        )
    return facts


def price(say: Texts, amount: float) -> str:
    return say("credits-exact", count=amount)


def expected_price(say: Texts, task: Task) -> list[str]:
    """Return the price of a task that is not paid yet; empty if it is unknown."""
    return [price(say, task.estimated_credits)] if task.estimated_credits is not None else []


def cost(say: Texts, task: Task, made: int) -> list[str]:
    """Return what a task cost that ended with `made` pictures. Without pictures, say what it may have cost: if its
    first create was not answered, no other was sent. Empty if it cost nothing, or if that is unknown."""
    if not task.charged:
        return []
    if not made:
        possible = _estimated(task, 1) if task.job_id is None else task.estimated_credits
        return [say("credits-perhaps", count=possible)] if possible is not None else []
    if (told := _told(task)) is not None:
        return [price(say, told)]
    estimated = _estimated(task, made)
    return [say("credits-about", count=estimated)] if estimated is not None else []


def total_cost(say: Texts, tasks: Iterable[tuple[Task, int]]) -> list[str]:
    """Return what these tasks cost together, each given with the number of its pictures, as far as they cost anything
    and as far as it is known."""
    total, is_exact = 0.0, True
    for task, made in tasks:
        if task.charged:
            told = _told(task)
            total += told if told is not None else (_estimated(task, made) or 0)
            is_exact = is_exact and told is not None
    if not total:
        return []
    return [say("credits-in-all", count=total) if is_exact else say("credits-about-in-all", count=total)]


def _told(task: Task) -> float | None:
    """Return the price that the image API named, if it is usable."""
    told = task.consumed_credits
    return told if told is not None and 0 <= told < MOST_CREDITS else None


def _estimated(task: Task, made: int) -> float | None:
    """Return the catalogue's price. Where each picture is a create of its own, those that failed cost nothing."""
    if task.estimated_credits is None or not 0 < made < task.creates_wanted:
        return task.estimated_credits
    return task.estimated_credits * made / task.creates_wanted
