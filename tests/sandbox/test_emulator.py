"""The emulator answers as the image API was recorded to answer, or as its documentation says."""

from __future__ import annotations

import base64
import io
import json
import re
from collections.abc import AsyncIterator
from typing import Any

import pytest
from PIL import Image

from sandbox.jobs import usual_seconds
from sandbox.paint import prints
from tests.imaging.picture_files import file_of, oriented, painted
from tests.sandbox.emulator_caller import Caller, calling, pixels, png


@pytest.fixture
async def caller() -> AsyncIterator[Caller]:
    async with calling() as caller:
        yield caller


# -- as recorded -----------------------------------------------------------------------------------------------------


async def test_a_create_is_answered_with_an_id_and_nothing_else(caller: Caller) -> None:
    created = await caller.create()
    assert (created["code"], created["msg"], list(created["data"])) == (200, "success", ["taskId"])
    assert re.fullmatch(r"[0-9a-f]{32}", created["data"]["taskId"])


async def test_the_record_is_there_at_once_and_runs_as_recorded(caller: Caller) -> None:
    task_id = await caller.task()
    assert (await caller.record(task_id)) == {
        "code": 200,
        "msg": "success",
        "data": {
            "taskId": task_id,
            "paramJson": '{"enableFallback":false,"fileUrlOrPromptNotEmpty":true,"nVariantsValid":true,'
            '"prompt":"A serene mountain lake at sunset with reflections","size":"1:1"}',
            "completeTime": None,
            "response": None,
            "successFlag": 0,
            "status": "GENERATING",
            "errorCode": None,
            "errorMessage": None,
            "createTime": 1_774_788_500_000,
            "progress": "0.03",
        },
    }


async def test_the_record_of_a_finished_task_has_whole_seconds_and_addresses_as_recorded(caller: Caller) -> None:
    data = await caller.done()
    (url,) = data["response"]["resultUrls"]
    assert re.fullmatch(rf"{caller.emulator.url}/s/{data['taskId']}_0_17747885\d\d_\d{{4}}\.png", url)
    assert (data["successFlag"], data["status"], data["progress"]) == (1, "SUCCESS", "1.00")
    assert (data["errorCode"], data["errorMessage"], data["completeTime"] % 1000) == (None, None, 0)
    assert " ".join(data) == (
        "taskId paramJson completeTime response successFlag status errorCode errorMessage createTime progress"
    )


async def test_a_missing_or_wrong_key_is_told_without_data(caller: Caller) -> None:
    for key in ("", "another"):
        refused = await caller.call("GET", "/api/v1/chat/credit", key=key)
        assert (refused["code"], list(refused)) == (401, ["code", "msg"])
        assert refused["msg"].startswith("Unauthorized – Authentication failed. Please check")


async def test_an_unknown_task_is_a_422_in_the_body(caller: Caller) -> None:
    assert await caller.record("0" * 32) == {"code": 422, "msg": "The record does not exist", "data": None}


async def test_an_unknown_path_is_a_real_404(caller: Caller) -> None:
    assert (await caller.raw("GET", "/api/v1/gpt4o-image/task/1")).status == 404


async def test_answers_are_json_with_a_charset(caller: Caller) -> None:
    answer = await caller.raw("GET", "/api/v1/chat/credit")
    assert answer.headers["Content-Type"] == "application/json;charset=UTF-8"


# -- refusals --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"size": "16:9"}, "size error"),
        ({"prompt": ""}, "fileUrl and prompt at least one is not empty"),
        ({"filesUrl": ["http://x/1.png"] * 6}, "filesUrl error"),
        ({"nVariants": 3}, "nVariants error"),
        ({"fallbackModel": "OTHER"}, "fallbackModel error"),
    ],
)
async def test_what_is_not_valid_is_refused_with_422(caller: Caller, fields: dict[str, Any], message: str) -> None:
    assert await caller.create(**fields) == {"code": 422, "msg": message, "data": None}
    assert caller.emulator.creates == []


async def test_what_is_no_json_is_refused_with_400(caller: Caller) -> None:
    assert (await caller.call("POST", "/api/v1/gpt4o-image/generate", data=b"{"))["code"] == 400


async def test_the_twenty_first_create_within_ten_seconds_is_refused_and_not_charged(caller: Caller) -> None:
    before = await caller.credits()
    codes = [(await caller.create())["code"] for _ in range(21)]
    assert codes == [200] * 20 + [429]
    assert await caller.credits() == before - 20 * 6
    caller.clock.turn(10)
    assert (await caller.create())["code"] == 200


async def test_the_fourth_question_within_a_second_is_refused(caller: Caller) -> None:
    task_id = await caller.task()
    path = f"/api/v1/gpt4o-image/record-info?taskId={task_id}"
    assert [(await caller.call("GET", path))["code"] for _ in range(4)] == [200, 200, 200, 429]
    caller.clock.turn(1)
    assert (await caller.call("GET", path))["code"] == 200


async def test_without_enough_credit_nothing_is_taken() -> None:
    async with calling(balance=6.0) as caller:
        assert (await caller.create(nVariants=2))["code"] == 402
        assert (await caller.create())["code"] == 200
        assert (await caller.create())["msg"].startswith("Credits insufficient : Your current balance isn’t enough")


# -- credit ----------------------------------------------------------------------------------------------------------


async def test_credit_is_taken_at_the_create_and_given_back_when_it_fails(caller: Caller) -> None:
    before = await caller.credits()
    task_id = await caller.task("x [failed]", nVariants=4)
    assert await caller.credits() == before - 8
    caller.clock.turn(60)
    assert (await caller.record(task_id))["data"]["successFlag"] == 3
    assert await caller.credits() == before
    assert (await caller.done())["successFlag"] == 1
    assert await caller.credits() == before - 6


# -- time ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("variants", [1, 2, 4])
def test_a_task_takes_eight_to_twenty_seconds_and_the_same_again(variants: int) -> None:
    times = [usual_seconds(f"prompt {number}", variants) for number in range(200)]
    assert 8 <= min(times) < max(times) <= 20
    assert times == [usual_seconds(f"prompt {number}", variants) for number in range(200)]


async def test_the_progress_grows_in_hundredths_and_is_not_full_before_the_end() -> None:
    async with calling(seconds=10.0) as caller:
        task_id = await caller.task()
        said = [(await caller.record(task_id))["data"]["progress"] for _ in range(25)]
        assert said[0] == "0.04"
        assert said == sorted(said)
        assert said[-2:] == ["0.96", "1.00"]


async def test_it_can_be_instant() -> None:
    async with calling(seconds=0.0) as caller:
        task_id = await caller.task()
        assert (await caller.record(task_id))["data"]["successFlag"] == 1


# -- pictures --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("size", "dimensions"), [("1:1", (32, 32)), ("3:2", (48, 32)), ("2:3", (32, 48))])
async def test_each_variant_is_a_picture_of_its_own_in_the_size_asked_for(
    caller: Caller, size: str, dimensions: tuple[int, int]
) -> None:
    data = await caller.done(size=size, nVariants=4)
    pictures = [await (await caller.raw("GET", url)).read() for url in data["response"]["resultUrls"]]
    assert len(set(pictures)) == 4
    assert {pixels(picture).size for picture in pictures} == {dimensions}


async def test_the_references_are_fetched_and_show(caller: Caller) -> None:
    without = await caller.done("sea")
    with_one = await caller.done("sea", filesUrl=[await caller.upload(png("lime"))])
    pictures = [
        pixels(await (await caller.raw("GET", data["response"]["resultUrls"][0])).read())
        for data in (without, with_one)
    ]
    limes = [sum(green > red + 40 and green > blue + 40 for red, green, blue in _all(picture)) for picture in pictures]
    assert limes[0] == 0
    assert limes[1] > 20


async def test_a_mask_keeps_what_is_white_and_opens_what_is_black(caller: Caller) -> None:
    mask = Image.new("RGB", (60, 40), "white")
    mask.paste("black", (30, 0, 60, 40))
    out = io.BytesIO()
    mask.save(out, "PNG")
    files = {"filesUrl": [await caller.upload(png("lime"))], "maskUrl": await caller.upload(out.getvalue(), "mask.png")}
    data = await caller.done("night sea", size="3:2", **files)
    picture = pixels(await (await caller.raw("GET", data["response"]["resultUrls"][0])).read())
    kept, opened = picture.getpixel((12, 16)), picture.getpixel((36, 16))
    assert isinstance(kept, tuple)
    assert isinstance(opened, tuple)
    assert kept[1] > kept[0] + 100
    assert not opened[1] > opened[0] + 100


async def test_a_result_is_there_for_fourteen_days(caller: Caller) -> None:
    (url,) = (await caller.done())["response"]["resultUrls"]
    assert (await caller.raw("GET", url, key="")).status == 200
    caller.clock.turn(14 * 24 * 3600)
    assert (await caller.raw("GET", url, key="")).status == 404


def _all(picture: Image.Image) -> list[tuple[int, int, int]]:
    data = picture.tobytes()
    return [(data[place], data[place + 1], data[place + 2]) for place in range(0, len(data), 3)]


# -- unusable references ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("address", "code", "message"),
    [
        ("data:image/png;base64,AAAA", 400, "Failed to fetch the image. Kindly verify any access limits set by you"),
        ("{url}/kieai/nowhere.png", 400, "Failed to fetch the image. Kindly verify any access limits set by you"),
        ("http://127.0.0.1:1/no.png", 400, "Failed to fetch the image. Kindly verify any access limits set by you"),
        ("{text}", 400, "We couldn't process the provided image file (code=invalid_image_format)"),
        ("{large}", 400, "Image size exceeds maximum of 26214400 bytes"),
    ],
)
async def test_a_reference_that_cannot_be_used_fails_the_task(
    caller: Caller, address: str, code: int, message: str
) -> None:
    text, large = await caller.upload(b"no picture"), await caller.upload(bytes(26_214_401), "large.png")
    data = await caller.done(filesUrl=[address.format(url=caller.emulator.url, text=text, large=large)])
    assert (data["successFlag"], data["errorCode"], data["response"]) == (3, code, None)
    assert data["errorMessage"].startswith(message)


async def test_a_mask_of_other_dimensions_or_format_fails_the_task(caller: Caller) -> None:
    photo = await caller.upload(png())
    for mask in (png(size=(61, 40)), png(kind="JPEG")):
        data = await caller.done(filesUrl=[photo], maskUrl=await caller.upload(mask, "mask.bin"))
        assert data["errorMessage"] == "GPT 4O failed to edit the picture"


async def test_a_mask_is_ignored_with_several_files(caller: Caller) -> None:
    photo = await caller.upload(png())
    assert (await caller.done(filesUrl=[photo, photo], maskUrl="http://127.0.0.1:1/"))["successFlag"] == 1


# -- uploads, links --------------------------------------------------------------------------------------------------


async def test_an_upload_is_answered_as_recorded_and_can_be_fetched(caller: Caller) -> None:
    picture = png()
    body = {"base64Data": base64.b64encode(picture).decode(), "uploadPath": "images/test-uploads"}
    answer = await caller.call("POST", "/api/file-base64-upload", json=body | {"fileName": "test.png", "mimeType": "x"})
    data = answer["data"]
    assert (answer["success"], answer["code"], answer["msg"]) == (True, 200, "File uploaded successfully")
    assert list(data) == ["success", "fileName", "filePath", "downloadUrl", "fileSize", "mimeType", "uploadedAt"]
    assert (data["fileName"], data["fileSize"], data["mimeType"]) == ("test.png", len(picture), "image/png")
    assert re.fullmatch(r"kieai/\d+/images/test-uploads/test\.png", data["filePath"])
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", data["uploadedAt"])
    assert await (await caller.raw("GET", data["downloadUrl"], key="")).read() == picture


async def test_an_upload_by_address_or_without_a_name_gets_one(caller: Caller) -> None:
    body = {"fileUrl": await caller.upload(png()), "uploadPath": "images"}
    data = (await caller.call("POST", "/api/file-url-upload", json=body))["data"]
    assert re.fullmatch(r"\d{13}-[0-9a-z]{11}\.png", data["fileName"])


@pytest.mark.parametrize(
    ("path", "body", "message"),
    [
        ("url", {"uploadPath": "x"}, "Missing required parameter: fileUrl (file download URL)"),
        ("base64", {"base64Data": "AAAA"}, "Missing required parameter: uploadPath"),
        ("base64", {"base64Data": "?", "uploadPath": "x"}, "Base64 decoding failed: Invalid Base64 format"),
    ],
)
async def test_a_failed_upload_is_http_200_without_data(
    caller: Caller, path: str, body: dict[str, str], message: str
) -> None:
    answer = await caller.call("POST", f"/api/file-{path}-upload", json=body)
    assert answer == {"success": False, "code": 400, "msg": message}


async def test_an_upload_needs_the_key(caller: Caller) -> None:
    answer = await caller.call("POST", "/api/file-url-upload", json={}, key="another")
    assert answer == {"success": False, "code": 401, "msg": "Authentication failed: Invalid API Key"}


async def test_a_download_link_is_a_text_that_lives_for_twenty_minutes(caller: Caller) -> None:
    data = await caller.done()
    body = {"taskId": data["taskId"], "url": data["response"]["resultUrls"][0]}
    for path in ("gpt4o-image", "common"):
        link = (await caller.call("POST", f"/api/v1/{path}/download-url", json=body))["data"]
        assert "X-Amz-Expires=1200" in link
        assert (await caller.raw("GET", link, key="")).status == 200
    caller.clock.turn(1202)
    assert (await caller.raw("GET", link, key="")).status == 403


async def test_no_download_link_for_what_is_unknown_or_not_done(caller: Caller) -> None:
    async def asked(path: str, body: dict[str, str]) -> tuple[int, str]:
        answer = await caller.call("POST", f"/api/v1/{path}/download-url", json=body)
        return answer["code"], answer["msg"]

    task_id = await caller.task()
    assert await asked("gpt4o-image", {"taskId": "0", "url": "x"}) == (422, "record is null")
    assert await asked("gpt4o-image", {"taskId": task_id, "url": "x"}) == (422, "record status is not success")
    assert await asked("common", {"url": "https://example.org/1.png"}) == (422, "url is wrong")


def test_pixels_are_read_as_they_lie_in_the_file() -> None:
    assert prints.load(file_of(painted(60, 40), "JPEG", exif=oriented())).size == (60, 40)


# -- access from another process -------------------------------------------------------------------------------------


async def test_another_process_can_read_what_was_taken(caller: Caller) -> None:
    await caller.task("one")
    await caller.create("two [402]")
    taken = json.loads(await (await caller.raw("GET", "/_emulator/creates")).text())
    assert taken == [{"prompt": "one", "size": "1:1"}] == caller.emulator.creates
