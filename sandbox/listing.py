"""The image API's catalogue of its models: `/api/v1/models`, and schema, price and success rate of each model."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from aiohttp import web

from sandbox import wire
from sandbox.forms.market import NOT_SUPPORTED
from sandbox.models import MODELS, Field, JobModel, price_words
from sandbox.wire import Refused

POINT_SECONDS: Final = 600
POINTS: Final = 144
TROUBLED_POINTS: Final = 4
"""How many of the newest points say that most tasks of a troubled model fail."""
QUIET_POINT: Final = 30
"""Every so many points there was no traffic, and the rates are null."""
INPUT_REFERENCE: Final = "#/components/schemas/Input%20of%20the%20model"
"""As in the real documents, a space in a reference is percent-encoded, but not in the name that it refers to."""


@dataclass(slots=True, kw_only=True)
class Listing:
    """One request per second is answered, for all four calls together."""

    key: str | None
    clock: Callable[[], float]
    gone: Collection[str] = ()
    """Ids of models that the catalogue does not have."""
    lost: Mapping[str, Collection[str]] = field(default_factory=dict)
    """Fields that are missing from a model's schema, by its id."""
    troubled: Callable[[], Iterable[str]] = tuple
    """Returns the ids of models most of whose tasks fail."""
    _answered: float = float("-inf")

    def routes(self) -> list[web.AbstractRouteDef]:
        return [
            web.get("/api/v1/models", self._models),
            web.get("/api/v1/models/{id:.+}/schema", self._schema),
            web.get("/api/v1/models/{id:.+}/price", self._price),
            web.get("/api/v1/models/{id:.+}/success-rate", self._success_rate),
        ]

    def _admit(self, request: web.Request) -> None:
        """Raises Refused for a wrong key, and for a second request within a second."""
        wire.check_key(request, self.key)
        if self.clock() < self._answered + 1:
            raise Refused(429)
        self._answered = self.clock()

    def _asked(self, request: web.Request) -> tuple[str, JobModel]:
        """Return the id in the path, and the model. Raises Refused as `_admit`, and 404 for an unknown id."""
        self._admit(request)
        name = request.match_info["id"]
        if name not in MODELS or name in self.gone:
            raise Refused(404, NOT_SUPPORTED)
        return name, MODELS[name]

    async def _models(self, request: web.Request) -> web.Response:
        self._admit(request)
        tasks = [task.strip() for task in request.query.get("taskType", "").split(",") if task.strip()]
        provider, words = request.query.get("provider", ""), request.query.get("q", "").lower()
        found = [
            {
                "model": name,
                "slug": name,
                "title": model.title,
                "provider": model.provider,
                "taskType": list(model.tasks),
                "description": None,
                "pricingDesc": _price(model),
            }
            for name, model in MODELS.items()
            if name not in self.gone
            and (not tasks or set(tasks) & set(model.tasks))
            and provider in ("", model.provider)
            and (words in name or words in model.title.lower())
        ]
        return wire.success({"total": len(found), "models": found})

    async def _schema(self, request: web.Request) -> web.Response:
        name, model = self._asked(request)
        document = _document(name, model, self.lost.get(name, ())) if model.described else None
        return wire.success({"model": name, "openapi": document})

    async def _price(self, request: web.Request) -> web.Response:
        name, model = self._asked(request)
        return wire.success({"model": name, "pricingDesc": _price(model)})

    async def _success_rate(self, request: web.Request) -> web.Response:
        """Rates are percentages, of ten minutes each; the newest point is the last one."""
        name, _ = self._asked(request)
        end = int(self.clock()) // POINT_SECONDS * POINT_SECONDS
        trouble = TROUBLED_POINTS if name in self.troubled() else 0
        points = [_point(end - before * POINT_SECONDS, before, trouble) for before in reversed(range(POINTS))]
        return wire.success({"model": name, "points": points})


def _price(model: JobModel) -> str | None:
    return price_words(model) if model.priced else None


def _point(end: int, before: int, trouble: int) -> dict[str, object]:
    """`before`: how many points are newer."""
    quiet = before % QUIET_POINT == QUIET_POINT - 1
    rate = None if quiet else 35.0 if before < trouble else 99.2
    return {
        "start": _time(end - POINT_SECONDS),
        "end": _time(end),
        "successRate": rate,
        "errorRate": None if rate is None else round(100 - rate, 1),
        "isNormal": before >= trouble,
    }


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _document(name: str, model: JobModel, lost: Collection[str]) -> dict[str, Any]:
    """Return an OpenAPI document of this one model."""
    fields = {field: taken for field, taken in model.fields.items() if field not in lost}
    body = {
        "type": "object",
        "properties": {
            "model": {"type": "string", "enum": [name], "default": name},
            "callBackUrl": {"type": "string", "format": "uri"},
            "input": {"$ref": INPUT_REFERENCE},
        },
        "required": ["model", "input"],
    }
    taken = {
        "type": "object",
        "properties": {field: _property(taken) for field, taken in fields.items()},
        "required": [field for field, taken in fields.items() if taken.required],
    }
    create = {
        "requestBody": {"content": {"application/json": {"schema": body}}},
        "responses": {"200": {"description": "created"}, "500": {"$ref": "#/components/responses/Error "}},
    }
    return {
        "openapi": "3.1.0",
        "info": {"title": model.title, "version": "1.0.0"},
        "servers": [{"url": "https://api.kie.ai"}],
        "paths": {"/api/v1/jobs/createTask": {"post": create}},
        "components": {
            "schemas": {"Input of the model": taken},
            "responses": {"Error ": {"description": "failed"}},
            "securitySchemes": {"BearerAuth": {"type": "http", "scheme": "bearer"}},
        },
    }


def _property(taken: Field) -> dict[str, object]:
    if taken.is_list:
        return {"type": "array", "items": {"type": "string", "format": "uri"}, "maxItems": taken.most}
    if taken.is_flag:
        return {"type": "boolean"}
    if taken.words:
        return {"type": "string", "enum": list(taken.words)}
    return {"type": "string"}
