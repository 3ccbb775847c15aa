"""
Notice when the image API has trouble with a model, by the success rates that it publishes for all of its customers.

The rule: of the intervals of ten minutes in the last hour in which there were tasks, the last three (`IN_A_ROW`) were
all bad. An interval is bad if the API does not call it normal, or if fewer than 70 % of its tasks succeeded. Trouble
began with the first of the bad intervals in a row. Without figures, there is no trouble.

This is only shown to people. It never delays or stops a request, and a figure that cannot be read is no problem.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Final

import structlog

from bot.engine.ports import SuccessRate, SuccessRates
from bot.errors import ServiceError, Throttled, Unreachable
from storage.catalogue import Model
from storage.stores import Stores

IN_A_ROW: Final = 3
LEAST_SHARE: Final = 0.7
HOUR_MS: Final = timedelta(hours=1) // timedelta(milliseconds=1)
"""ms. How far back the rule looks, and how long a model counts as in use after a request."""
ASK_AGAIN_MS: Final = timedelta(minutes=10) // timedelta(milliseconds=1)
"""ms. The figures are of intervals of this length."""
KNOWN_FOR_MS: Final = timedelta(minutes=25) // timedelta(milliseconds=1)
"""ms. An older answer is forgotten; until then one question may fail."""

TOLD_FACT: Final = "model_trouble "
TURN: Final = "success_rates "
"""Each followed by the model's id in the API's list."""

log = structlog.get_logger(__name__)


class ModelTrouble:
    """`check` asks, `since` tells. Of several processes on one database, one asks and stores the answer for all."""

    def __init__(
        self,
        *,
        stores: Stores,
        rates: SuccessRates | None,
        models: Mapping[str, Model],
        clock: Callable[[], int],
    ) -> None:
        """`rates`: None if there is no source for them."""
        self._stores = stores
        self._shared = not stores.key_values.alone
        """Whether other processes work on the database."""
        self._rates = rates
        self._models = models
        self._clock = clock
        self._asked: dict[str, int] = {}
        """Time (ms) of the last question, by the model's id in the API's list."""
        self._told: dict[str, tuple[int, int | None]] = {}
        """Time (ms) of the last answer, and since when there was trouble, by that id."""

    def since(self, model: str, *, with_pictures: bool | None = None) -> int | None:
        """Return since when (ms) there has been trouble with the model, for requests with or without input pictures, or
        for either (None); None if there is none or if nothing is known."""
        known = (self._known(model_id) for model_id in self._ids(model, with_pictures))
        return min((since for since in known if since is not None), default=None)

    async def check(self) -> None:
        """While a request waits for its outcome, ask about the models of the last hour's requests, each at most once in
        ten minutes."""
        if self._rates is None:
            return
        used = await self._stores.queue.models_in_use(since=self._clock() - HOUR_MS)
        if self._shared and used:
            await self._hear()
        for model_id in dict.fromkeys(each for model in sorted(used) for each in self._ids(model, None)):
            if self._clock() - self._asked.get(model_id, -ASK_AGAIN_MS) < ASK_AGAIN_MS:
                continue
            if self._shared and await self._stores.key_values.take_turn(
                f"{TURN}{model_id}", clock=self._clock, every_ms=ASK_AGAIN_MS
            ):
                continue
            self._asked[model_id] = self._clock()
            try:
                rates = await self._rates.success_rates(model_id)
            except ServiceError as error:
                log.debug("success rate not known: the question failed", model=model_id, error=str(error))
                if isinstance(error, Throttled | Unreachable):
                    return
            else:
                since = trouble_since(rates, self._clock())
                self._tell(model_id, since)
                if self._shared:
                    told = json.dumps([self._clock(), since])
                    await self._stores.key_values.set(f"{TOLD_FACT}{model_id}", told)

    async def _hear(self) -> None:
        """Take over the newer answers that other processes got."""
        for name, value in (await self._stores.key_values.beginning_with(TOLD_FACT)).items():
            model_id, (told_at, since) = name.removeprefix(TOLD_FACT), json.loads(value)
            if told_at > self._told.get(model_id, (0, None))[0]:
                self._tell(model_id, since)
                self._told[model_id] = (told_at, since)
                self._asked[model_id] = told_at

    def _tell(self, model_id: str, since: int | None) -> None:
        before = self._known(model_id)
        self._told[model_id] = (self._clock(), since)
        if since is not None and before is None:
            log.info("image API has trouble with a model, by its own success rates", model=model_id, since=since)
        elif since is None and before is not None:
            log.info("image API without trouble with a model again", model=model_id)

    def _known(self, model_id: str) -> int | None:
        told_at, since = self._told.get(model_id, (0, None))
        return since if self._clock() - told_at <= KNOWN_FOR_MS else None

    def _ids(self, key: str, with_pictures: bool | None) -> Iterator[str]:
        """Yield the ids of a model in the API's list, for one kind of requests or for both; none if the model is not
        switched on."""
        if model := self._models.get(key):
            for references in (0, 1) if with_pictures is None else (int(with_pictures),):
                yield model.listed_id(references)


def trouble_since(rates: Sequence[SuccessRate], now: int) -> int | None:
    """Return since when (ms) there has been trouble by the rule of this module; None if there is none. `rates` are in
    order of time."""
    known = [rate for rate in rates if rate.share is not None]
    last = [rate for rate in known if rate.end > now - HOUR_MS][-IN_A_ROW:]
    if len(last) < IN_A_ROW or not all(_is_bad(rate) for rate in last):
        return None
    first = last[0]
    for rate in reversed(known[: -len(last)]):
        if not _is_bad(rate) or first.start - rate.end > HOUR_MS:
            break
        first = rate
    return min(first.start, now)


def _is_bad(rate: SuccessRate) -> bool:
    return not rate.is_normal or (rate.share is not None and rate.share < LEAST_SHARE)
