"""
What each model of the image API can do: plain values, read by commands, forms, settings, checks and texts.

Sizes are aspect ratios, width to height. A price is in the image API's credits (200 credits are one US dollar).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import log
from typing import Final


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    key: str
    """Name in rows, settings and commands; never changes."""
    provider: str
    """Who makes the pictures: the API that knows the `job_id` of a task."""
    name: str
    """Name that people read."""
    sizes: tuple[str, ...]
    variants: tuple[int, ...]
    """Numbers of pictures that one request can have."""
    most_references: int
    """Input pictures per request, without the mask."""
    takes_mask: bool
    options: frozenset[str]
    """Which of `enhance` and `fallback` the model knows."""
    credits: Mapping[int, float]
    """Price of a request by its number of pictures."""

    def nearest_size(self, width: float, height: float) -> str:
        """Return the size whose aspect ratio is nearest to `width` : `height`; 1:2 is as far from 1:1 as 2:1. Both must
        be more than 0."""
        return min(self.sizes, key=lambda size: abs(log(_ratio(size)) - log(width) + log(height)))


GPT_4O: Final = Model(
    key="4o",
    provider="kie",
    name="4o Image",
    sizes=("1:1", "3:2", "2:3"),
    variants=(1, 2, 4),
    most_references=5,
    takes_mask=True,
    options=frozenset({"enhance", "fallback"}),
    credits={1: 6, 2: 7, 4: 8},
)
"""API: `size` and `nVariants` take these values, `filesUrl` takes five files, the mask is sent separately. Prices:
marketing page of the API, 2026-04."""

MODELS: Final[Mapping[str, Model]] = {model.key: model for model in (GPT_4O,)}
DEFAULT: Final = GPT_4O
"""The model of a request that names none."""


def all_sizes() -> tuple[str, ...]:
    """Return the sizes that at least one model has."""
    return tuple(dict.fromkeys(size for model in MODELS.values() for size in model.sizes))


def all_variants() -> tuple[int, ...]:
    """Return the numbers of pictures that at least one model has."""
    return tuple(sorted({number for model in MODELS.values() for number in model.variants}))


def _ratio(size: str) -> float:
    width, height = size.split(":")
    return int(width) / int(height)
