"""The bot's own client and the emulator understand each other: every model, in every form of the image API."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from pydantic import SecretStr

from bot.engine.ports import CreateRequest, RecordStatus
from bot.errors import AccountRefused, Refused, ServiceError, Throttled
from bot.kie.client import KieClient
from storage.catalogue import FOUR_O_AS_JOBS, MODELS, Model, WireForm, catalogue
from storage.models import PictureRequest
from tests.sandbox.emulator_caller import KEY, Caller, calling, pixels, png

EVERY = [*MODELS.values(), FOUR_O_AS_JOBS]
ONE_OF_EACH_FORM = [MODELS["4o"], MODELS["flux-kontext"], MODELS["nano-banana"], MODELS["grok"]]


def named(model: Model) -> str:
    return f"{model.key} {model.form}"


@pytest.fixture
async def caller() -> AsyncIterator[Caller]:
    async with calling(seconds=0.0) as caller:
        yield caller


def client_of(caller: Caller, model: Model) -> KieClient:
    """Return the bot's client; 4o has the form that `model` has."""
    four_o = "jobs" if model is FOUR_O_AS_JOBS else "own"
    return KieClient(
        caller.session,
        api_key=SecretStr(KEY),
        api_url=caller.emulator.url,
        upload_url=caller.emulator.url,
        result_hosts=(),
        models=catalogue(four_o=four_o),
    )


def asked(model: Model, prompt: str = "the sea", **fields: Any) -> PictureRequest:
    return PictureRequest(prompt=prompt, model=model.key, size=model.sizes[0], variants=1, **fields)


@pytest.mark.parametrize("model", EVERY, ids=named)
async def test_words_become_a_picture_at_the_catalogues_price(caller: Caller, model: Model) -> None:
    client, before = client_of(caller, model), await caller.credits()
    job_id = await client.create(CreateRequest(request=asked(model, enhance=True)))
    assert before - await caller.credits() == pytest.approx(
        model.create_price(variants=1, resolution=None, references=0)
    )
    record = await client.record(job_id, model.form)
    assert (record.status, record.prompt, record.files) == (RecordStatus.SUCCEEDED, "the sea", ())
    assert record.credits in (None, model.create_price(variants=1, resolution=None, references=0))
    (url,) = record.urls
    assert await client.fetch(url) == await client.fetch(await client.direct_link(job_id, url, model.form))


@pytest.mark.parametrize("model", [model for model in EVERY if model.references], ids=named)
async def test_pictures_are_sent_and_found_again_in_the_record(caller: Caller, model: Model) -> None:
    client = client_of(caller, model)
    files = tuple([await client.upload(f"{number}.png", "image/png", png()) for number in range(model.most_references)])
    record = await client.record(await client.create(CreateRequest(request=asked(model), files=files)), model.form)
    assert (record.status, set(record.files)) == (RecordStatus.SUCCEEDED, set(files))


@pytest.mark.parametrize("model", [model for model in EVERY if model.takes_mask], ids=named)
async def test_a_mask_is_sent(caller: Caller, model: Model) -> None:
    client = client_of(caller, model)
    photo, mask = [await client.upload(name, "image/png", png("white")) for name in ("a.png", "b.png")]
    job_id = await client.create(CreateRequest(request=asked(model), files=(photo,), mask=mask))
    assert (await client.record(job_id, model.form)).status is RecordStatus.SUCCEEDED
    assert caller.emulator.jobs[job_id].asked.mask == mask


async def test_a_transparent_4k_and_wide_picture_comes_as_asked_for(caller: Caller) -> None:
    client = client_of(caller, MODELS["gpt-image"])
    for request, transparent in (
        (PictureRequest(prompt="x", model="gpt-image", size="21:9", resolution="4K"), False),
        (PictureRequest(prompt="x", model="gpt-image", size="1:1", background="transparent"), True),
    ):
        job_id = await client.create(CreateRequest(request=request))
        work = caller.emulator.jobs[job_id].asked
        assert (work.ratio, work.size, work.transparent) == (request.size, request.resolution or "1K", transparent)
        (url,) = (await client.record(job_id, WireForm.JOBS)).urls
        width, height = pixels(await client.fetch(url)).size
        wide, high = map(int, request.size.split(":"))
        assert width / height == pytest.approx(wide / high, rel=0.05)


@pytest.mark.parametrize("model", ONE_OF_EACH_FORM, ids=named)
@pytest.mark.parametrize(
    ("word", "error"), [("[402]", AccountRefused), ("[429]", Throttled), ("[model gone]", Refused)]
)
async def test_a_refusal_is_understood(caller: Caller, model: Model, word: str, error: type[ServiceError]) -> None:
    with pytest.raises(error):
        await client_of(caller, model).create(CreateRequest(request=asked(model, f"x {word}")))


@pytest.mark.parametrize("model", ONE_OF_EACH_FORM, ids=named)
@pytest.mark.parametrize("word", ["[policy]", "[failed]", "[flag 2]", "[501]", "[451 always]"])
async def test_a_failure_is_understood(caller: Caller, model: Model, word: str) -> None:
    client = client_of(caller, model)
    job_id = await client.create(CreateRequest(request=asked(model, f"x {word}")))
    assert (await client.record(job_id, model.form)).status is RecordStatus.FAILED


@pytest.mark.parametrize("model", ONE_OF_EACH_FORM, ids=named)
async def test_a_record_in_another_form_is_read_too(caller: Caller, model: Model) -> None:
    client = client_of(caller, model)
    record = await client.record(await client.create(CreateRequest(request=asked(model, "x [odd]"))), model.form)
    assert (record.status, len(record.urls), record.prompt) == (RecordStatus.SUCCEEDED, 1, "x [odd]")


@pytest.mark.parametrize("model", ONE_OF_EACH_FORM, ids=named)
@pytest.mark.parametrize("word", ["[missing]", "[null]"])
async def test_a_record_that_is_hidden_is_missing_and_then_found(caller: Caller, model: Model, word: str) -> None:
    client = client_of(caller, model)
    job_id = await client.create(CreateRequest(request=asked(model, f"x {word}")))
    assert (await client.record(job_id, model.form)).status is RecordStatus.MISSING
    caller.clock.turn(2)
    assert (await client.record(job_id, model.form)).status is RecordStatus.SUCCEEDED
    assert (await client.record("0" * 32, model.form)).status is RecordStatus.MISSING


async def test_six_pictures_of_one_create_are_all_read(caller: Caller) -> None:
    client = client_of(caller, MODELS["grok"])
    job_id = await client.create(CreateRequest(request=asked(MODELS["grok"], "x [six]")))
    assert len((await client.record(job_id, WireForm.JOBS)).urls) == 6
