"""
Ask the image API what it says of its models: which there are, which fields they take, what they cost, and which share
of their tasks succeeded lately.

API: one request per second for all four calls together and for the whole account; 429 in the body beyond. A client
waits before each request, so that it keeps to this limit by itself. Other clients with the same key are not known here,
so any call may raise Throttled. Answers are read tolerantly: what cannot be read counts as not said.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import unquote

from bot.engine.ports import SuccessRate
from bot.kie.client import KieClient

SPACING_SECONDS: Final = 1.1
"""Between the beginnings of two requests. A tenth of a second is added to the API's second, because requests may travel
at different speeds."""
LARGEST_LIST: Final = 4 * 1024 * 1024
"""Bytes of the list of all models: about 200, each with a description."""
MOST_POINTS: Final = 1000
"""Most points of a success rate that are read. API: at most 144."""
LONGEST_PRICE: Final = 2000
"""Characters that are read of the description of a price."""
READ_FROM: Final = datetime(2020, 1, 1, tzinfo=UTC).timestamp() * 1000
READ_UNTIL: Final = datetime(2200, 1, 1, tzinfo=UTC).timestamp() * 1000
"""A point with an earlier or later time (ms) is not read."""
_FIRST_MS: Final = 10**11
"""A smaller number is a time in seconds, a larger one in milliseconds."""


class VendorCatalogue:
    """One method for each call. All raise the same errors as `ImageAPI.record`; a model that the API does not know is
    Unavailable."""

    def __init__(
        self,
        client: KieClient,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        self._client = client
        self._clock = clock
        self._sleep = sleep
        self._turn = asyncio.Lock()
        self._free_at = clock()

    async def listed(self) -> Mapping[str, str]:
        """Return the description of the price of every model, by the model's id; "" if there is none."""
        models = _member(await self._ask("api/v1/models", most_bytes=LARGEST_LIST), "models")
        entries = models if isinstance(models, list) else []
        return {
            entry["model"]: _price(entry)
            for entry in entries
            if isinstance(entry, dict) and isinstance(entry.get("model"), str)
        }

    async def fields(self, model_id: str) -> frozenset[str] | None:
        """Return the names of the fields that the model takes as its input; None if the API does not say."""
        return input_fields(_member(await self._ask(f"api/v1/models/{model_id}/schema"), "openapi"))

    async def price(self, model_id: str) -> str:
        """Return the description of the price of one model; "" if there is none."""
        return _price(await self._ask(f"api/v1/models/{model_id}/price"))

    async def success_rates(self, model_id: str) -> tuple[SuccessRate, ...]:
        """Return the success rates of the last 24 hours in intervals of ten minutes, oldest first; empty if the API has
        measured nothing."""
        points = _member(await self._ask(f"api/v1/models/{model_id}/success-rate"), "points")
        read = (_point(point) for point in (points if isinstance(points, list) else [])[-MOST_POINTS:])
        return tuple(sorted((point for point in read if point is not None), key=lambda point: point.start))

    async def _ask(self, path: str, **bound: int) -> object:
        async with self._turn:
            if (wait := self._free_at - self._clock()) > 0:
                await self._sleep(wait)
            self._free_at = self._clock() + SPACING_SECONDS
        return await self._client.question(path, **bound)


def input_fields(document: object) -> frozenset[str] | None:
    """Return the names of the fields in `input` of the first request in an OpenAPI document that has such an object;
    None if there is none."""
    paths = _member(document, "paths")
    for item in paths.values() if isinstance(paths, dict) else ():
        content = _member(_resolved(document, _member(_member(item, "post"), "requestBody")), "content")
        for media in content.values() if isinstance(content, dict) else ():
            body = dict(_properties(document, _member(media, "schema"), set()))
            if names := frozenset(name for name, _ in _properties(document, body.get("input"), set())):
                return names
    return None


def _properties(document: object, schema: object, seen: set[str]) -> Iterator[tuple[str, object]]:
    """Yield the properties of a schema and of all its alternatives. Each reference is followed once, so that a document
    whose references form a circle comes to an end."""
    waiting = [schema]
    while waiting:
        schema = waiting.pop()
        reference = _member(schema, "$ref")
        if isinstance(reference, str):
            if reference not in seen:
                seen.add(reference)
                waiting.append(_found(document, reference))
            continue
        properties = _member(schema, "properties")
        if isinstance(properties, dict):
            yield from properties.items()
        for combined in ("allOf", "oneOf", "anyOf"):
            parts = _member(schema, combined)
            waiting += parts if isinstance(parts, list) else []


def _resolved(document: object, value: object) -> object:
    reference = _member(value, "$ref")
    return _found(document, reference) if isinstance(reference, str) else value


def _found(document: object, reference: str) -> object:
    """Return what a local reference names; None if there is no such place. API: keys are percent-encoded in references,
    and a space at their end belongs to them."""
    place = document
    for key in reference.removeprefix("#/").split("/"):
        named = _member(place, key)
        place = _member(place, unquote(key)) if named is None else named
    return place


def _point(point: object) -> SuccessRate | None:
    """Return a point whose times can be read, else None. API: rates are per cent, null without traffic. Where both
    rates add up to 1, they are read as shares."""
    start, end = _time(_member(point, "start")), _time(_member(point, "end"))
    if start is None or end is None:
        return None
    success, failure = _rate(_member(point, "successRate")), _rate(_member(point, "errorRate"))
    is_share = success is not None and failure is not None and 0.99 <= success + failure <= 1.01
    share = success if success is None or is_share else success / 100
    return SuccessRate(start=start, end=end, share=share, is_normal=_member(point, "isNormal") is not False)


def _time(value: object) -> int | None:
    """Return a time (ms) that is written as ISO 8601, or is a number of seconds or milliseconds; None for all else."""
    with suppress(ValueError, OverflowError):
        if isinstance(value, str) and not value.strip().isdigit():
            read = datetime.fromisoformat(value.strip())
            value = (read if read.tzinfo else read.replace(tzinfo=UTC)).timestamp() * 1000
        number = float(value) if isinstance(value, int | float | str) else 0.0
        milliseconds = number * 1000 if number < _FIRST_MS else number
        return int(milliseconds) if READ_FROM < milliseconds < READ_UNTIL else None
    return None


def _rate(value: object) -> float | None:
    with suppress(ValueError, OverflowError):
        number = float(value) if isinstance(value, int | float | str) and not isinstance(value, bool) else -1.0
        return number if 0 <= number <= 100 else None
    return None


def _price(value: object) -> str:
    described = _member(value, "pricingDesc")
    if not isinstance(described, str):
        return ""
    line = " ".join(described[:LONGEST_PRICE].split())
    return "".join(letter for letter in line if letter.isprintable())


def _member(value: Any, name: str) -> object:
    return value.get(name) if isinstance(value, dict) else None
