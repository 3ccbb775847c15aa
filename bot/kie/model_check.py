"""
Compare what the catalogue says of the models with what the image API says of them: whether they still exist, whether
they still have the fields that are sent, and what they cost.

A model with an endpoint of its own is not in the API's schemas under the fields that are sent to it, so only its price
is compared.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from bot.errors import ServiceError, Throttled
from bot.kie.vendor_catalogue import VendorCatalogue
from storage.catalogue import Model, WireForm

TRIES: Final = 3
"""How often a question is asked if it is throttled: a running bot with the same key asks such questions too."""
_NUMBER: Final = re.compile(r"\d+(?:\.\d+)?")


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelReport:
    model: Model
    gone: tuple[str, ...] = ()
    """Ids that the API does not list."""
    lacking: Mapping[str, tuple[str, ...]]
    """Names of the fields that are sent and that the API's schema does not have, by the id."""
    unread: tuple[str, ...] = ()
    """Ids whose schema cannot be had or read."""
    price: str = ""
    """What the API says of the price; empty if nothing."""

    @property
    def is_compared(self) -> bool:
        """Whether existence and fields can be compared."""
        return self.model.form is WireForm.JOBS

    @property
    def is_wrong(self) -> bool:
        return bool(self.gone or self.lacking)

    @property
    def costs_as_expected(self) -> bool:
        """Whether the description of the price has each price of the catalogue among its numbers; of a model with an
        endpoint of its own, whose several prices it may not know, at least one. True without a description."""
        named, expected = {float(number) for number in _NUMBER.findall(self.price)}, set(prices(self.model))
        return not self.price or (named >= expected if self.is_compared else bool(named & expected))


def prices(model: Model) -> tuple[float, ...]:
    """Return the different prices of one create of the model, in credits, in order."""
    return tuple(sorted({float(each) for each in (*model.credits.values(), *model.credits_by_variants.values())}))


def questions(models: Iterable[Model]) -> int:
    """Return how many requests `compare` sends for these models, if none is throttled."""
    return 1 + sum(len(_sent(model)) for model in models)


async def compare(models: Iterable[Model], vendor: VendorCatalogue) -> tuple[ModelReport, ...] | None:
    """Return a report for each model; None if the API lists no model at all. Takes a second for each question. Raises
    ServiceError if the list cannot be had."""
    listed = await _listed(vendor)
    return tuple([await _report(model, listed, vendor) for model in models]) if listed else None


async def _listed(vendor: VendorCatalogue) -> Mapping[str, str]:
    for _ in range(TRIES - 1):
        try:
            return await vendor.listed()
        except Throttled:
            continue
    return await vendor.listed()


async def _report(model: Model, listed: Mapping[str, str], vendor: VendorCatalogue) -> ModelReport:
    sent = _sent(model)
    fields = {model_id: await _fields(model_id, vendor) for model_id in sent if model_id in listed}
    lacking = {
        model_id: tuple(sorted(sent[model_id] - known))
        for model_id, known in fields.items()
        if known is not None and sent[model_id] - known
    }
    described = (listed.get(model.listed_id(references), "") for references in (0, 1))
    return ModelReport(
        model=model,
        gone=tuple(model_id for model_id in sent if model_id not in listed),
        lacking=lacking,
        unread=tuple(model_id for model_id, known in fields.items() if known is None),
        price=" / ".join(dict.fromkeys(price for price in described if price)),
    )


def _sent(model: Model) -> dict[str, frozenset[str]]:
    """Return the names of the fields that are sent, by each id of the model; empty for an endpoint of its own."""
    sent = dict[str, frozenset[str]]()
    for references in (0, 1) if model.form is WireForm.JOBS else ():
        model_id = model.operation(references).id
        sent[model_id] = sent.get(model_id, frozenset()) | model.fields(references if model.pictures else 0)
    return sent


async def _fields(model_id: str, vendor: VendorCatalogue) -> frozenset[str] | None:
    for _ in range(TRIES):
        try:
            return await vendor.fields(model_id)
        except Throttled:
            continue
        except ServiceError:
            return None
    return None
