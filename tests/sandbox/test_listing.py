"""The emulator's catalogue of models: which there are, what they take and cost, and how many of their tasks succeed."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from sandbox.models import MODELS
from tests.sandbox.emulator_caller import Caller, calling

QWEN_EDIT = "qwen2-1/image-to-image"


@pytest.fixture
async def caller() -> AsyncIterator[Caller]:
    async with calling() as caller:
        yield caller


async def asked(caller: Caller, path: str = "") -> dict[str, Any]:
    """Return the envelope; the clock moves on so that the limit of the catalogue is not reached."""
    caller.clock.turn(1)
    return await caller.call("GET", f"/api/v1/models{path}")


async def test_all_models_are_listed_with_their_price_in_words(caller: Caller) -> None:
    data = (await asked(caller))["data"]
    assert data["total"] == len(data["models"]) == len(MODELS)
    assert {entry["model"] for entry in data["models"]} == MODELS.keys()
    entry = next(entry for entry in data["models"] if entry["model"] == "qwen2-1/text-to-image")
    assert list(entry) == ["model", "slug", "title", "provider", "taskType", "description", "pricingDesc"]
    assert entry["pricingDesc"] == "Each picture costs 4 credits ($0.02) at 1K, 8 credits ($0.04) at 2K."


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("q=Kontext", {"flux1-kontext"}),
        ("provider=Ideogram&taskType=Text%20to%20Image", {"ideogram/v3-text-to-image"}),
        ("taskType=Image%20to%20Image,Text%20to%20Image&q=z-image", {"z-image"}),
        ("q=nothing%20like%20this", set()),
    ],
)
async def test_the_list_can_be_filtered(caller: Caller, query: str, found: set[str]) -> None:
    answer = await asked(caller, f"?{query}")
    assert answer["code"] == 200
    assert {entry["model"] for entry in answer["data"]["models"]} == found


async def test_one_request_in_a_second_is_answered_for_all_calls_together(caller: Caller) -> None:
    calls = ("", "/z-image/price", f"/{QWEN_EDIT}/schema", "/z-image/success-rate")
    for first in calls:
        caller.clock.turn(1)
        codes = [(await caller.call("GET", f"/api/v1/models{path}"))["code"] for path in (first, *calls)]
        assert codes == [200, 429, 429, 429, 429]


async def test_a_schema_has_the_fields_of_the_model_behind_a_reference(caller: Caller) -> None:
    document = (await asked(caller, f"/{QWEN_EDIT}/schema"))["data"]["openapi"]
    body = document["paths"]["/api/v1/jobs/createTask"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    assert body["properties"]["input"] == {"$ref": "#/components/schemas/Input%20of%20the%20model"}
    taken = document["components"]["schemas"]["Input of the model"]
    assert taken["properties"].keys() == MODELS[QWEN_EDIT].fields.keys()
    assert {"prompt", "image_urls"} == {*taken["required"]}


async def test_some_models_have_no_schema_or_no_price(caller: Caller) -> None:
    assert (await asked(caller, "/flux1-kontext/schema"))["data"] == {"model": "flux1-kontext", "openapi": None}
    remix = "ideogram/v3-remix"
    assert (await asked(caller, f"/{remix}/price"))["data"] == {"model": remix, "pricingDesc": None}


async def test_an_unknown_model_is_a_404_in_the_body(caller: Caller) -> None:
    for call in ("schema", "price", "success-rate"):
        answer = await asked(caller, f"/no/such/{call}")
        assert (answer["code"], answer["data"]) == (404, None)
        assert answer["msg"].startswith("The model name you specified is not supported")


async def test_the_catalogue_needs_the_key(caller: Caller) -> None:
    assert (await caller.call("GET", "/api/v1/models", key="another"))["code"] == 401


async def test_a_day_has_144_points_of_which_some_have_no_rate(caller: Caller) -> None:
    points = (await asked(caller, "/z-image/success-rate"))["data"]["points"]
    assert len(points) == 144
    assert points[-1] == {
        "start": "2026-03-29T12:30:00Z",
        "end": "2026-03-29T12:40:00Z",
        "successRate": 99.2,
        "errorRate": 0.8,
        "isNormal": True,
    }
    assert [before["end"] for before in points[:-1]] == [after["start"] for after in points[1:]]
    assert {point["successRate"] for point in points} == {99.2, None}


async def test_a_model_may_be_gone_for_creates_and_catalogue() -> None:
    async with calling(gone=["z-image"]) as caller:
        assert "z-image" not in {entry["model"] for entry in (await asked(caller))["data"]["models"]}
        assert (await asked(caller, "/z-image/price"))["code"] == 404
        assert (await caller.job("z-image", aspect_ratio="1:1"))["code"] == 422


async def test_a_schema_may_lose_a_field() -> None:
    async with calling(lost={QWEN_EDIT: ["mask_url"]}) as caller:
        for model, has in ((QWEN_EDIT, False), ("z-image", False)):
            document = (await asked(caller, f"/{model}/schema"))["data"]["openapi"]
            assert ("mask_url" in document["components"]["schemas"]["Input of the model"]["properties"]) is has
        document = (await asked(caller, f"/{QWEN_EDIT}/schema"))["data"]["openapi"]
        assert "image_urls" in document["components"]["schemas"]["Input of the model"]["properties"]


async def rates(caller: Caller, model: str) -> list[tuple[float | None, bool]]:
    points = (await asked(caller, f"/{model}/success-rate"))["data"]["points"]
    return [(point["successRate"], point["isNormal"]) for point in points]


async def test_a_model_may_have_trouble_for_forty_minutes() -> None:
    async with calling(troubled=["z-image"]) as caller:
        assert (await rates(caller, "z-image"))[-5:] == [(99.2, True)] + [(35.0, False)] * 4
        assert (await rates(caller, QWEN_EDIT))[-5:] == [(99.2, True)] * 5


async def test_a_magic_word_gives_a_model_trouble_for_an_hour(caller: Caller) -> None:
    await caller.job_task("z-image", "x [trouble]", aspect_ratio="1:1")
    await caller.create("x [trouble]")
    for model in ("z-image", "4o-image-api"):
        assert (await rates(caller, model))[-1] == (35.0, False)
    assert (await rates(caller, QWEN_EDIT))[-1] == (99.2, True)
    caller.clock.turn(3600)
    assert (await rates(caller, "z-image"))[-1] == (99.2, True)
