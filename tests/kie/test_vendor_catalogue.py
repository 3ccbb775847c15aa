"""Tests for the calls about the image API's own catalogue of models: what is read of the answers, and the pace."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from bot.engine.ports import SuccessRate
from bot.errors import AccountRefused, ServiceError, Throttled, Unavailable
from bot.kie.vendor_catalogue import SPACING_SECONDS, VendorCatalogue, input_fields
from tests.kie.kie_server import KEY, Answer, KieServer, error_of, kie_client, kie_server

START = 1_788_852_600_000
"""2026-09-08T07:30:00Z."""
TEN_MINUTES = 600_000
POINT = {
    "start": "2026-09-08T07:30:00Z",
    "end": "2026-09-08T07:40:00Z",
    "successRate": 96.5,
    "errorRate": 3.5,
    "isNormal": True,
}
"""As in the API's own guide."""


class Pace:
    """A clock that goes forward only while a request waits for its turn."""

    def __init__(self) -> None:
        self.now = 100.0
        self.waits: list[float] = []

    async def sleep(self, seconds: float) -> None:
        self.waits.append(round(seconds, 3))
        self.now += seconds


@pytest.fixture
async def server() -> AsyncIterator[KieServer]:
    async with kie_server() as server:
        yield server


@asynccontextmanager
async def catalogue(server: KieServer, pace: Pace | None = None) -> AsyncIterator[VendorCatalogue]:
    pace = pace or Pace()
    async with kie_client(server.url) as client:
        yield VendorCatalogue(client, clock=lambda: pace.now, sleep=pace.sleep)


def answer(data: object) -> str:
    return json.dumps({"code": 200, "msg": "success", "data": data})


def document(fields: object, **components: object) -> dict[str, Any]:
    """Return an OpenAPI document of a model whose `input` has this schema."""
    body = {"type": "object", "properties": {"model": {}, "callBackUrl": {}, "input": fields}}
    post = {"requestBody": {"content": {"application/json": {"schema": body}}}}
    return {"paths": {"/api/v1/jobs/createTask": {"post": post}}, "components": {"schemas": components}}


# -- what is asked -------------------------------------------------------------------------------------------------
async def test_a_slash_in_an_id_stays_a_slash_and_the_key_goes_along(server: KieServer) -> None:
    server.say(answer({"model": "seedream/5-pro-text-to-image", "points": []}))
    async with catalogue(server) as vendor:
        await vendor.success_rates("seedream/5-pro-text-to-image")
        await vendor.fields("seedream/5-pro-text-to-image")
        await vendor.price("z-image")
        await vendor.listed()
    assert [(asked.method, asked.path) for asked in server.asked] == [
        ("GET", "/api/v1/models/seedream/5-pro-text-to-image/success-rate"),
        ("GET", "/api/v1/models/seedream/5-pro-text-to-image/schema"),
        ("GET", "/api/v1/models/z-image/price"),
        ("GET", "/api/v1/models"),
    ]
    assert {asked.headers["Authorization"] for asked in server.asked} == {f"Bearer {KEY}"}


async def test_all_four_calls_together_keep_a_second_between_them(server: KieServer) -> None:
    server.say(answer({}))
    pace = Pace()
    async with catalogue(server, pace) as vendor:
        for call in (vendor.listed(), vendor.fields("a"), vendor.price("a"), vendor.success_rates("a")):
            await call
        assert pace.waits == [SPACING_SECONDS] * 3
        pace.now += 0.6
        await vendor.price("a")
        pace.now += 60
        await vendor.price("a")
    assert pace.waits[3:] == [round(SPACING_SECONDS - 0.6, 3)]
    assert SPACING_SECONDS > 1


async def test_a_failed_call_takes_its_turn_too(server: KieServer) -> None:
    server.say('{"code": 429, "msg": "Your call frequency is too high. Please try again later.", "data": null}')
    pace = Pace()
    async with catalogue(server, pace) as vendor:
        for _ in range(2):
            assert isinstance(await error_of(vendor.price("a")), Throttled)
    assert pace.waits == [SPACING_SECONDS]


# -- what is read --------------------------------------------------------------------------------------------------
async def test_the_list_says_what_each_model_costs(server: KieServer) -> None:
    models = [
        {"model": "z-image", "title": "Z", "pricingDesc": " 0.8 credits\n per image.\x1b\u202e "},
        {"model": "ideogram/v3-remix", "description": None, "pricingDesc": None},
        {"model": 7},
        "nonsense",
        None,
    ]
    server.say(answer({"total": 202, "models": models}))
    async with catalogue(server) as vendor:
        assert await vendor.listed() == {"z-image": "0.8 credits per image.", "ideogram/v3-remix": ""}


@pytest.mark.parametrize("data", [None, {}, [], "?", {"models": None, "openapi": None, "points": None}, {"models": {}}])
async def test_what_is_not_said_is_empty_and_no_error(server: KieServer, data: object) -> None:
    server.say(answer(data))
    async with catalogue(server) as vendor:
        assert await vendor.listed() == {}
        assert await vendor.fields("a") is None
        assert await vendor.price("a") == ""
        assert await vendor.success_rates("a") == ()


@pytest.mark.parametrize(
    ("said", "error"),
    [
        ('{"code": 401, "msg": "no access", "data": null}', AccountRefused),
        ('{"code": 404, "msg": "The model name you specified is not supported", "data": null}', Unavailable),
        ('{"code": 422, "msg": "The model name you specified is not supported", "data": null}', Unavailable),
        ("<html>", Unavailable),
        (Answer(status=404, body="Not Found"), Unavailable),
        (Answer(body=b"x" * (4 * 1024 * 1024 + 1)), Unavailable),
    ],
)
async def test_an_answer_without_data_is_an_error_as_of_any_question(
    server: KieServer, said: Answer | str, error: type[ServiceError]
) -> None:
    server.say(said)
    async with catalogue(server) as vendor:
        for call in (vendor.listed(), vendor.fields("a"), vendor.price("a"), vendor.success_rates("a")):
            assert isinstance(await error_of(call), error)


async def test_a_long_list_is_read_up_to_a_limit_of_its_own(server: KieServer) -> None:
    long = {"models": [{"model": f"m{n}", "description": "d" * 10_000} for n in range(200)]}
    server.say(answer(long))
    async with catalogue(server) as vendor:
        assert len(await vendor.listed()) == 200
        assert isinstance(await error_of(vendor.fields("a")), Unavailable)


# -- the schema ----------------------------------------------------------------------------------------------------
async def test_the_schema_says_which_fields_the_input_has(server: KieServer) -> None:
    fields = {"type": "object", "properties": {"prompt": {}, "image_urls": {"properties": {"not_a_field": {}}}}}
    server.say(answer({"model": "a", "openapi": document(fields)}))
    async with catalogue(server) as vendor:
        assert await vendor.fields("a") == frozenset({"prompt", "image_urls"})


def test_references_are_followed_also_with_spaces_in_their_names() -> None:
    fields = {"allOf": [{"$ref": "#/components/schemas/the%20input "}, {"properties": {"seed": {}}}]}
    assert input_fields(document(fields, **{"the input ": {"properties": {"prompt": {}}}})) == frozenset(
        {"prompt", "seed"}
    )
    literal = {"$ref": "#/components/schemas/the%20input"}
    assert input_fields(document(literal, **{"the%20input": {"properties": {"prompt": {}}}})) == frozenset({"prompt"})


def test_the_fields_of_all_alternatives_count() -> None:
    fields = {"oneOf": [{"properties": {"task_id": {}}}, {"anyOf": [{"properties": {"image_url": {}}}]}]}
    assert input_fields(document(fields)) == frozenset({"task_id", "image_url"})


def test_references_in_a_circle_come_to_an_end() -> None:
    circle = {"allOf": [{"$ref": "#/components/schemas/a"}], "properties": {"prompt": {}}}
    assert input_fields(document({"$ref": "#/components/schemas/a"}, a=circle)) == frozenset({"prompt"})
    doubled = {f"s{n}": {"allOf": [{"$ref": f"#/components/schemas/s{n + 1}"}] * 2} for n in range(200)}
    assert input_fields(document({"$ref": "#/components/schemas/s0"}, **doubled)) is None


@pytest.mark.parametrize(
    "nonsense",
    [
        None,
        "openapi",
        {"paths": []},
        {"paths": {"/a": None}},
        {"paths": {"/a": {"post": {"requestBody": {"$ref": "#/nowhere"}}}}},
        document({"$ref": 7}),
        document({"$ref": "#/paths"}),
        document({"properties": [], "allOf": {}}),
    ],
)
def test_a_schema_that_cannot_be_read_says_nothing(nonsense: object) -> None:
    assert input_fields(nonsense) is None


# -- success rates -------------------------------------------------------------------------------------------------
async def test_success_rates_are_per_cent_in_order_of_time(server: KieServer) -> None:
    later = POINT | {"start": "2026-09-08T07:40:00Z", "end": "2026-09-08T07:50:00Z", "isNormal": False}
    idle = {"start": "2026-09-08T15:50:00+08:00", "end": "2026-09-08T16:00:00+08:00", "successRate": None}
    server.say(answer({"model": "a", "points": [idle, later, POINT]}))
    async with catalogue(server) as vendor:
        assert await vendor.success_rates("a") == (
            SuccessRate(start=START, end=START + TEN_MINUTES, share=0.965),
            SuccessRate(start=START + TEN_MINUTES, end=START + 2 * TEN_MINUTES, share=0.965, is_normal=False),
            SuccessRate(start=START + 2 * TEN_MINUTES, end=START + 3 * TEN_MINUTES, share=None),
        )


@pytest.mark.parametrize(
    ("rates", "share"),
    [
        ({"successRate": 100.0, "errorRate": 0.0}, 1.0),
        ({"successRate": 0, "errorRate": 100}, 0.0),
        ({"successRate": "62.5", "errorRate": None}, 0.625),
        ({"successRate": 0.625, "errorRate": 0.375}, 0.625),
        ({"successRate": 1.0, "errorRate": 99.0}, 0.01),
        ({"successRate": 1.0, "errorRate": 0.0}, 1.0),
        ({"successRate": "NaN", "errorRate": 0.0}, None),
        ({"successRate": True}, None),
        ({"successRate": -5}, None),
        ({"successRate": 1e300}, None),
        ({}, None),
    ],
)
async def test_a_rate_is_read_as_it_was_meant(server: KieServer, rates: dict[str, object], share: float | None) -> None:
    times = {"start": POINT["start"], "end": POINT["end"]}
    server.say(answer({"points": [times | rates]}))
    async with catalogue(server) as vendor:
        (rate,) = await vendor.success_rates("a")
    assert rate.share == (pytest.approx(share) if share is not None else None)


@pytest.mark.parametrize("time", [None, "", "yesterday", "2026-13-01T00:00:00Z", -1, 1e300, "9" * 400, True, [], {}])
async def test_a_point_whose_time_cannot_be_read_is_left_out(server: KieServer, time: object) -> None:
    server.say(answer({"points": [POINT | {"start": time}, "nonsense", None, POINT]}))
    async with catalogue(server) as vendor:
        assert [rate.start for rate in await vendor.success_rates("a")] == [START]


@pytest.mark.parametrize("time", ["2026-09-08T07:30:00", "2026-09-08 07:30:00+00:00", START, START // 1000, str(START)])
async def test_other_forms_of_a_time_are_read(server: KieServer, time: object) -> None:
    server.say(answer({"points": [POINT | {"start": time}]}))
    async with catalogue(server) as vendor:
        assert [rate.start for rate in await vendor.success_rates("a")] == [START]
