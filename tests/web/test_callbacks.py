"""Callbacks over real HTTP: which are accepted, which are refused, and callbacks of the emulator to a real engine."""

from __future__ import annotations

import asyncio
import base64
import gzip
import hashlib
import hmac
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer, unused_port
from pydantic import SecretStr

from bot.engine.clock import system_clock
from bot.engine.engine import Engine
from bot.kie.callbacks import is_signed, job_id_of
from bot.process.logs import configure_logs
from bot.web.callbacks import LARGEST_BODY, callback_routes
from sandbox.kie import Emulator
from storage.bounds import LONGEST_TEMPLATE, LONGEST_WORDS
from storage.models import Task, TaskState
from tests.kie.kie_server import kie_client
from tests.worlds.engine_world import EngineWorld, open_engine_world
from tests.worlds.waiting import eventually

KEY = SecretStr("local-emulator-webhook-key")
KIE_ID = "5fd1b68dbca66cddf73654e72e2094ea"
TIMESTAMP = "1774788518"
SIGNATURE = "e17jU+db7M2RJXmd53T4ZTK1Bkfz4/Qjgy36zyfUeog="
SIGNED_AT = 1774788518_000
SOON = 100.0


@dataclass
class House:
    """An engine and an HTTP server for its callbacks."""

    world: EngineWorld
    url: str
    session: aiohttp.ClientSession

    async def call(self, token: str, body: Any, **headers: str) -> int:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        async with self.session.post(f"{self.url}{token}", data=data, headers=headers) as answer:
            await answer.read()
            return answer.status

    async def signed(self, token: str, job_id: str, *, at: int | None = None, **changes: Any) -> int:
        timestamp = str(at if at is not None else system_clock() // 1000)
        digest = hmac.digest(KEY.get_secret_value().encode(), f"{job_id}.{timestamp}".encode(), hashlib.sha256)
        headers = {"X-Webhook-Timestamp": timestamp, "X-Webhook-Signature": base64.b64encode(digest).decode()}
        return await self.call(token, {"code": 200, "data": {"taskId": job_id, **changes}}, **headers)


@dataclass
class _Door:
    """Pass callbacks to the current engine of the world, which a restart replaces."""

    world: EngineWorld

    def clock(self) -> int:
        return self.world.engine.clock()

    async def called_back(self, token: str, job_id: str) -> bool:
        return await self.world.engine.called_back(token, job_id)


@asynccontextmanager
async def open_house(folder: Path) -> AsyncIterator[House]:
    port = unused_port()
    url = f"http://127.0.0.1:{port}/callbacks/kie/"
    async with open_engine_world(folder, callbacks=url) as world, aiohttp.ClientSession() as session:
        app = web.Application()
        app.add_routes(callback_routes(cast("Engine", _Door(world)), KEY))
        async with TestServer(app, port=port):
            yield House(world=world, url=url, session=session)


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with open_house(tmp_path) as opened:
        yield opened


async def running(house: House) -> tuple[Task, str]:
    """Return a task that is being generated, and the token of its create."""
    task = await house.world.ask()
    await house.world.work(3)
    return task, (house.world.api.taken[-1].callback_url or "").removeprefix(house.url)


# -- the signature ---------------------------------------------------------------------------------------------------


def signed(job_id: str = KIE_ID, **changes: Any) -> bool:
    given: dict[str, Any] = {"timestamp": TIMESTAMP, "signature": SIGNATURE, "key": KEY, "now": SIGNED_AT}
    return is_signed(job_id, **(given | changes))


def test_the_signature_covers_the_id_and_the_time() -> None:
    assert signed()
    assert not signed("another")
    assert not signed(timestamp="1774788519")
    assert not signed(key=SecretStr("another"))


@pytest.mark.parametrize("seconds", [-300, 300])
def test_it_holds_for_five_minutes_either_way(seconds: int) -> None:
    assert signed(now=SIGNED_AT + seconds * 1000)
    assert not signed(now=SIGNED_AT + (seconds + (1 if seconds > 0 else -1)) * 1000)


@pytest.mark.parametrize("timestamp", [None, "", "-5", "1e9", "١٧٧٤٧٨٨٥١٨", "²", "9" * 5000, " 1774788518", "nan"])
def test_a_time_that_is_none_is_refused(timestamp: str | None) -> None:
    assert not signed(timestamp=timestamp)


@pytest.mark.parametrize("signature", [None, "", "é" * 44, "\udce9", SIGNATURE[:-1], SIGNATURE.lower(), "A" * 100_000])
def test_a_signature_that_is_none_is_refused(signature: str | None) -> None:
    assert not signed(signature=signature)


# -- the body --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "said",
    [
        {"code": 200, "data": {"taskId": "a", "task_id": "b"}, "taskId": "c", "task_id": "d"},
        {"data": {"task_id": "a"}, "taskId": "c"},
        {"data": {"taskId": ""}, "taskId": "a", "task_id": "d"},
        {"data": {"taskId": 5}, "task_id": "a"},
        {"data": None, "task_id": "a"},
        {"data": ["taskId"], "taskId": "a"},
    ],
)
def test_the_id_is_found_where_they_may_have_put_it(said: object) -> None:
    assert job_id_of(json.dumps(said).encode()) == "a"


@pytest.mark.parametrize(
    "said",
    [
        {"code": 200, "msg": "success", "data": {"taskId": KIE_ID, "info": {"result_urls": ["https://a.test/1.png"]}}},
        {"code": 400, "msg": "flagged", "data": {"taskId": KIE_ID, "info": None}},
        {
            "code": 200,
            "msg": "BFL image generated successfully.",
            "data": {"taskId": KIE_ID, "info": {"originImageUrl": None, "resultImageUrl": "https://a.test/1.jpg"}},
        },
        {"code": 501, "msg": "Generation failed", "data": {"taskId": KIE_ID}},
        {
            "code": 200,
            "msg": "Playground task completed successfully.",
            "data": {
                "taskId": KIE_ID, "model": "google/nano-banana-edit", "state": "success",
                "param": '{"input":"{\\"prompt\\":\\"a\\"}"}', "resultJson": '{"resultUrls":["https://a.test/1"]}',
                "failCode": None, "failMsg": None, "costTime": 61, "createTime": 1786428202000,
                "completeTime": 1786428283000, "updateTime": 1786428283000, "creditsConsumed": 3,
            },
        },
        {
            "code": 501,
            "msg": "Playground task failed.",
            "data": {
                "taskId": KIE_ID, "model": "grok", "state": "fail", "param": "", "resultJson": None,
                "failCode": "500", "failMsg": "Internal server error",
            },
        },
    ],
)  # fmt: skip
def test_the_documented_callbacks_of_each_wire_form_name_their_job(said: object) -> None:
    assert job_id_of(json.dumps(said).encode()) == KIE_ID


@pytest.mark.parametrize(
    "body",
    [
        *(b"", b"nonsense", b"null", b"[]", b'"taskId"', b"{}", b'{"data":{}}', b"\xff\xfe\x00", b'{"taskId":'),
        b"[" * 60_000,
        b'{"data":' * 10_000,
        b'{"taskId":' + b"9" * 60_000 + b"}",
        b'{"taskId":"\\u0000"}',
        b'{"taskId":"\\ud800"}',
        b'{"taskId":"a\\nb"}',
        json.dumps({"taskId": "a" * 129}).encode(),
    ],
)
def test_a_body_that_names_no_task_is_none(body: bytes) -> None:
    assert job_id_of(body) is None


# -- HTTP endpoint ---------------------------------------------------------------------------------------------------


async def test_a_callback_is_answered_at_once_and_believed_in_nothing_but_its_id(house: House) -> None:
    task, token = await running(house)
    house.world.clock.turn(30)
    asked = len(house.world.api.asked)
    assert await house.signed(token, "kie1", info={"result_urls": ["https://forged.example/a.png"]}) == 200
    assert len(house.world.api.asked) == asked
    await house.world.work(3)
    assert [picture.url for picture in await house.world.stores.pictures.of_task(task.id)] == [
        "https://results.test/kie1/0.png"
    ]


async def test_the_callback_of_a_job_may_repeat_the_longest_prompt_twice_as_text_in_text(house: House) -> None:
    _, token = await running(house)
    prompt = "\N{ARTIST PALETTE}" * (LONGEST_WORDS + LONGEST_TEMPLATE)
    param = json.dumps({"input": json.dumps({"prompt": prompt}), "model": "grok"})
    assert await house.signed(token, "kie1", param=param, paramJson=param, resultJson=None) == 200


async def test_callbacks_that_come_again_are_answered_the_same(house: House) -> None:
    task, token = await running(house)
    assert [await house.signed(token, "kie1") for _ in range(3)] == [200] * 3
    await house.world.work(SOON)
    assert await house.signed(token, "kie1") == 200
    await house.world.work(SOON)
    assert [message.task_id for message in house.world.discord.sent] == [task.id]


async def test_who_cannot_prove_it_is_refused(house: House) -> None:
    task, token = await running(house)
    before = await house.world.now(task)
    now = system_clock() // 1000
    body = {"data": {"taskId": "kie1"}}
    assert await house.call(token, body) == 401
    assert await house.call(token, body, **{"X-Webhook-Timestamp": str(now), "X-Webhook-Signature": "AAAA"}) == 401
    assert await house.call(token, body, **{"X-Webhook-Timestamp": "9" * 4000, "X-Webhook-Signature": "ÿ"}) == 401
    assert await house.signed(token, "kie1", at=now - 400) == 401
    assert await house.signed(token, "kie1", at=now + 400) == 401
    assert await house.world.now(task) == before


async def test_a_callback_that_was_seen_and_sent_to_another_create_changes_nothing(house: House) -> None:
    await running(house)
    task, other = await running(house)
    assert await house.signed(other, "kie1") == 200
    assert (await house.world.now(task)).job_id == "kie2"
    await house.world.work(SOON)
    assert len(house.world.discord.sent) == 2


async def test_the_first_that_is_not_signed_is_said_with_what_to_check_and_no_other(
    house: House, capsys: pytest.CaptureFixture[str], logs_as_they_were: None
) -> None:
    configure_logs("INFO", "console")
    for _ in range(3):
        assert await house.call("a-token-of-ours", {"data": {"taskId": "kie1"}}) == 401
    (line,) = [line for line in capsys.readouterr().err.splitlines() if "[bot.web.callbacks]" in line]
    assert "[warning" in line
    assert "KIE_WEBHOOK_KEY" in line
    assert "clock" in line
    assert "a-token-of-ours" not in line


async def test_an_unknown_token_is_not_found(house: House) -> None:
    await running(house)
    assert await house.signed("never-given", "kie1") == 404
    assert await house.signed("%00%ff", "kie1") == 404


async def test_a_body_that_names_no_task_is_refused(house: House) -> None:
    _, token = await running(house)
    assert await house.call(token, b"[" * 60_000) == 400
    assert await house.call(token, b"") == 400
    assert await house.call(token, b"no gzip", **{"Content-Encoding": "gzip"}) == 400


async def test_a_body_may_have_512_kib_whether_it_says_how_long_it_is_or_not(house: House) -> None:
    _, token = await running(house)
    too_long = b" " * (LARGEST_BODY + 1)
    assert await house.call(token, too_long[:-1]) == 400
    assert await house.call(token, too_long) == 413
    assert await house.call(token, gzip.compress(too_long * 100), **{"Content-Encoding": "gzip"}) == 413

    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(5):
            yield too_long[: LARGEST_BODY // 4]

    async with house.session.post(f"{house.url}{token}", data=pieces()) as answer:
        assert answer.status == 413


@pytest.mark.usefixtures("logs_as_they_were")
async def test_what_could_not_be_written_down_is_asked_for_again(
    house: House, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _, token = await running(house)
    configure_logs("DEBUG", "json")

    async def busy(*_: object, **__: object) -> None:
        raise OSError("the disk is full")

    monkeypatch.setattr(house.world.stores.creates, "called_back", busy)
    assert await house.signed(token, "kie1") == 503
    monkeypatch.undo()
    assert await house.signed(token, "kie1") == 200
    said = capsys.readouterr().err
    assert "callback perhaps not stored" in said
    assert token not in said


# -- the emulator's callbacks, end to end ----------------------------------------------------------------------------


@asynccontextmanager
async def making(house: House, prompt: str, **options: Any) -> AsyncIterator[tuple[Emulator, Task]]:
    """Run the engine with the emulator instead of the stand-in image API. The emulator uses the real clock."""
    emulator = Emulator(seconds=0, shrink=32, speed=100, webhook_key=KEY.get_secret_value(), **options)
    async with emulator, kie_client(emulator.url) as client:
        house.world.wrap = lambda part: client if part is house.world.api else part
        await house.world.restart()
        task = await house.world.ask(prompt)
        yield emulator, task


async def until_called(emulator: Emulator, times: int = 1) -> None:
    async def often() -> bool:
        return len(emulator.called) >= times

    await eventually(often)


async def pictures_of(house: House, task: Task) -> list[str]:
    """Work until the task is closed and return its pictures. The emulator uses the real clock, so this waits."""

    async def closed() -> bool:
        await house.world.work(1)
        return (await house.world.now(task)).state is TaskState.CLOSED

    await eventually(closed)
    assert [message.reason for message in house.world.discord.sent if message.task_id == task.id][-1] is None
    return [picture.url for picture in await house.world.stores.pictures.of_task(task.id)]


async def test_a_create_whose_answer_was_dropped_is_adopted_by_its_callback(house: House) -> None:
    async with making(house, "a door [dropped]") as (emulator, task):
        await house.world.work(2)
        await until_called(emulator)
        assert [called.status for called in emulator.called] == [200]
        assert len(await pictures_of(house, task)) == 1
        assert len(emulator.creates) == 1
        assert len(house.world.discord.sent) == 1


@pytest.mark.parametrize(
    "word", ["[early callback]", "[callback twice]", "[no callback]", "[forged callback]", "[lag]"]
)
async def test_however_a_callback_misbehaves_the_picture_comes_once(house: House, word: str) -> None:
    async with making(house, f"a door {word}") as (emulator, task):
        await house.world.work(2)
        if word != "[no callback]":
            await until_called(emulator, 2 if word == "[callback twice]" else 1)
        urls = await pictures_of(house, task)
        assert [url.startswith(emulator.url) for url in urls] == [True]
        assert len(house.world.discord.sent) == 1
        assert {called.status for called in emulator.called} <= {200}


async def test_an_early_callback_of_a_dropped_create_is_adopted(house: House) -> None:
    async with making(house, "a door [early callback] [dropped]") as (emulator, task):
        await house.world.work(2)
        assert [called.status for called in emulator.called] == [200]
        assert len(await pictures_of(house, task)) == 1
        assert len(emulator.creates) == 1


async def test_a_failure_is_called_back_too(house: House) -> None:
    async with making(house, "a door [policy]") as (emulator, task):
        await house.world.work(2)
        await until_called(emulator)
        body = emulator.called[0].body
        assert (body["code"], body["data"]["info"]) == (400, None)
        await house.world.work(SOON)
        assert (await house.world.now(task)).reason == "policy"


# -- the emulator alone ----------------------------------------------------------------------------------------------


@asynccontextmanager
async def listening(*statuses: int) -> AsyncIterator[tuple[str, list[web.Request]]]:
    """Run a server that answers with each status once, and then always with the last one."""
    left, heard = list(statuses), list[web.Request]()

    async def answer(request: web.Request) -> web.Response:
        await request.read()
        heard.append(request)
        return web.Response(status=left.pop(0) if len(left) > 1 else left[0])

    app = web.Application()
    app.router.add_post("/{path:.*}", answer)
    async with TestServer(app) as server:
        yield str(server.make_url("/here")), heard


async def create(emulator: Emulator, session: aiohttp.ClientSession, url: str, prompt: str = "a door") -> str:
    body = {"prompt": prompt, "size": "1:1", "callBackUrl": url}
    headers = {"Authorization": "Bearer any"}
    async with session.post(f"{emulator.url}/api/v1/gpt4o-image/generate", json=body, headers=headers) as answer:
        created: str = (await answer.json())["data"]["taskId"]
        return created


async def gave_up() -> bool:
    """Return whether the emulator has no task left that would send another callback."""
    return not any("_call_when_ended" in repr(task.get_coro()) for task in asyncio.all_tasks())


async def test_the_emulator_tries_three_more_times_and_then_leaves_it() -> None:
    async with (
        listening(500) as (url, heard),
        Emulator(seconds=0, shrink=32, speed=1000) as emulator,
        aiohttp.ClientSession() as session,
    ):
        job_id = await create(emulator, session, url)
        await until_called(emulator, 4)
        await eventually(gave_up)
        assert [called.status for called in emulator.called] == [500] * 4
        assert {called.body["data"]["taskId"] for called in emulator.called} == {job_id}
        assert "X-Webhook-Signature" not in heard[0].headers


async def test_the_emulator_stops_as_soon_as_it_is_answered_and_signs_what_it_sends() -> None:
    async with (
        listening(503, 204) as (url, heard),
        Emulator(seconds=0, shrink=32, speed=1000, webhook_key=KEY.get_secret_value()) as emulator,
        aiohttp.ClientSession() as session,
    ):
        job_id = await create(emulator, session, url)
        await until_called(emulator, 2)
        assert [called.status for called in emulator.called] == [503, 204]
        headers = heard[1].headers
        assert is_signed(
            job_id,
            timestamp=headers["X-Webhook-Timestamp"],
            signature=headers["X-Webhook-Signature"],
            key=KEY,
            now=system_clock(),
        )
