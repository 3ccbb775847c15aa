"""Tests for what the doctor says of the models: compared with the image API's own catalogue on loopback."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from bot.config import Settings
from bot.doctor import Finding, compared, seconds_for_models
from bot.kie.model_check import TRIES, compare, prices, questions
from bot.kie.vendor_catalogue import VendorCatalogue
from storage.catalogue import MODELS, Model, WireForm, catalogue
from tests.kie.kie_server import KEY, kie_client

MARKET = {key: model for key, model in MODELS.items() if model.form is WireForm.JOBS}
SPOKEN_FOR = {"4o-image-api", "flux1-kontext"}


def all_fields() -> dict[str, set[str]]:
    """Return the fields of every id in the catalogue, as the API's schemas would have them."""
    fields = dict[str, set[str]]()
    for model in MARKET.values():
        for references in (0, 1):
            fields.setdefault(model.operation(references).id, set()).update(model.fields(references))
    return fields


@dataclass
class Vendor:
    """The API's catalogue: what it lists, and the fields of each model (None: not synced)."""

    fields: dict[str, set[str] | None] = field(default_factory=lambda: dict(all_fields()))
    prices: dict[str, str | None] = field(default_factory=dict)
    throttled: int = 0
    """So many of the next requests are answered with 429."""
    broken: set[str] = field(default_factory=set)
    asked: list[str] = field(default_factory=list)
    address: str = ""

    async def reply(self, request: web.Request) -> web.Response:
        self.asked.append(request.path.removeprefix("/api/v1/models"))
        if self.throttled:
            self.throttled -= 1
            return web.json_response({"code": 429, "msg": "too often", "data": None})
        if request.path == "/api/v1/models":
            return self._data({"models": [self._listed(each) for each in (*self.fields, *SPOKEN_FOR)]})
        model_id = request.match_info["id"]
        if model_id in self.broken:
            return web.Response(status=502, text="<html>")
        fields = self.fields[model_id]
        if fields is None:
            return self._data({"model": model_id, "openapi": None})
        inputs: dict[str, object] = {"properties": {name: {} for name in fields}}
        body = {"properties": {"model": {}, "input": inputs}}
        post = {"requestBody": {"content": {"application/json": {"schema": body}}}}
        return self._data({"model": model_id, "openapi": {"paths": {"/api/v1/jobs/createTask": {"post": post}}}})

    def _listed(self, model_id: str) -> dict[str, object]:
        of = next(model for model in MODELS.values() if model_id in (model.listed_id(0), model.listed_id(1)))
        expected = f"It costs {' or '.join(f'{price:g}' for price in prices(of))} credits per image."
        if model_id in SPOKEN_FOR:
            expected = "4o: 6, 7 or 8 credits; Pro 5, Max 10 credits."
        return {"model": model_id, "pricingDesc": self.prices.get(model_id, expected)}

    @staticmethod
    def _data(data: object) -> web.Response:
        return web.json_response({"code": 200, "msg": "success", "data": data})


@pytest.fixture
async def vendor() -> AsyncIterator[Vendor]:
    it = Vendor()
    app = web.Application()
    app.router.add_get("/api/v1/models", it.reply)
    app.router.add_get("/api/v1/models/{id:.+}/schema", it.reply)
    async with TestServer(app) as running:
        it.address = str(running.make_url("")).rstrip("/")
        yield it


async def findings(vendor: Vendor, models: Mapping[str, Model] = MODELS) -> Sequence[Finding]:
    async with kie_client(vendor.address) as client:
        return await compared(models, VendorCatalogue(client, sleep=_at_once))


async def _at_once(_: float) -> None:
    await asyncio.sleep(0)


async def test_one_line_says_that_all_models_are_as_expected(vendor: Vendor) -> None:
    (found,) = await findings(vendor)
    assert found.ok
    assert found.detail == (
        f"{len(MARKET)} of {len(MODELS)} are listed by the image API with every field that is sent; "
        "4o, flux-kontext, flux-kontext-max not compared, having an endpoint of their own"
    )


async def test_each_id_is_asked_for_once(vendor: Vendor) -> None:
    await findings(vendor)
    assert set(Counter(vendor.asked).values()) == {1}
    assert len(vendor.asked) == questions(MODELS.values()) == 1 + len(all_fields())
    settings = Settings(kie_api_key=KEY)  # type: ignore[arg-type]  # read as from the environment
    assert 15 <= seconds_for_models(settings) <= 30
    assert seconds_for_models(Settings()) == 0


async def test_a_model_that_is_gone_is_named_with_a_remedy(vendor: Vendor) -> None:
    del vendor.fields["z-image"]
    del vendor.fields["grok-imagine-image-2-0/image-edit"]
    in_sum, *wrong = await findings(vendor)
    assert in_sum.detail.startswith(f"{len(MARKET) - 2} of ")
    assert [(found.name, found.ok, found.detail) for found in wrong] == [
        ("model grok", False, "Grok Imagine 2.0: grok-imagine-image-2-0/image-edit is not in the image API's list"),
        ("model z-image", False, "Z-Image: z-image is not in the image API's list"),
    ]
    assert "KIE_MODELS" in wrong[0].remedy


async def test_a_field_that_is_sent_and_gone_is_named(vendor: Vendor) -> None:
    fields = vendor.fields["qwen2-1/image-to-image"]
    assert fields is not None
    fields -= {"mask_url", "resolution"}
    (_, wrong) = await findings(vendor)
    assert wrong.detail == "Qwen Image 2.1: qwen2-1/image-to-image no longer has mask_url, resolution"


@pytest.mark.parametrize("key", MARKET)
async def test_every_field_of_every_model_is_looked_for(vendor: Vendor, key: str) -> None:
    vendor.fields = {model_id: {"unknown"} for model_id in vendor.fields}
    sent = all_fields()
    found = next(found for found in await findings(vendor, {key: MODELS[key]}) if found.name == f"model {key}")
    for references in (0, 1):
        model_id = MODELS[key].operation(references).id
        assert f"{model_id} no longer has {', '.join(sorted(sent[model_id]))}" in found.detail


async def test_fields_of_pictures_are_not_looked_for_where_there_are_only_words(vendor: Vendor) -> None:
    assert "image_urls" not in all_fields()["qwen2-1/text-to-image"]
    assert {"image_urls", "mask_url", "prompt", "output_format"} <= all_fields()["qwen2-1/image-to-image"]
    assert "image_input" in all_fields()["nano-banana-2-1"]


async def test_a_schema_that_is_not_there_is_said_and_is_no_problem(vendor: Vendor) -> None:
    vendor.fields["z-image"] = None
    vendor.broken = {"flux-2/pro-text-to-image"}
    (found,) = await findings(vendor)
    assert found.ok
    assert f"{len(MARKET) - 2} of " in found.detail
    assert "no schema to be had of flux-2/pro-text-to-image, z-image" in found.detail


async def test_another_price_is_told_in_the_words_of_the_api(vendor: Vendor) -> None:
    vendor.prices = {"z-image": f"Now 1.5 credits. {'x' * 500}", "ideogram/v3-text-to-image": None}
    in_sum, price = await findings(vendor)
    assert (price.name, price.ok, price.remedy) == ("price of z-image", True, "")
    assert price.detail.startswith("Z-Image: people read 0.8 credits; the image API says: Now 1.5 credits.")
    assert len(price.detail) < 300
    assert "no price" not in in_sum.detail
    vendor.prices = dict.fromkeys(("z-image", "nano-banana-pro"))
    (in_sum,) = await findings(vendor)
    assert in_sum.detail.endswith("no price to be had of nano-banana-pro, z-image")


async def test_of_a_model_with_an_endpoint_of_its_own_one_price_is_enough(vendor: Vendor) -> None:
    vendor.prices = {"4o-image-api": "Each picture costs 6 credits ($0.03).", "flux1-kontext": "5 credits"}
    _, price = await findings(vendor)
    assert price.detail == "FLUX.1 Kontext Max: people read 10 credits; the image API says: 5 credits"


async def test_a_throttled_question_is_asked_again(vendor: Vendor) -> None:
    vendor.throttled = TRIES - 1
    (found,) = await findings(vendor)
    assert found.detail.startswith(f"{len(MARKET)} of ")
    vendor.throttled = TRIES
    (found,) = await findings(vendor)
    assert found.ok
    assert found.detail.startswith("not compared: the image API does not list its models (429: too often)")


async def test_an_empty_list_says_nothing_about_a_model(vendor: Vendor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vendor, "_data", lambda _: web.json_response({"code": 200, "data": {"models": []}}))
    (found,) = await findings(vendor)
    assert (found.ok, found.detail) == (True, "not compared: the image API's list is empty")


async def test_4o_in_its_other_form_is_compared_without_the_fields_that_are_in_no_schema(vendor: Vendor) -> None:
    four_o = catalogue(four_o="jobs", offered=["4o"])
    for fields, lacking in (
        ({"prompt", "size", "files_url"}, {}),
        ({"prompt", "size"}, {"4o-image-api": ("files_url",)}),
    ):
        vendor.fields["4o-image-api"] = fields
        async with kie_client(vendor.address) as client:
            reports = await compare(four_o.values(), VendorCatalogue(client, sleep=_at_once))
        assert reports is not None
        assert reports[0].lacking == lacking
