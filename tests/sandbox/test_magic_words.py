"""Tests for magic words: a word in a prompt makes the image API emulator fail or misbehave, as their table says."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from sandbox.magic import EFFECTS, Magic, spoken, table
from tests.sandbox.emulator_caller import Caller, calling, pixels


@pytest.fixture
async def caller() -> AsyncIterator[Caller]:
    async with calling() as caller:
        yield caller


@pytest.mark.parametrize(
    ("word", "codes"),
    [
        (Magic.KEY, [401, 401]),
        (Magic.CREDIT, [402, 402]),
        (Magic.INVALID, [422, 422]),
        (Magic.QUOTA, [433, 433]),
        (Magic.ALWAYS_FAULT, [500, 500]),
        (Magic.BUSY, [429, 200, 429]),
        (Magic.MAINTENANCE, [455, 200, 455]),
        (Magic.FULL, [550, 200, 550]),
        (Magic.FAULT, [500, 200, 500]),
    ],
)
async def test_a_create_is_refused_always_or_every_first_time(caller: Caller, word: Magic, codes: list[int]) -> None:
    assert [(await caller.create(f"a door {word}"))["code"] for _ in codes] == codes
    assert len(caller.emulator.creates) == codes.count(200)
    assert [code for code, _ in caller.emulator.attempts] == codes


@pytest.mark.parametrize(
    ("word", "flag", "code", "message"),
    [
        (Magic.POLICY, 3, 400, "Your content was flagged by OpenAI as violating content policies"),
        (Magic.PICTURE_POLICY, 3, 400, "content of the filesUrl image violates policy"),
        (Magic.FAILED, 3, 500, "Failed to generate image"),
        (Magic.INTERNAL, 3, 500, "Internal Error, Please try again later."),
        (Magic.ALWAYS_UNFETCHED, 3, 451, "download of an input image failed"),
        (Magic.UNFETCHED, 3, 451, "download of an input image failed"),
        (Magic.CREATE_FAILED, 2, 500, "Please try again later"),
    ],
)
async def test_a_task_fails(caller: Caller, word: Magic, flag: int, code: int, message: str) -> None:
    data = await caller.done(f"a door {word.upper()}")
    assert (data["successFlag"], data["errorCode"], data["errorMessage"]) == (flag, code, message)
    assert data["status"] == ("CREATE_TASK_FAILED" if flag == 2 else "GENERATE_FAILED")
    assert (data["response"], data["progress"]) == (None, "0.00")


async def test_an_unfetched_reference_is_fetched_the_second_time(caller: Caller) -> None:
    assert [(await caller.done("x [451]"))["successFlag"] for _ in range(3)] == [3, 1, 3]


async def test_a_dropped_create_is_taken_and_not_answered(caller: Caller) -> None:
    before = await caller.credits()
    with pytest.raises(aiohttp.ServerDisconnectedError):
        await caller.create("a door [dropped]")
    assert [body["prompt"] for body in caller.emulator.creates] == ["a door [dropped]"]
    assert await caller.credits() == before - 6


async def test_a_web_page_instead_of_an_answer_takes_nothing(caller: Caller) -> None:
    body = {"prompt": "x [html]", "size": "1:1"}
    answer = await caller.raw("POST", "/api/v1/gpt4o-image/generate", json=body)
    assert (answer.status, answer.content_type, caller.emulator.creates) == (502, "text/html", [])


async def test_a_slow_create_is_taken_before_it_is_answered(caller: Caller) -> None:
    with pytest.raises(TimeoutError):
        await caller.call(
            "POST",
            "/api/v1/gpt4o-image/generate",
            json={"prompt": "x [slow]", "size": "1:1"},
            timeout=aiohttp.ClientTimeout(total=0.2),
        )
    assert len(caller.emulator.creates) == 1


async def test_a_stuck_progress_stays_at_zero_until_it_is_done() -> None:
    async with calling(seconds=10.0) as caller:
        task_id = await caller.task("x [stuck]")
        caller.clock.turn(9)
        assert (await caller.record(task_id))["data"]["progress"] == "0.00"
        caller.clock.turn(9)
        assert (await caller.record(task_id))["data"]["progress"] == "1.00"


async def test_a_long_task_takes_five_times_as_long() -> None:
    async with calling(seconds=10.0) as caller:
        task_id = await caller.task("x [long]")
        caller.clock.turn(48)
        assert (await caller.record(task_id))["data"]["successFlag"] == 0
        caller.clock.turn(2)
        assert (await caller.record(task_id))["data"]["successFlag"] == 1


async def test_an_overdue_task_never_finishes(caller: Caller) -> None:
    task_id = await caller.task("x [overdue]")
    caller.clock.turn(7 * 24 * 3600)
    assert (await caller.record(task_id))["data"]["status"] == "GENERATING"


async def test_a_record_may_lag_behind_its_pictures() -> None:
    async with calling(seconds=0.0) as caller:
        task_id = await caller.task("x [lag]")
        assert (await caller.record(task_id))["data"]["successFlag"] == 0
        caller.clock.turn(10)
        assert (await caller.record(task_id))["data"]["successFlag"] == 1


@pytest.mark.parametrize(
    ("word", "answer"),
    [
        (Magic.MISSING, {"code": 422, "msg": "The record does not exist", "data": None}),
        (Magic.NULL, {"code": 200, "msg": "success", "data": None}),
    ],
)
async def test_a_record_may_be_hidden_for_two_seconds(caller: Caller, word: Magic, answer: dict[str, Any]) -> None:
    task_id = await caller.task(f"x {word}")
    assert await caller.record(task_id) == answer
    caller.clock.turn(2)
    assert (await caller.record(task_id))["data"]["taskId"] == task_id


async def test_every_other_question_may_be_answered_with_a_fault(caller: Caller) -> None:
    task_id = await caller.task("x [flaky]")
    assert [(await caller.record(task_id))["code"] for _ in range(4)] == [500, 200, 500, 200]


async def test_a_record_may_be_written_another_way(caller: Caller) -> None:
    data = await caller.done("x [odd]")
    assert (data["successFlag"], type(data["createTime"])) == ("1", str)
    assert len(json.loads(data["response"])["result_urls"]) == 1


async def test_a_success_may_have_no_pictures(caller: Caller) -> None:
    data = await caller.done("x [empty]")
    assert (data["successFlag"], data["response"]) == (1, {"resultUrls": []})


@pytest.mark.parametrize(("word", "statuses"), [(Magic.LATE_FILE, [404, 200]), (Magic.GONE, [404, 404])])
async def test_a_picture_may_not_be_found(caller: Caller, word: Magic, statuses: list[int]) -> None:
    (url,) = (await caller.done(f"x {word}"))["response"]["resultUrls"]
    assert [(await caller.raw("GET", url)).status for _ in statuses] == statuses


async def test_a_picture_may_be_a_web_page(caller: Caller) -> None:
    (url,) = (await caller.done("x [no picture]"))["response"]["resultUrls"]
    answer = await caller.raw("GET", url)
    assert (answer.status, answer.content_type) == (200, "text/html")


async def test_a_picture_may_be_refused_for_five_minutes_by_every_address(caller: Caller) -> None:
    data = await caller.done("x [403]")
    (url,) = data["response"]["resultUrls"]
    link = await another(caller, data["taskId"], url)
    answer = await caller.raw("GET", url)
    assert (answer.status, await answer.text()) == (403, "error code: 1010")
    assert (await caller.raw("GET", link)).status == 403
    caller.clock.turn(300)
    assert [(await caller.raw("GET", address)).status for address in (url, link)] == [200, 200]


async def test_a_picture_may_be_refused_at_its_own_address_alone(caller: Caller) -> None:
    data = await caller.done("x [403 there]")
    (url,) = data["response"]["resultUrls"]
    link = await another(caller, data["taskId"], url)
    assert [(await caller.raw("GET", address)).status for address in (url, link)] == [403, 200]


async def another(caller: Caller, task_id: str, url: str) -> str:
    """Return the direct link of a picture from the download-url call of the API."""
    body = {"taskId": task_id, "url": url}
    link: str = (await caller.call("POST", "/api/v1/gpt4o-image/download-url", json=body))["data"]
    return link


async def test_a_picture_may_be_too_large_for_discord(caller: Caller) -> None:
    (url,) = (await caller.done("x [big]"))["response"]["resultUrls"]
    data = await (await caller.raw("GET", url)).read()
    assert len(data) > 10 * 2**20
    assert pixels(data).size == (2048, 2048)


async def test_a_model_may_be_gone_in_every_form(caller: Caller) -> None:
    refused = [
        await caller.create("x [model gone]"),
        await caller.flux("x [model gone]"),
        await caller.job("z-image", "x [model gone]", aspect_ratio="1:1"),
    ]
    assert [answer["code"] for answer in refused] == [422, 422, 422]
    assert all(answer["msg"].startswith("The model name you specified is not supported") for answer in refused)
    assert caller.emulator.creates == []


async def test_the_second_of_four_creates_may_fail_or_be_refused(caller: Caller) -> None:
    made = [await caller.job_done("z-image", "x [second fails]", aspect_ratio="1:1") for _ in range(8)]
    assert [data["state"] for data in made] == ["success", "fail", "success", "success"] * 2
    codes = [(await caller.job("z-image", "x [second 402]", aspect_ratio="1:1"))["code"] for _ in range(8)]
    assert codes == [200, 402, 200, 200] * 2


async def test_a_failed_task_may_be_answered_with_501_instead_of_a_record(caller: Caller) -> None:
    answers = []
    for create, record in (
        (caller.job_task("z-image", "x [501]", aspect_ratio="1:1"), caller.job_record),
        (caller.task("x [501]"), caller.record),
    ):
        task_id = await create
        assert (await record(task_id))["code"] == 200
        caller.clock.turn(60)
        answers.append(await record(task_id))
    assert (answers[0]["code"], answers[0]["data"]) == (501, None)
    assert (answers[1]["code"], answers[1]["data"]["successFlag"]) == (200, 3)
    flux = (await caller.flux("x [501]"))["data"]["taskId"]
    caller.clock.turn(60)
    assert (await caller.flux_record(flux))["code"] == 501


async def test_a_record_may_keep_the_credits_to_itself(caller: Caller) -> None:
    assert "creditsConsumed" in await caller.job_done("nano-banana-2-1", "x")
    assert "creditsConsumed" not in await caller.job_done("nano-banana-2-1", "x [no credits]")


@pytest.mark.parametrize(
    ("word", "codes"), [(Magic.CREDIT, [402, 402]), (Magic.BUSY, [429, 200]), (Magic.FAULT, [500, 200])]
)
async def test_a_create_is_refused_in_every_form(caller: Caller, word: Magic, codes: list[int]) -> None:
    assert [(await caller.flux(f"flux {word}"))["code"] for _ in codes] == codes
    assert [(await caller.job("nano-banana-2-1", f"job {word}"))["code"] for _ in codes] == codes


@pytest.mark.parametrize(
    ("word", "code", "message"),
    [
        (Magic.POLICY, "400", "Your content was flagged by OpenAI as violating content policies"),
        (Magic.FAILED, "500", "Failed to generate image"),
        (Magic.ALWAYS_UNFETCHED, "451", "download of an input image failed"),
        (Magic.CREATE_FAILED, "GENERATION_FAILED", "Please try again later"),
    ],
)
async def test_a_job_fails_with_a_code_that_is_text(caller: Caller, word: Magic, code: str, message: str) -> None:
    data = await caller.job_done("nano-banana-2-1", f"x {word}")
    assert (data["state"], data["failCode"], data["failMsg"]) == ("fail", code, message)


async def test_a_dropped_job_is_taken_and_not_answered(caller: Caller) -> None:
    before = await caller.credits()
    with pytest.raises(aiohttp.ServerDisconnectedError):
        await caller.job("nano-banana-2-1", "x [dropped]")
    assert caller.emulator.prompts == ["x [dropped]"]
    assert await caller.credits() == before - 4


@pytest.mark.parametrize(
    ("word", "answer"),
    [
        (Magic.MISSING, {"code": 422, "msg": "recordInfo is null", "data": None}),
        (Magic.NULL, {"code": 200, "msg": "success", "data": None}),
    ],
)
async def test_a_job_may_be_hidden_for_two_seconds(caller: Caller, word: Magic, answer: dict[str, Any]) -> None:
    task_id = await caller.job_task("nano-banana-2-1", f"x {word}")
    assert await caller.job_record(task_id) == answer
    caller.clock.turn(2)
    assert (await caller.job_record(task_id))["data"]["taskId"] == task_id


async def test_a_job_and_flux_may_be_written_another_way(caller: Caller) -> None:
    job = await caller.job_done("nano-banana-2-1", "x [odd]")
    assert (job["state"], job["successFlag"], job["creditsConsumed"]) == ("success", "1", "4.0")
    assert json.loads(job["response"]) == json.loads(job["resultJson"])
    flux = await caller.flux_done("x [odd]")
    assert (flux["successFlag"], list(json.loads(flux["response"]))) == ("1", ["originImageUrl", "resultImageUrl"])


async def test_a_success_of_a_job_and_of_flux_may_have_no_pictures(caller: Caller) -> None:
    assert json.loads((await caller.job_done("nano-banana-2-1", "x [empty]"))["resultJson"]) == {"resultUrls": []}
    assert (await caller.flux_done("x [empty]"))["response"]["resultImageUrl"] is None


async def test_a_job_may_be_too_large_for_discord(caller: Caller) -> None:
    data = await caller.job_done("grok-imagine-image-2-0/text-to-image", "x [big]", aspect_ratio="1:1")
    (url,) = json.loads(data["resultJson"])["resultUrls"]
    answer = await caller.raw("GET", url, key="")
    assert (answer.content_type, len(await answer.read()) > 10 * 2**20) == ("image/png", True)


def test_every_magic_word_is_explained_and_found_however_it_is_written() -> None:
    assert list(EFFECTS) == list(Magic)
    assert len(table().splitlines()) == len(Magic)
    for word in Magic:
        assert spoken(f"a door {word.upper().replace(' ', '  ')}, please") == {word}
    assert spoken("no [words] at all, 402, policy") == frozenset()
