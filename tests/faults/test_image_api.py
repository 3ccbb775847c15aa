"""
Test everything that can go wrong at the image API, call by call.

The tables are the specification: one row is one cell. In every cell the fault affects the first request of its kind,
and in the end the asker has exactly one answer. A create is sent twice only if the first was explicitly refused.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from bot.error_replies import explain
from bot.errors import Reason
from bot.kie import codes, refusal_words
from bot.kie.codes import Call
from bot.texts import texts_in
from storage.models import NewReference, Task, TaskState
from tests.faults.image_api_world import (
    API_HOST,
    CREATE,
    CREDITS,
    RECORD,
    UPLOAD,
    UPLOAD_HOST,
    ImageWorld,
    breaks_off,
    breaks_off_after,
    gives,
    open_image_world,
    stalls,
)
from tests.wire.traps import Action, Moment, page, says
from tests.worlds.engine_world import png


@dataclass(frozen=True, slots=True, kw_only=True)
class Comes:
    """The expected end of a cell."""

    reason: Reason | None = None
    """Reason of the failure; None if the picture is delivered."""
    words: str = "picture is ready"
    """Words of the sentence that the asker reads."""
    charged: bool = True
    """Whether the task has cost a picture, or may have cost one."""
    sent: int | None = 1
    """Number of creates that reached the image API. None: any number, each explicitly refused."""
    operator: Reason | None = None
    """Reason that is reported to the operator, once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    action: Action | None = None
    """The fault. None: no server listens at the address."""
    moment: Moment = Moment.RECEIVED
    patient: bool = True


def code(number: int | str, words: str = "They said no") -> Trouble:
    """Return an error in the image API's form: HTTP 200, with the code in the body."""
    return Trouble(action=says(200, {"code": number, "msg": words, "data": None}))


def answered(body: bytes | str, status: int = 200, kind: str = "application/json", **headers: str) -> Trouble:
    return Trouble(action=gives(body, status, kind, **headers))


PICTURE = Comes()
PICTURE_AND_OPERATOR = Comes(operator=Reason.ACCOUNT_KEY)
SECOND = Comes(sent=2)
INVALID = Comes(reason=Reason.INVALID_REQUEST, words="Try it in other words", charged=False)
KEY = Comes(reason=Reason.ACCOUNT_KEY, words="isn’t accepting my key", charged=False, operator=Reason.ACCOUNT_KEY)
CREDIT = Comes(
    reason=Reason.ACCOUNT_CREDIT, words="credit with the image service is used up", charged=False,
    operator=Reason.ACCOUNT_CREDIT,
)  # fmt: skip
QUOTA = Comes(reason=Reason.ACCOUNT_QUOTA, words="quota with the image service is used up", charged=False)
FAULT = Comes(reason=Reason.SERVICE_FAULT, words="is having trouble", charged=False)
UNCONFIRMED = Comes(reason=Reason.UNCONFIRMED, words="can’t tell whether it took this request")

# Codes in a readable body

TO_A_CREATE: Mapping[int, Comes] = {
    400: INVALID,  # the body is not valid JSON
    401: KEY,  # missing or wrong key
    402: CREDIT,  # not enough credits
    403: INVALID,
    404: INVALID,  # not found
    408: UNCONFIRMED,  # no result for 10 minutes: the task was taken
    422: INVALID,  # validation
    429: SECOND,  # too fast
    433: replace(QUOTA, operator=Reason.ACCOUNT_QUOTA),  # the key's own quota
    451: UNCONFIRMED,
    455: SECOND,  # maintenance
    500: SECOND,  # server error
    501: UNCONFIRMED,  # generation failed: the task was taken
    505: UNCONFIRMED,  # feature disabled
    550: SECOND,  # queue full
    0: UNCONFIRMED,
    201: UNCONFIRMED,
    503: UNCONFIRMED,
}
TO_A_RECORD: Mapping[int, Comes] = {
    400: PICTURE,
    401: PICTURE_AND_OPERATOR,
    402: PICTURE,
    404: PICTURE,
    422: PICTURE,
    429: PICTURE,
    451: PICTURE,
    455: PICTURE,
    500: PICTURE,
    505: PICTURE,
    550: PICTURE,
}
CREDIT_CODES = (401, 402, 404, 422, 429, 455, 500, 505)
TO_AN_UPLOAD: Mapping[int, Comes] = {
    400: replace(INVALID, sent=0),
    401: PICTURE_AND_OPERATOR,
    402: Comes(operator=Reason.ACCOUNT_CREDIT),
    403: replace(INVALID, sent=0),
    404: replace(INVALID, sent=0),
    405: replace(INVALID, sent=0),
    413: replace(INVALID, sent=0),
    415: replace(INVALID, sent=0),
    422: replace(INVALID, sent=0),
    429: PICTURE,
    433: replace(QUOTA, sent=0, operator=Reason.ACCOUNT_QUOTA),
    451: Comes(
        reason=Reason.API_REFERENCE_UNFETCHABLE, words="download an attached picture", charged=False, sent=0
    ),
    455: PICTURE,
    500: PICTURE,
    550: PICTURE,
}  # fmt: skip

# Bodies that are no answer to any request

CLOUDFLARE = "<!DOCTYPE html><html><title>Attention Required! | Cloudflare</title></html>"
NOT_TAKEN: Mapping[str, Trouble] = {
    "a page at 401": Trouble(action=page(401, CLOUDFLARE)),
    "a page at 403": Trouble(action=page(403, CLOUDFLARE)),
    "error code: 1010": answered("error code: 1010", 403, "text/plain"),
    "a page at 404": Trouble(action=page(404, "<h1>Not Found</h1>")),
    "a page at 429": Trouble(action=page(429, CLOUDFLARE)),
    "no connection": Trouble(),
    "a refusal that calls itself a page": answered('{"code":429,"msg":"too fast"}', kind="text/html"),
    "a code as text": code("429"),
}
UNKNOWN: Mapping[str, Trouble] = {
    "a page at 200": Trouble(action=page(200, CLOUDFLARE)),
    "a page at 502": Trouble(action=page(502, "<h1>502 Bad Gateway</h1>")),
    "a page at 503": Trouble(action=page(503, CLOUDFLARE)),
    "an empty body": answered(""),
    "half of it": answered('{"code":200,"msg":"suc'),
    "a list": answered("[]"),
    "null": answered("null"),
    "no code": answered('{"msg":"success"}'),
    "a code in words": code("two hundred"),
    "data that is text": answered('{"code":200,"data":"soon"}'),
    "too much of it": answered(json.dumps({"code": 200, "msg": "x" * 2**21})),
    "gzip that is none": answered(b"\x00\x01garbage", Content_Encoding="gzip"),
    "a redirect": answered("", 302, Location="https://elsewhere.test/"),
    "broken off before a byte": Trouble(action=breaks_off),
    "broken off behind the headers": Trouble(action=breaks_off_after(b'{"code":', 83)),
    "broken off when it was done": Trouble(action=breaks_off, moment=Moment.DONE),
    "silence": Trouble(action=stalls(), patient=False),
    "silence behind the headers": Trouble(action=stalls(b'{"code":', 83), patient=False),
    "silence when it was done": Trouble(action=stalls(), moment=Moment.DONE, patient=False),
}
NO_TASK: Mapping[str, Trouble] = {
    "200 without a task": answered('{"code":200,"msg":"success","data":{}}'),
    "200 with null data": answered('{"code":200,"msg":"success","data":null}'),
    "200 without data": answered('{"code":200,"msg":"success"}'),
    "200 with an empty id": answered('{"code":200,"msg":"success","data":{"taskId":""}}'),
    "200 with a blank id": answered('{"code":200,"msg":"success","data":{"taskId":"  "}}'),
    "200 with no id": answered('{"code":200,"msg":"success","data":{"taskId":null}}'),
}
NONSENSE_TO_A_CREATE: Mapping[str, Comes] = {
    **dict.fromkeys(UNKNOWN, UNCONFIRMED),
    **dict.fromkeys(NO_TASK, UNCONFIRMED),
    "a page at 401": KEY,
    "a page at 403": FAULT,
    "error code: 1010": FAULT,
    "a page at 404": FAULT,
    "a page at 429": SECOND,
    "no connection": PICTURE,
    "a refusal that calls itself a page": SECOND,
    "a code as text": SECOND,
}
NONSENSE_TO_A_RECORD: Mapping[str, Comes] = {
    **dict.fromkeys((*UNKNOWN, *NO_TASK, *NOT_TAKEN), PICTURE),
    "a page at 401": PICTURE_AND_OPERATOR,
}
NO_ADDRESS: Mapping[str, Trouble] = {
    "200 without data": answered('{"success":true,"code":200,"msg":"success"}'),
    "200 without an address": answered('{"success":true,"code":200,"data":{}}'),
    "200 with no web address": answered('{"success":true,"code":200,"data":{"downloadUrl":"kieai/1/a.png"}}'),
    "200 that failed inside": answered('{"code":200,"data":{"success":false,"downloadUrl":"https://a.test/a.png"}}'),
}
FAILED_AT_200 = answered('{"success":false,"code":400,"msg":"Missing required parameter: uploadPath"}')
NONSENSE_TO_AN_UPLOAD: Mapping[str, Comes] = {
    **dict.fromkeys((*UNKNOWN, *NO_ADDRESS, *NOT_TAKEN), PICTURE),
    "a page at 401": PICTURE_AND_OPERATOR,
    **dict.fromkeys(("a page at 403", "error code: 1010", "a page at 404"), replace(FAULT, sent=0)),
    "a failure at HTTP 200": replace(INVALID, sent=0),
}  # fmt: skip

# Reasons why a task of the image API failed

POLICY = Comes(reason=Reason.POLICY, words="doesn’t allow this request", charged=False)
FAILED = Comes(reason=Reason.GENERATION_FAILED, words="tried, but it didn’t work", charged=False)
UNFETCHABLE = Comes(reason=Reason.API_REFERENCE_UNFETCHABLE, words="download an attached picture", charged=False)
FAILURES: Mapping[tuple[int | None, str | None], Comes] = {
    (400, "content of the filesUrl image violates policy"): Comes(
        reason=Reason.REFERENCE_POLICY, words="doesn’t allow one of the attached pictures", charged=False
    ),
    (400, "Image size exceeds maximum of 26214400 bytes"): Comes(
        reason=Reason.API_REFERENCE_TOO_LARGE, words="found an attached picture too large", charged=False
    ),
    (400, "Image dimensions too small"): Comes(
        reason=Reason.API_REFERENCE_TOO_SMALL, words="found an attached picture too small", charged=False
    ),
    (400, "Mask size does not match the image"): Comes(
        reason=Reason.API_MASK, words="couldn’t use the mask", charged=False
    ),
    (400, "We couldn't process the provided image file (code=invalid_image_format)"): Comes(
        reason=Reason.API_REFERENCE_FORMAT, words="couldn’t read an attached picture", charged=False
    ),
    (400, "Your content was flagged by OpenAI as violating content policies"): POLICY,
    (400, "Failed to fetch the image. Kindly verify any access limits set by you or your service provider"):
        UNFETCHABLE,
    (451, "download of an input image failed"): UNFETCHABLE,
    (451, None): UNFETCHABLE,
    (500, "Failed to get user token"): FAILED,
    (500, "Please try again later"): FAILED,
    (500, "Failed to generate image"): FAILED,
    (500, "GPT 4O failed to edit the picture"): FAILED,
    (500, None): FAILED,
    (500, "Internal Error, Please try again later."): FAILED,
    (None, "Internal Error, Please try again later."): FAILED,
    (None, None): FAILED,
}  # fmt: skip


def cells(troubles: Mapping[str, Trouble], comes: Mapping[str, Comes]) -> Iterable[Any]:
    """Return a test case for every row of `comes`."""
    return [pytest.param(troubles[name], comes[name], id=name) for name in comes]


def coded(table: Mapping[int, Comes]) -> Iterable[Any]:
    return [pytest.param(code(number), comes, id=str(number)) for number, comes in table.items()]


@pytest.mark.parametrize(
    ("trouble", "comes"),
    [*coded(TO_A_CREATE), *cells({**NOT_TAKEN, **UNKNOWN, **NO_TASK}, NONSENSE_TO_A_CREATE)],
)
@pytest.mark.sampled(every=6)
async def test_a_create_is_sent_twice_only_after_an_explicit_refusal(
    tmp_path: Path, trouble: Trouble, comes: Comes
) -> None:
    async with open_image_world(tmp_path, patient=trouble.patient) as world:
        if trouble.action is None:
            world.roads.closed.add(API_HOST)
        else:
            world.lay(CREATE, trouble.moment, trouble.action)
        task = await world.world.ask()
        if trouble.action is None:
            await world.until(task, lambda now: now.failures > 0)
            world.roads.closed.clear()
        await assert_comes(world, task, comes)


@pytest.mark.parametrize(
    ("trouble", "comes"),
    [*coded(TO_A_RECORD), *cells({**NOT_TAKEN, **UNKNOWN, **NO_TASK}, NONSENSE_TO_A_RECORD)],
)
@pytest.mark.sampled(every=6)
async def test_a_question_that_failed_is_asked_again(tmp_path: Path, trouble: Trouble, comes: Comes) -> None:
    async with open_image_world(tmp_path, patient=trouble.patient) as world:
        if trouble.action is not None:
            world.lay(RECORD, trouble.moment, trouble.action)
        task = await world.world.ask()
        if trouble.action is None:
            await world.until(task, lambda now: now.state is TaskState.GENERATING)
            world.roads.closed.add(API_HOST)
            await world.until(task, lambda now: now.failures > 0)
            world.roads.closed.clear()
        await assert_comes(world, task, comes)


@pytest.mark.parametrize(
    ("trouble", "comes"),
    [
        *coded(TO_AN_UPLOAD),
        *cells(
            {**NOT_TAKEN, **UNKNOWN, **NO_ADDRESS, "a failure at HTTP 200": FAILED_AT_200}, NONSENSE_TO_AN_UPLOAD
        ),
    ],
)  # fmt: skip
@pytest.mark.sampled(every=6)
async def test_an_upload_costs_nothing_and_is_tried_again_unless_it_was_refused(
    tmp_path: Path, trouble: Trouble, comes: Comes
) -> None:
    async with open_image_world(tmp_path, patient=trouble.patient, always_upload=True) as world:
        if trouble.action is None:
            world.roads.closed.add(UPLOAD_HOST)
        else:
            world.lay(UPLOAD, trouble.moment, trouble.action)
        task = await world.world.ask(references=(attachment(world),))
        if trouble.action is None:
            await world.until(task, lambda now: now.failures > 0)
            world.roads.closed.clear()
        await assert_comes(world, task, comes)


@pytest.mark.parametrize("flag", [2, 3])
@pytest.mark.parametrize(
    ("failure", "comes"), FAILURES.items(), ids=[f"{number} {words}"[:40] for number, words in FAILURES]
)
@pytest.mark.sampled(every=6)
async def test_a_task_of_theirs_that_failed_is_told_with_its_reason(
    tmp_path: Path, failure: tuple[int | None, str | None], comes: Comes, flag: int
) -> None:
    number, words = failure
    data = {"successFlag": flag, "errorCode": number, "errorMessage": words, "response": None}
    async with open_image_world(tmp_path) as world:
        world.lay(RECORD, Moment.RECEIVED, says(200, {"code": 200, "msg": "success", "data": data}))
        await assert_comes(world, await world.world.ask(), comes)


@pytest.mark.parametrize(
    "trouble",
    [
        *[pytest.param(code(number), id=str(number)) for number in CREDIT_CODES],
        *[
            pytest.param(fault, id=name)
            for name, fault in {**NOT_TAKEN, **UNKNOWN}.items()
            if fault.action and fault.patient
        ],
    ],
)
@pytest.mark.sampled(every=6)
async def test_creates_go_on_after_a_while_although_nobody_can_say_what_credit_there_is(
    tmp_path: Path, trouble: Trouble
) -> None:
    assert trouble.action is not None
    async with open_image_world(tmp_path) as world:
        world.lay(CREATE, Moment.RECEIVED, says(200, {"code": 402, "msg": "Credits insufficient", "data": None}))
        asked = world.lay(CREDITS, trouble.moment, trouble.action, times=None)
        first = await world.world.ask("first")
        assert (await world.ended(first)).reason == Reason.ACCOUNT_CREDIT
        second = await world.world.ask("second")
        await assert_comes(world, second, Comes(sent=2, operator=Reason.ACCOUNT_CREDIT), within_hours=1)
        assert asked.met


@pytest.mark.parametrize("number", [400, 451])
async def test_a_link_that_the_api_cannot_fetch_is_uploaded_and_the_task_created_once_more(
    tmp_path: Path, number: int
) -> None:
    async with open_image_world(tmp_path) as world:
        message = {400: "Failed to fetch the image", 451: "download of an input image failed"}[number]
        data = {"successFlag": 3, "errorCode": number, "errorMessage": message}
        world.lay(RECORD, Moment.RECEIVED, says(200, {"code": 200, "msg": "success", "data": data}))
        task = await world.world.ask(references=(attachment(world),))
        ended = await world.ended(task)
        assert (ended.state, ended.reason, ended.charged) == (TaskState.CLOSED, None, True)
        assert (world.count("/generate"), world.count("/file-stream-upload")) == (2, 1)
        assert len(world.told(task)) == 1


ENDLESS: Mapping[str, tuple[str, Trouble, Comes]] = {
    "creates are throttled": (
        CREATE, code(429), Comes(reason=Reason.SERVICE_FAULT, words="is having trouble", charged=False, sent=None),
    ),
    "creates are faulty": (CREATE, code(500), replace(FAULT, sent=3)),
    "uploads are not answered": (UPLOAD, answered("", 502), replace(FAULT, sent=0)),
    "records are not there": (
        RECORD, code(422, "The record does not exist"), Comes(reason=Reason.LOST, words="no answer for a whole day"),
    ),
    "records never change": (
        RECORD,
        Trouble(action=says(200, {"code": 200, "data": {"successFlag": 0, "progress": "0.00"}})),
        Comes(reason=Reason.LOST, words="no answer for a whole day"),
    ),
    "successes name no picture": (
        RECORD,
        Trouble(action=says(200, {"code": 200, "data": {"successFlag": 1, "response": {"resultUrls": []}}})),
        Comes(reason=Reason.NO_PICTURES, words="said it was done but sent no picture"),
    ),
}  # fmt: skip


@pytest.mark.parametrize(("route", "trouble", "comes"), ENDLESS.values(), ids=ENDLESS)
@pytest.mark.sweep
async def test_what_never_passes_ends_with_an_answer_within_a_day(
    tmp_path: Path, route: str, trouble: Trouble, comes: Comes
) -> None:
    assert trouble.action is not None
    async with open_image_world(tmp_path, always_upload=route is UPLOAD) as world:
        world.lay(route, trouble.moment, trouble.action, times=None)
        task = await world.world.ask(references=(attachment(world),) if route is UPLOAD else ())
        await assert_comes(world, task, comes)


@pytest.mark.sweep
async def test_while_nobody_listens_all_wait_and_go_on_by_themselves(tmp_path: Path) -> None:
    async with open_image_world(tmp_path) as world:
        with capture_logs() as logs:
            made = await world.world.ask("made already", asker_id=1)
            await world.until(made, lambda now: now.state is TaskState.GENERATING)
            world.roads.closed.add(API_HOST)
            tasks = [await world.world.ask(f"{number}", asker_id=number) for number in range(2, 5)]
            for _ in range(300):
                await world.world.engine.step()
                world.clock.turn(2)
            states = [(await world.world.now(task)).state for task in tasks]
            assert states == [TaskState.QUEUED] * 3
            waiting = {card.task.id for card in world.world.discord.shown if card.paused is Reason.SERVICE_UNREACHABLE}
            assert waiting >= {task.id for task in tasks}
            world.roads.closed.clear()
            for task in (made, *tasks):
                ended = await world.ended(task, within_hours=0.5)
                assert (ended.state, ended.reason, len(world.told(task))) == (TaskState.CLOSED, None, 1)
        said = [entry["event"] for entry in logs]
        assert [len([line for line in said if words in line]) for words in ("API unreachable", "API back")] == [1, 1]
        assert world.count("/generate") == 4


@pytest.mark.parametrize("call", Call)
def test_every_code_that_means_something_has_its_row(call: Call) -> None:
    tables = {Call.CREATE: TO_A_CREATE, Call.QUESTION: TO_A_RECORD, Call.TRANSFER: TO_AN_UPLOAD}
    unknown = type(codes.broken(call, ""))
    known = {number for number in range(1100) if type(codes.refusal(call, number, "")) is not unknown}
    assert known
    assert known <= tables[call].keys()


def test_every_status_that_counts_without_a_body_has_its_row() -> None:
    pages = {"a page at 401", "a page at 403", "a page at 404", "a page at 429"}
    unknown = type(codes.broken(Call.CREATE, ""))
    known = {number for number in range(1100) if type(codes.unread(Call.CREATE, number)) is not unknown}
    assert {f"a page at {number}" for number in known} == pages
    assert pages <= NONSENSE_TO_A_CREATE.keys()


def test_every_reason_for_a_failure_has_its_row() -> None:
    known = {Reason.POLICY, Reason.REFERENCE_POLICY, *refusal_words.PICTURE_FAULTS}
    assert known < {comes.reason for comes in FAILURES.values()}


def attachment(world: ImageWorld) -> NewReference:
    """Return a reference whose own address is dead, so that the bot has to upload a copy."""
    return replace(world.world.attach("cat.png", png("orange")), url=f"{world.emulator.url}/gone.png")


async def assert_comes(world: ImageWorld, task: Task, comes: Comes, *, within_hours: float = 26.0) -> None:
    ended = await world.ended(task, within_hours=within_hours)
    assert (ended.state, ended.reason) == (TaskState.CLOSED, comes.reason)
    assert [message.reason for message in world.told(task)] == [comes.reason]
    if comes.reason is not None:
        assert comes.words in explain(comes.reason, ended.reason_parameters, texts_in(ended.locale))
    assert ended.charged is comes.charged
    assert world.count("/generate") == comes.sent or comes.sent is None
    assert len(world.emulator.creates) <= 1
    assert world.world.discord.told_operator == ([comes.operator] if comes.operator else [])
