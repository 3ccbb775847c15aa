"""
What each model of the image API can do: plain values, read by commands, forms, settings, checks, texts and the client
of the API.

model.py    the kinds of facts about a model, and what follows from them
entries.py  the facts about each model

Sizes are aspect ratios, width to height; people read them as shapes. A price is in the image API's credits (200 credits
are one US dollar).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Final

from storage.catalogue.entries import ENTRIES, FOUR_O, FOUR_O_AS_JOBS
from storage.catalogue.model import (
    TRANSPARENT,
    ForbiddenCombination,
    Look,
    MaskFacts,
    Model,
    Operation,
    ReferenceFacts,
    WireForm,
    nearest,
    ratio,
    resolution_number,
)

MODELS: Final[Mapping[str, Model]] = {model.key: model for model in ENTRIES}
"""Every model that the bot knows, by key, in the order in which people read them."""
DEFAULT: Final = FOUR_O
"""The model of a request that names none."""


def catalogue(*, four_o: str = "own", offered: Collection[str] = ()) -> Mapping[str, Model]:
    """Return the models of an installation by key. `four_o`: `own` sends creates of 4o to its own endpoint, `jobs` to
    the API for all models. `offered`: keys of the models that are switched on; empty means all."""
    models = {**MODELS, FOUR_O.key: FOUR_O_AS_JOBS} if four_o == "jobs" else MODELS
    return {key: model for key, model in models.items() if not offered or key in offered}


def in_form(model: Model, form: str) -> Model | None:
    """Return what the model can do by the endpoints of `form`, by which a task of it was begun; None if it is not known
    there."""
    entries = (model, *(entry for entry in (FOUR_O, FOUR_O_AS_JOBS) if entry.key == model.key))
    return next((entry for entry in entries if entry.form == form), None)


def offered(models: Mapping[str, Model], keys: Collection[str]) -> Mapping[str, Model]:
    """Return those of the models that a server offers; all if `keys` is empty or none of them is switched on."""
    return {key: model for key, model in models.items() if key in keys} or models


def default_model(models: Mapping[str, Model], *keys: str | None) -> Model:
    """Return the first model that the keys name and that is among `models`, which must not be empty; the first of
    `models` if none is."""
    named = (models[key] for key in keys if key is not None and key in models)
    return next(named, next(iter(models.values())))


def all_sizes(models: Iterable[Model] = MODELS.values()) -> tuple[str, ...]:
    """Return the sizes that at least one of the models has."""
    return tuple(dict.fromkeys(size for model in models for size in model.sizes))


def all_variants(models: Iterable[Model] = MODELS.values()) -> tuple[int, ...]:
    """Return the numbers of pictures that at least one of the models has."""
    return tuple(sorted({number for model in models for number in model.variants}))


__all__ = [
    "DEFAULT",
    "FOUR_O",
    "FOUR_O_AS_JOBS",
    "MODELS",
    "TRANSPARENT",
    "ForbiddenCombination",
    "Look",
    "MaskFacts",
    "Model",
    "Operation",
    "ReferenceFacts",
    "WireForm",
    "all_sizes",
    "all_variants",
    "catalogue",
    "default_model",
    "in_form",
    "nearest",
    "offered",
    "ratio",
    "resolution_number",
]
