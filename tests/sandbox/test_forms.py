"""The emulator speaks the jobs API and Flux Kontext's own endpoint as they were recorded, or as their documentation
says."""

from __future__ import annotations

import asyncio
import io
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web
from PIL import Image

from sandbox.models import MODELS
from tests.sandbox.emulator_caller import PROMPT, Caller, calling, pixels, png

FLARE = "gpt-image-2-5-flare-text-to-image"
FLARE_EDIT = "gpt-image-2-5-flare-image-to-image"
GROK = "grok-imagine-image-2-0/text-to-image"
NOT_SUPPORTED = (
    "The model name you specified is not supported. Please verify your input and use one of the supported models "
    "provided by KIE."
)


@pytest.fixture
async def caller() -> AsyncIterator[Caller]:
    async with calling() as caller:
        yield caller


def results(data: dict[str, Any]) -> list[str]:
    urls: list[str] = json.loads(data["resultJson"])["resultUrls"]
    return urls


# -- the jobs API: records -------------------------------------------------------------------------------------------


async def test_a_create_is_answered_with_two_equal_ids(caller: Caller) -> None:
    created = await caller.job(FLARE)
    assert (created["code"], created["msg"], list(created["data"])) == (200, "success", ["taskId", "recordId"])
    assert re.fullmatch(r"[0-9a-f]{32}", created["data"]["taskId"])
    assert created["data"]["recordId"] == created["data"]["taskId"]


async def test_a_running_record_is_as_recorded(caller: Caller) -> None:
    task_id = await caller.job_task(FLARE, aspect_ratio="16:9")
    param = json.dumps(
        {"input": f'{{"aspect_ratio":"16:9","prompt":"{PROMPT}"}}', "model": FLARE}, separators=(",", ":")
    )
    assert await caller.job_record(task_id) == {
        "code": 200,
        "msg": "success",
        "data": {
            "taskId": task_id,
            "model": FLARE,
            "state": "generating",
            "param": param,
            "resultJson": "",
            "failCode": None,
            "failMsg": None,
            "costTime": None,
            "completeTime": None,
            "createTime": 1_774_788_500_250,
            "creditsConsumed": 6.0,
            "operationType": FLARE,
            "successFlag": 0,
            "paramJson": param,
            "response": None,
        },
    }


async def test_a_finished_record_has_its_results_twice_and_its_duration_in_seconds(caller: Caller) -> None:
    data = await caller.job_done(FLARE)
    (url,) = results(data)
    assert (data["state"], data["successFlag"], data["response"]) == ("success", 1, {"resultUrls": [url]})
    assert re.fullmatch(rf"{caller.emulator.url}/images/chatgpt/file_[0-9a-f]{{32}}\.png", url)
    assert 0 < data["costTime"] < (data["completeTime"] - data["createTime"]) / 1000 < 30
    assert pixels(await caller.picture(url)).size == (32, 32)


async def test_some_models_have_fewer_fields_and_some_tell_no_credits(caller: Caller) -> None:
    grok = await caller.job_done(GROK, aspect_ratio="1:1")
    assert {"operationType", "successFlag", "paramJson", "response"} & grok.keys() == set()
    assert (grok["state"], grok["creditsConsumed"], len(results(grok))) == ("success", 4.0, 1)
    assert "creditsConsumed" not in await caller.job_done("z-image", aspect_ratio="1:1")


@pytest.mark.parametrize(
    ("model", "fields", "states"),
    [
        (FLARE, {}, {"generating"}),
        (GROK, {"aspect_ratio": "1:1"}, {"waiting"}),
        ("nano-banana-2-1", {}, {"waiting", "queuing", "generating"}),
    ],
)
async def test_some_models_stay_in_one_state_to_the_end(model: str, fields: dict[str, str], states: set[str]) -> None:
    async with calling(seconds=10.0) as caller:
        task_id = await caller.job_task(model, **fields)
        seen = [(await caller.job_record(task_id))["data"]["state"] for _ in range(26)]
        assert {*seen[:-2]} == states
        assert seen[-1] == "success"


async def test_a_failed_task_is_no_failed_poll(caller: Caller) -> None:
    before = await caller.credits()
    data = await caller.job_done(FLARE, "x [failed]")
    assert (data["state"], data["failCode"], data["failMsg"]) == ("fail", "500", "Failed to generate image")
    assert (data["resultJson"], data["response"], data["successFlag"]) == ("", None, 3)
    assert data["creditsConsumed"] == 0.0
    assert await caller.credits() == before


async def test_an_unknown_task_is_a_422_and_so_is_a_task_of_another_form(caller: Caller) -> None:
    missing = {"code": 422, "msg": "recordInfo is null", "data": None}
    assert await caller.job_record("0" * 32) == missing
    assert await caller.job_record(await caller.task()) == missing
    job = await caller.job_task(FLARE)
    assert (await caller.record(job))["code"] == (await caller.flux_record(job))["code"] == 422


async def test_one_create_may_make_six_pictures(caller: Caller) -> None:
    before = await caller.credits()
    six = results(await caller.job_done("grok-imagine/text-to-image"))
    assert await caller.credits() == before - 4
    assert len(set(six)) == 6
    assert len({await caller.picture(url) for url in six}) == 6
    assert len(results(await caller.job_done(FLARE, "x [six]"))) == 6
    assert len((await caller.done("x [six]"))["response"]["resultUrls"]) == 6


async def test_several_creates_with_the_same_words_make_different_pictures(caller: Caller) -> None:
    made = [results(await caller.job_done("z-image", aspect_ratio="1:1"))[0] for _ in range(4)]
    assert len({await caller.picture(url) for url in made}) == 4


# -- the jobs API: refusals ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("model", "fields", "code", "message"),
    [
        ("gpt-image-9", {}, 422, NOT_SUPPORTED),
        (FLARE, {"prompt": ""}, 500, "This field is required"),
        (FLARE_EDIT, {}, 500, "This field is required"),
        ("flux-2/pro-text-to-image", {"aspect_ratio": "1:1"}, 500, "This field is required"),
        ("seedream/5-pro-text-to-image", {"aspect_ratio": "1:1"}, 500, "This field is required"),
        ("4o-image-api", {"size": "1:1", "prompt": ""}, 500, "This field is required"),
        (FLARE, {"aspect_ratio": "5:4"}, 500, "This aspect_ratio is not within the range of allowed options"),
        (FLARE, {"resolution": "8K"}, 500, "This resolution is not within the range of allowed options"),
        ("nano-banana-2-1", {"output_format": "jpeg"}, 500, "This output_format is not within the range of"),
        (FLARE_EDIT, {"input_urls": "http://x/1.png"}, 500, "This input_urls is not within the range of"),
        (FLARE_EDIT, {"input_urls": ["http://x/1.png"] * 17}, 500, "The length of input_urls is not within"),
        ("z-image", {"aspect_ratio": "1:1", "prompt": "x" * 1001}, 500, "The length of prompt is not within"),
        ("z-image", {"aspect_ratio": "1:1", "nsfw_checker": "yes"}, 500, "This nsfw_checker is not within"),
        (FLARE, {"aspect_ratio": "1:1", "resolution": "4K"}, 422, "Invalid resolution"),
        (FLARE, {"resolution": "2K"}, 422, "Invalid resolution"),
        (FLARE, {"aspect_ratio": "27:16", "resolution": "2K"}, 422, "Invalid resolution"),
        (FLARE, {"aspect_ratio": "3:2", "resolution": "2K", "background": "transparent"}, 422, "Invalid resolution"),
        (
            "qwen2-1/image-to-image",
            {"image_urls": ["http://x/1.png", "http://x/2.png"], "mask_url": "http://x/3.png"},
            422,
            "mask_url requires exactly one image",
        ),
    ],
)
async def test_what_is_not_valid_is_refused_and_costs_nothing(
    caller: Caller, model: str, fields: dict[str, Any], code: int, message: str
) -> None:
    before = await caller.credits()
    refused = await caller.job(model, **fields)
    assert (refused["code"], refused["data"]) == (code, None)
    assert refused["msg"].startswith(message)
    assert (caller.emulator.creates, await caller.credits()) == ([], before)


async def test_a_create_without_input_is_refused(caller: Caller) -> None:
    refused = await caller.call("POST", "/api/v1/jobs/createTask", json={"model": FLARE})
    assert (refused["code"], refused["msg"]) == (500, "This field is required")


async def test_unknown_fields_are_ignored(caller: Caller) -> None:
    assert (await caller.job(FLARE, mask_url="http://x/1.png", nVariants=4))["code"] == 200
    assert len(results(await caller.job_done(FLARE, nVariants=4))) == 1


async def test_without_enough_credit_no_form_takes_a_create() -> None:
    async with calling(balance=5.5) as caller:
        assert (await caller.job(FLARE))["code"] == 402
        assert (await caller.flux(model="flux-kontext-max"))["code"] == 402
        assert (await caller.flux())["code"] == 200
        assert await caller.credits() == 0.5


# -- limits ----------------------------------------------------------------------------------------------------------


async def test_twenty_creates_in_ten_seconds_are_taken_over_all_forms_together(caller: Caller) -> None:
    for _ in range(7):
        assert (await caller.create())["code"] == 200
        assert (await caller.flux())["code"] == 200
    assert [(await caller.job(FLARE))["code"] for _ in range(7)] == [200] * 6 + [429]
    assert (await caller.create())["code"] == (await caller.flux())["code"] == 429
    assert len(caller.emulator.creates) == len(caller.emulator.prompts) == 20
    caller.clock.turn(10)
    assert (await caller.flux())["code"] == 200


@pytest.mark.parametrize(
    ("form", "most"), [("jobs/recordInfo", 10), ("flux/kontext/record-info", 3), ("gpt4o-image/record-info", 3)]
)
async def test_a_task_is_polled_so_often_in_a_second(caller: Caller, form: str, most: int) -> None:
    creates = {"jobs": caller.job(FLARE), "flux": caller.flux(), "gpt4o-image": caller.create()}
    made = {name: (await create)["data"]["taskId"] for name, create in creates.items()}
    path = f"/api/v1/{form}?taskId={made[form.partition('/')[0]]}"
    assert [(await caller.call("GET", path))["code"] for _ in range(most + 1)] == [200] * most + [429]
    caller.clock.turn(1)
    assert (await caller.call("GET", path))["code"] == 200


# -- pictures --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("model", "fields", "wide_to_high", "area"),
    [
        ("nano-banana-2-1", {"aspect_ratio": "1:8"}, 1 / 8, 1024**2),
        ("nano-banana-2-1", {"aspect_ratio": "21:9", "resolution": "4K"}, 21 / 9, 3840 * 2160),
        ("seedream/5-pro-text-to-image", {"aspect_ratio": "3:2", "quality": "high"}, 3 / 2, 2048**2),
        ("seedream/5-flash-text-to-image", {"aspect_ratio": "1:1", "size": "1.5K"}, 1, 1536**2),
        ("ideogram/v3-text-to-image", {"image_size": "portrait_16_9"}, 9 / 16, 1024**2),
        ("qwen2-1/text-to-image", {"aspect_ratio": "9:21", "resolution": "2K"}, 9 / 21, 2048**2),
    ],
)
async def test_a_picture_has_the_ratio_and_the_size_asked_for(
    model: str, fields: dict[str, Any], wide_to_high: float, area: int
) -> None:
    async with calling(shrink=8) as caller:
        (url,) = results(await caller.job_done(model, **fields))
        width, height = pixels(await caller.picture(url)).size
        assert width / height == pytest.approx(wide_to_high, rel=0.05)
        assert width * height * 64 == pytest.approx(area, rel=0.05)


async def test_without_a_ratio_an_edit_keeps_that_of_the_picture(caller: Caller) -> None:
    photo = await caller.upload(png(size=(90, 30)))
    for model, field in ((FLARE_EDIT, "input_urls"), ("nano-banana-2-1", "image_input")):
        given: dict[str, Any] = {field: [photo]}
        (url,) = results(await caller.job_done(model, **given))
        width, height = pixels(await caller.picture(url)).size
        assert width / height == pytest.approx(3, rel=0.1)
    url = (await caller.flux_done(inputImage=photo))["response"]["resultImageUrl"]
    width, height = pixels(await caller.picture(url)).size
    assert width / height == pytest.approx(3, rel=0.1)


@pytest.mark.parametrize("model", [FLARE, "qwen2-1/text-to-image"])
async def test_a_transparent_background_has_real_transparency(caller: Caller, model: str) -> None:
    (url,) = results(await caller.job_done(model, background="transparent"))
    with Image.open(io.BytesIO(await caller.picture(url))) as picture:
        assert (picture.format, picture.mode) == ("PNG", "RGBA")
        assert picture.getchannel("A").getextrema() == (0, 255)
    (url,) = results(await caller.job_done(model, background="opaque"))
    with Image.open(io.BytesIO(await caller.picture(url))) as picture:
        assert picture.mode == "RGB"


@pytest.mark.parametrize(
    ("format_", "kind", "type_"),
    [("jpeg", "JPEG", "image/jpeg"), ("webp", "WEBP", "image/webp"), ("png", "PNG", "image/png")],
)
async def test_a_picture_is_a_file_of_the_kind_asked_for(caller: Caller, format_: str, kind: str, type_: str) -> None:
    (url,) = results(await caller.job_done("qwen2-1/text-to-image", output_format=format_))
    answer = await caller.raw("GET", url, key="")
    assert answer.content_type == type_
    with Image.open(io.BytesIO(await answer.read())) as picture:
        assert picture.format == kind


async def test_qwens_mask_opens_what_is_white(caller: Caller) -> None:
    mask = Image.new("RGB", (60, 40), "white")
    mask.paste("black", (0, 0, 30, 40))
    out = io.BytesIO()
    mask.save(out, "PNG")
    files = {"image_urls": [await caller.upload(png("lime"))], "mask_url": await caller.upload(out.getvalue(), "m.png")}
    (url,) = results(await caller.job_done("qwen2-1/image-to-image", "night sea", aspect_ratio="3:2", **files))
    picture = pixels(await caller.picture(url))
    kept, opened = (picture.getpixel((picture.width * part // 4, picture.height // 2)) for part in (1, 3))
    assert isinstance(kept, tuple)
    assert isinstance(opened, tuple)
    assert kept[1] > kept[0] + 100
    assert not opened[1] > opened[0] + 100


@pytest.mark.parametrize("model", [name for name, model in MODELS.items() if model.pictures_field])
async def test_each_model_shows_the_pictures_it_gets(caller: Caller, model: str) -> None:
    known = MODELS[model]
    given: dict[str, Any] = {
        name: field.words[0] for name, field in known.fields.items() if field.required and field.words
    }
    photo = await caller.upload(png("lime"))
    given[known.pictures_field] = [photo] if known.fields[known.pictures_field].is_list else photo
    (url,) = results(await caller.job_done(model, "sea", **given))
    data = pixels(await caller.picture(url)).tobytes()
    colours = zip(data[0::3], data[1::3], data[2::3], strict=True)
    assert sum(green > red + 40 and green > blue + 40 for red, green, blue in colours) > 10


@pytest.mark.parametrize(
    ("model", "fields", "megabytes"),
    [("flux-2/pro-image-to-image", {"aspect_ratio": "auto", "resolution": "1K"}, 10), ("nano-banana-2-1", {}, 30)],
)
async def test_a_picture_beyond_the_models_limit_fails_the_task(
    caller: Caller, model: str, fields: dict[str, Any], megabytes: int
) -> None:
    field = MODELS[model].pictures_field
    large = await caller.upload(bytes(megabytes * 2**20 + 1), "large.png")
    data = await caller.job_done(model, **(fields | {field: [large]}))
    assert (data["state"], data["failMsg"]) == ("fail", f"Image size exceeds maximum of {megabytes * 2**20} bytes")


async def test_a_direct_link_comes_from_the_call_for_all_forms(caller: Caller) -> None:
    for url in (
        *results(await caller.job_done(FLARE)),
        (await caller.flux_done())["response"]["resultImageUrl"],
        *(await caller.done())["response"]["resultUrls"],
    ):
        link = (await caller.call("POST", "/api/v1/common/download-url", json={"url": url}))["data"]
        assert await caller.picture(link) == await caller.picture(url)


# -- Flux Kontext's own endpoint -------------------------------------------------------------------------------------


async def test_flux_answers_a_create_with_one_id_and_runs_as_recorded(caller: Caller) -> None:
    created = await caller.flux("a mountain lake")
    assert list(created["data"]) == ["taskId"]
    assert (await caller.flux_record(created["data"]["taskId"]))["data"] == {
        "taskId": created["data"]["taskId"],
        "paramJson": '{"aspectRatio":"16:9","enableTranslation":true,"model":"flux-kontext-pro","outputFormat":"jpeg",'
        '"prompt":"a mountain lake","promptUpsampling":false,"safetyTolerance":2}',
        "completeTime": None,
        "response": None,
        "successFlag": 0,
        "errorCode": None,
        "errorMessage": None,
        "createTime": "2026-03-29 20:48:20",
    }


async def test_flux_has_one_picture_and_times_as_texts(caller: Caller) -> None:
    data = await caller.flux_done()
    assert re.fullmatch(r"2026-03-29 20:48:\d\d", data["completeTime"])
    assert (data["successFlag"], data["response"]["originImageUrl"]) == (1, None)
    url = data["response"]["resultImageUrl"]
    assert re.fullmatch(rf"{caller.emulator.url}/r/{data['taskId']}_\d{{10}}_[0-9a-f]{{8}}\.jpg", url)
    width, height = pixels(await caller.picture(url)).size
    assert width / height == pytest.approx(16 / 9, rel=0.1)


@pytest.mark.parametrize(("word", "flag", "code"), [("[failed]", 3, 500), ("[flag 2]", 2, 500), ("[policy]", 3, 400)])
async def test_flux_tells_how_a_task_failed(caller: Caller, word: str, flag: int, code: int) -> None:
    data = await caller.flux_done(f"x {word}")
    assert (data["successFlag"], data["errorCode"], data["response"]) == (flag, code, None)


@pytest.mark.parametrize(
    ("fields", "code", "message"),
    [
        ({"prompt": ""}, 422, "prompt"),
        ({"aspectRatio": "16:21"}, 422, "aspectRatio"),
        ({"model": "flux-kontext-mini"}, 422, "model"),
        ({"outputFormat": "webp"}, 422, "outputFormat"),
        ({"safetyTolerance": 7}, 500, "The security tolerance level is out of range and should be 0-2 or 0-6"),
        ({"safetyTolerance": 3, "inputImage": "http://x/1.png"}, 500, "The security tolerance level is out of range"),
    ],
)
async def test_flux_refuses_what_is_not_valid(caller: Caller, fields: dict[str, Any], code: int, message: str) -> None:
    refused = await caller.flux(**fields)
    assert refused["code"] == code
    assert refused["msg"].startswith(message)


# -- callbacks -------------------------------------------------------------------------------------------------------


@asynccontextmanager
async def listening() -> AsyncIterator[tuple[str, asyncio.Queue[dict[str, Any]]]]:
    """Yield an address for callbacks, and the bodies that arrive there."""
    arrived: asyncio.Queue[dict[str, Any]] = asyncio.Queue()

    async def arrive(request: web.Request) -> web.Response:
        arrived.put_nowait(await request.json())
        return web.Response()

    application = web.Application()
    application.router.add_post("/", arrive)
    runner = web.AppRunner(application)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/", arrived
    finally:
        await runner.cleanup()


async def called_back(caller: Caller, path: str, body: dict[str, Any]) -> dict[str, Any]:
    async with listening() as (address, arrived):
        created = await caller.call("POST", f"/api/v1/{path}", json=body | {"callBackUrl": address})
        assert created["code"] == 200
        async with asyncio.timeout(10):
            return await arrived.get()


async def test_the_callback_of_a_job_is_its_record() -> None:
    async with calling(seconds=0.0) as caller:
        body = {"model": FLARE, "input": {"prompt": "x"}}
        callback = await called_back(caller, "jobs/createTask", body)
        data = callback["data"]
        assert (callback["code"], callback["msg"]) == (200, "Playground task completed successfully.")
        assert (data["state"], data["failCode"], data["creditsConsumed"]) == ("success", None, 6.0)
        assert await caller.picture(results(data)[0])
        assert data["createTime"] % 1000 == data["completeTime"] % 1000 == data["updateTime"] % 1000 == 0


async def test_the_callback_of_a_failed_job_has_code_501_and_no_result() -> None:
    async with calling(seconds=0.0) as caller:
        body = {"model": GROK, "input": {"prompt": "x [failed]", "aspect_ratio": "1:1"}}
        callback = await called_back(caller, "jobs/createTask", body)
        data = callback["data"]
        assert (callback["code"], callback["msg"]) == (501, "Playground task failed.")
        assert (data["state"], data["failCode"], data["resultJson"]) == ("fail", "500", None)


async def test_the_callback_of_flux_has_one_picture_or_a_code() -> None:
    async with calling(seconds=0.0) as caller:
        done = await called_back(caller, "flux/kontext/generate", {"prompt": "x"})
        assert (done["code"], done["msg"]) == (200, "BFL image generated successfully.")
        assert await caller.picture(done["data"]["info"]["resultImageUrl"])
        failed = await called_back(caller, "flux/kontext/generate", {"prompt": "x [policy]"})
        assert (failed["code"], list(failed["data"])) == (400, ["taskId"])
