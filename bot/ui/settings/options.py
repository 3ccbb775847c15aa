"""Options of the selects that both panels have: models, shapes, numbers of pictures."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from discord import SelectOption

from bot.texts import Texts
from bot.texts.shapes import shape
from bot.ui.kit.model_choices import price_and_good_for
from storage.catalogue import MODELS, Model


def model_options(say: Texts, models: Iterable[Model], chosen: Collection[str]) -> list[SelectOption]:
    """Return an option for each model, with its price and what it is good for. `chosen`: keys of the models that are
    selected."""
    return [
        SelectOption(
            label=model.name, value=model.key, description=price_and_good_for(say, model), default=model.key in chosen
        )
        for model in models
    ]


def size_options(say: Texts, sizes: Iterable[str], chosen: str | None) -> list[SelectOption]:
    return [SelectOption(label=shape(say, size), value=size, default=size == chosen) for size in sizes]


def variants_options(say: Texts, numbers: Iterable[int], chosen: int | None) -> list[SelectOption]:
    return [
        SelectOption(label=say("forms-variants-count", count=number), value=str(number), default=number == chosen)
        for number in numbers
    ]


def stored_model_name(say: Texts, key: str) -> str:
    """Return the name of a model, also of one that is switched off."""
    return MODELS[key].name if key in MODELS else say("settings-model-unknown")
