"""Test the image API's client with a real server: what it sends, and how it handles each answer and no answer."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from typing import Any

import aiohttp
import pytest
from pydantic import SecretStr

from bot.engine.ports import CreateRequest, ImageAPI, Record, RecordStatus
from bot.errors import AccountRefused, Reason, Refused, ServerFault, Throttled, Unavailable, Unconfirmed
from bot.kie.client import KieClient
from storage.catalogue import WireForm, catalogue
from storage.models import PictureRequest
from tests.kie.kie_server import KEY, LAKE, Answer, KieServer, error_of, kie_client, kie_server

CREATED = '{"code":200,"msg":"success","data":{"taskId":"5fd1b68dbca66cddf73654e72e2094ea"}}'
RUNNING = r"""{"code":200,"msg":"success","data":{"taskId":"5fd1b68dbca66cddf73654e72e2094ea",
 "paramJson":"{\"enableFallback\":false,\"fileUrlOrPromptNotEmpty\":true,\"nVariantsValid\":true,\"size\":\"1:1\"}",
 "completeTime":null,"response":null,"successFlag":0,"status":"GENERATING",
 "errorCode":null,"errorMessage":null,"createTime":1774788500000,"progress":"0.00"}}"""
RESULT = "https://tempfile.aiquickdraw.com/s/5fd1b68dbca66cddf73654e72e2094ea_0_1774788516_2971.png"
DONE = f"""{{"code":200,"msg":"success","data":{{"taskId":"5fd1b68dbca66cddf73654e72e2094ea","paramJson":"{{}}",
 "completeTime":1774788518000,"response":{{"resultUrls":["{RESULT}"]}},"successFlag":1,"status":"SUCCESS",
 "errorCode":null,"errorMessage":null,"createTime":1774788500000,"progress":"1.00"}}}}"""
UNKNOWN = '{"code":422,"msg":"The record does not exist","data":null}'
WRONG_KEY = (
    '{"code":401,"msg":"Unauthorized – Authentication failed. Please check that your Authorization and Content-Type '
    'headers are correctly set."}'
)
NO_CREDIT = (
    '{"code":402,"msg":"Credits insufficient : Your current balance isn’t enough to run this request. Please top up to '
    'continue.","data":null}'
)
TOO_FAST = '{"code":429,"msg":"Your call frequency is too high. Please try again later.","data":null}'
UPLOADED = """{"success":true,"code":200,"msg":"File uploaded successfully","data":{"success":true,
 "fileName":"test.png","filePath":"kieai/1/images/test-uploads/test.png",
 "downloadUrl":"https://tempfile.redpandaai.co/kieai/1/images/test-uploads/test.png",
 "fileSize":70,"mimeType":"image/png","uploadedAt":"2026-04-16T07:19:12.862Z"}}"""
NOT_UPLOADED = '{"success":false,"code":400,"msg":"Missing required parameter: fileUrl (file download URL)"}'
HTML = "<!DOCTYPE html><html><body>Bad gateway</body></html>"

CODES = (0, 201, 400, 401, 402, 403, 404, 405, 408, 413, 415, 422, 429, 433, 451, 455, 500, 501, 503, 505, 550, 1010)

Ask = Callable[[KieClient], Awaitable[object]]
Expected = tuple[type[Exception], Reason | None]

INVALID: Expected = (Refused, Reason.INVALID_REQUEST)
WRONG: Expected = (AccountRefused, Reason.ACCOUNT_KEY)
POOR: Expected = (AccountRefused, Reason.ACCOUNT_CREDIT)
LATER: Expected = (Throttled, None)
TO_A_CREATE: dict[int, Expected] = {
    **dict.fromkeys((400, 403, 404, 422), INVALID),
    **dict.fromkeys((429, 455, 550), LATER),
    401: WRONG,
    402: POOR,
    433: (Refused, Reason.ACCOUNT_QUOTA),
    500: (ServerFault, None),
}
TO_A_QUESTION: dict[int, Expected] = {**dict.fromkeys((429, 455, 550), LATER), 401: WRONG}
TO_A_TRANSFER: dict[int, Expected] = {
    **dict.fromkeys((400, 403, 404, 405, 413, 415, 422), INVALID),
    **dict.fromkeys((429, 455, 550), LATER),
    401: WRONG,
    402: POOR,
    433: (Refused, Reason.ACCOUNT_QUOTA),
    451: (Refused, Reason.API_REFERENCE_UNFETCHABLE),
}


def create(client: KieClient) -> Awaitable[object]:
    return client.create(LAKE)


def asking(key: str, **asked: Any) -> CreateRequest:
    values: dict[str, Any] = {"prompt": "A serene mountain lake", "size": "1:1", "variants": 1}
    return CreateRequest(request=PictureRequest(model=key, **(values | asked)))


def create_of(key: str) -> Ask:
    return lambda client: client.create(asking(key))


CREATES: dict[str, Ask] = {"create": create, "flux": create_of("flux-kontext"), "job": create_of("nano-banana")}
QUESTIONS: dict[str, Ask] = {"record": lambda client: client.record("5fd1"), "credits": lambda client: client.credits()}
TRANSFERS: dict[str, Ask] = {
    "upload": lambda client: client.upload("a.png", "image/png", b"png"),
    "direct_link": lambda client: client.direct_link("5fd1", RESULT),
    "direct_link_of_a_job": lambda client: client.direct_link("5fd1", RESULT, WireForm.JOBS),
}
EVERY_CODE = [
    *(
        pytest.param(ask, code, TO_A_CREATE.get(code, (Unconfirmed, None)), id=f"{name}-{code}")
        for name, ask in CREATES.items()
        for code in CODES
    ),
    *(
        pytest.param(ask, code, TO_A_QUESTION.get(code, (Unavailable, None)), id=f"{name}-{code}")
        for name, ask in QUESTIONS.items()
        for code in CODES
    ),
    *(
        pytest.param(ask, code, TO_A_TRANSFER.get(code, (Unavailable, None)), id=f"{name}-{code}")
        for name, ask in TRANSFERS.items()
        for code in CODES
    ),
]


@pytest.fixture
async def server() -> AsyncIterator[KieServer]:
    async with kie_server() as server:
        yield server


@pytest.fixture
async def client(server: KieServer) -> AsyncIterator[KieClient]:
    async with kie_client(server.url) as client:
        yield client


def kind_of(error: Exception) -> Expected:
    return type(error), getattr(error, "reason", None)


def test_the_client_fulfils_the_engines_port(client: KieClient) -> None:
    port: ImageAPI = client
    assert port is client


async def test_the_recorded_create_gives_the_task_id(server: KieServer, client: KieClient) -> None:
    server.say(CREATED)
    assert await client.create(LAKE) == "5fd1b68dbca66cddf73654e72e2094ea"
    [asked] = server.asked
    assert (asked.method, asked.path) == ("POST", "/api/v1/gpt4o-image/generate")
    assert asked.headers["Authorization"] == f"Bearer {KEY}"
    assert asked.headers["User-Agent"].startswith("Atelier/")
    assert asked.headers["Content-Type"] == "application/json"
    assert json.loads(asked.body)["prompt"] == "A serene mountain lake"


async def test_the_recorded_records_pass_unchanged_in_meaning(server: KieServer, client: KieClient) -> None:
    server.say(RUNNING, DONE)
    assert await client.record("a b&c") == Record(status=RecordStatus.RUNNING, prompt="")
    assert await client.record("5fd1") == Record(status=RecordStatus.SUCCEEDED, progress=1.0, urls=(RESULT,), prompt="")
    assert (server.asked[0].method, server.asked[0].path) == ("GET", "/api/v1/gpt4o-image/record-info")
    assert server.asked[0].query == {"taskId": "a b&c"}


@pytest.mark.parametrize(
    "said", [UNKNOWN, '{"code":422,"msg":"record is null"}', '{"code":200,"msg":"success","data":null}', '{"code":200}']
)
async def test_a_record_that_is_not_there_is_missing(server: KieServer, client: KieClient, said: str) -> None:
    server.say(said)
    assert (await client.record("5fd1")).status is RecordStatus.MISSING


@pytest.mark.parametrize("data", ["soon", 7, [], {}, {"successFlag": None}, {"successFlag": "soon"}])
async def test_a_record_that_cannot_be_read_is_asked_again(server: KieServer, client: KieClient, data: object) -> None:
    server.say(json.dumps({"code": 200, "data": data}))
    assert kind_of(await error_of(client.record("5fd1"))) == (Unavailable, None)


@pytest.mark.parametrize("said", [WRONG_KEY, NO_CREDIT, TOO_FAST])
async def test_recorded_refusals_of_a_create_are_explicit(server: KieServer, client: KieClient, said: str) -> None:
    server.say(said)
    error = await error_of(create(client))
    assert kind_of(error) == TO_A_CREATE[json.loads(said)["code"]]
    assert json.loads(said)["msg"] in str(error)


async def test_the_recorded_upload_gives_an_address(server: KieServer, client: KieClient) -> None:
    server.say(UPLOADED)
    data = bytes(range(256)) * 8192
    found = await client.upload('mein "Bild" ü.png', "image/png", data)
    assert found == "https://tempfile.redpandaai.co/kieai/1/images/test-uploads/test.png"
    [asked] = server.asked
    assert (asked.method, asked.path) == ("POST", "/api/file-stream-upload")
    assert asked.headers["Content-Type"].startswith("multipart/form-data")
    assert data in asked.body
    assert b'name="file"; filename="' in asked.body
    assert b'name="uploadPath"\r\n\r\natelier\r\n' in asked.body
    assert b"_.png" in asked.body


async def test_two_uploads_of_one_name_do_not_overwrite_each_other(server: KieServer, client: KieClient) -> None:
    server.say(UPLOADED)
    for _ in range(2):
        await client.upload("a.png", "image/png", b"png")
    first, second = (_name_in(asked.body) for asked in server.asked)
    assert first != second
    assert first.endswith(b"a.png")
    assert second.endswith(b"a.png")


def _name_in(form: bytes) -> bytes:
    """Return the name that an upload gives to its file."""
    found = re.search(rb'name="fileName"\r\n\r\n(.+)\r\n', form)
    assert found is not None
    return found[1]


async def test_the_recorded_upload_failure_at_http_200_is_a_refusal(server: KieServer, client: KieClient) -> None:
    server.say(NOT_UPLOADED)
    error = await error_of(client.upload("a.png", "image/png", b"png"))
    assert kind_of(error) == INVALID
    assert str(error) == "400: Missing required parameter: fileUrl (file download URL)"


async def test_recorded_credits_may_be_a_fraction(server: KieServer, client: KieClient) -> None:
    server.say('{"code":200,"msg":"success","data":5916.25}')
    assert await client.credits() == 5916.25
    assert server.asked[0].path == "/api/v1/chat/credit"


async def test_a_direct_link_is_a_plain_string(server: KieServer, client: KieClient) -> None:
    server.say('{"code":200,"msg":"success","data":"https://b.r2.cloudflarestorage.com/a.png?X-Amz-Expires=1200"}')
    assert await client.direct_link("5fd1", RESULT) == "https://b.r2.cloudflarestorage.com/a.png?X-Amz-Expires=1200"
    assert json.loads(server.asked[0].body) == {"taskId": "5fd1", "url": RESULT}


@pytest.mark.parametrize(("ask", "code", "expected"), EVERY_CODE)
async def test_every_code_means_one_thing_to_each_call_whatever_http_says(
    server: KieServer, client: KieClient, ask: Ask, code: int, expected: Expected
) -> None:
    body = json.dumps({"code": str(code), "msg": "They said no", "data": None})
    for status in (200, code if 400 <= code < 600 else 502):
        server.say(Answer(status=status, body=body))
        assert kind_of(await error_of(ask(client))) == expected


@pytest.mark.parametrize(("status", "code"), [(500, 429), (429, 500), (404, 402), (200, 400)])
async def test_the_code_in_the_body_is_believed_before_http(
    server: KieServer, client: KieClient, status: int, code: int
) -> None:
    server.say(Answer(status=status, body=json.dumps({"code": code, "msg": ""})))
    assert kind_of(await error_of(create(client))) == TO_A_CREATE[code]


TURNED_AWAY: Expected = (Refused, Reason.SERVICE_FAULT)
BARE = {401: WRONG, 403: TURNED_AWAY, 404: TURNED_AWAY, 429: LATER}


@pytest.mark.parametrize("body", [HTML, "error code: 1010", "", '{"status":404}'])
@pytest.mark.parametrize(
    "status", [200, 201, 204, 301, 304, 400, 401, 402, 403, 404, 405, 408, 413, 422, 429, 500, 502]
)
async def test_only_a_status_said_before_any_handler_ran_refuses_a_create_without_a_body(
    server: KieServer, client: KieClient, status: int, body: str
) -> None:
    server.say(Answer(status=status, body=body, content_type="text/html"))
    assert kind_of(await error_of(create(client))) == BARE.get(status, (Unconfirmed, None))


@pytest.mark.parametrize(
    ("status", "expected"),
    [(200, Unavailable), (403, Unavailable), (404, Unavailable), (429, Throttled), (502, Unavailable)],
)
async def test_html_to_a_question_may_pass(
    server: KieServer, client: KieClient, status: int, expected: type[Exception]
) -> None:
    server.say(Answer(status=status, body=HTML, content_type="text/html"))
    assert type(await error_of(client.record("5fd1"))) is expected


@pytest.mark.parametrize(
    ("said", "seconds"), [("7", 7.0), ("999999999", 3600.0), ("soon", None), ("-1", None), ("²", None)]
)
async def test_retry_after_is_handed_on(server: KieServer, client: KieClient, said: str, seconds: float | None) -> None:
    server.say(Answer(status=429, body=TOO_FAST, headers={"Retry-After": said}))
    error = await error_of(create(client))
    assert isinstance(error, Throttled)
    assert (error.retry_after and error.retry_after.total_seconds()) == seconds


@pytest.mark.parametrize(
    "said", ['{"code":200,"msg":"success","data":null}', '{"code":200,"data":{"taskId":""}}', "[]", "{"]
)
async def test_a_success_without_a_task_id_is_unconfirmed(server: KieServer, client: KieClient, said: str) -> None:
    server.say(said)
    assert type(await error_of(create(client))) is Unconfirmed


@pytest.mark.parametrize(("ask", "expected"), [(create, Unconfirmed), (QUESTIONS["record"], Unavailable)])
async def test_an_endless_answer_is_not_read(
    server: KieServer, client: KieClient, ask: Ask, expected: type[Exception]
) -> None:
    long = json.dumps({"code": 200, "msg": "x" * 2**20, "data": {"taskId": "5fd1"}})
    server.say(long)
    assert type(await error_of(ask(client))) is expected


# -- the three wire forms ----------------------------------------------------------------------------------------------
JOB_CREATED = '{"code":200,"msg":"success","data":{"taskId":"366e","recordId":"366e"}}'
PATHS = {
    "4o": "/api/v1/gpt4o-image/generate",
    "flux-kontext": "/api/v1/flux/kontext/generate",
    "flux-kontext-max": "/api/v1/flux/kontext/generate",
    "gpt-image": "/api/v1/jobs/createTask",
    "grok": "/api/v1/jobs/createTask",
}


@pytest.mark.parametrize(("key", "path"), PATHS.items())
async def test_a_create_goes_to_the_endpoint_of_its_model(
    server: KieServer, client: KieClient, key: str, path: str
) -> None:
    server.say(JOB_CREATED)
    assert await client.create(asking(key)) == "366e"
    [asked] = server.asked
    assert (asked.method, asked.path) == ("POST", path)
    assert asked.headers["Authorization"] == f"Bearer {KEY}"


async def test_the_settings_of_the_operator_are_sent(server: KieServer) -> None:
    server.say(JOB_CREATED)
    async with aiohttp.ClientSession() as session:
        client = KieClient(
            session, api_key=SecretStr(KEY), api_url=server.url, upload_url=server.url, result_hosts=(),
            upload_cn=True, fallback_model="GPT_IMAGE_1",
        )  # fmt: skip
        await client.create(LAKE)
        await client.create(asking("flux-kontext"))
    own, flux = (json.loads(asked.body) for asked in server.asked)
    assert (own["uploadCn"], own["fallbackModel"]) == (True, "GPT_IMAGE_1")
    assert flux["uploadCn"] is True
    assert "fallbackModel" not in flux


@pytest.mark.parametrize("form", [WireForm.FOUR_O, WireForm.JOBS])
@pytest.mark.parametrize("setting", ["own", "jobs"])
async def test_a_task_of_4o_is_made_by_the_form_it_was_begun_with_whatever_the_setting_says_now(
    server: KieServer, form: WireForm, setting: str
) -> None:
    server.say(JOB_CREATED)
    async with aiohttp.ClientSession() as session:
        client = KieClient(
            session, api_key=SecretStr(KEY), api_url=server.url, upload_url=server.url, result_hosts=(),
            models=catalogue(four_o=setting),
        )  # fmt: skip
        await client.create(replace(LAKE, form=form))
        await client.create(LAKE)
    paths = {WireForm.FOUR_O: PATHS["4o"], WireForm.JOBS: PATHS["grok"]}
    default = WireForm.FOUR_O if setting == "own" else WireForm.JOBS
    assert [asked.path for asked in server.asked] == [paths[form], paths[default]]


@pytest.mark.parametrize(
    "create",
    [
        asking("a-model-of-another-release"),
        asking("4o", size="16:9"),
        asking("flux-kontext", resolution="2K"),
        replace(asking("z-image"), files=("https://a.test/1",)),
        replace(asking("4o"), form=WireForm.JOBS, files=("https://a.test/1",), mask="https://a.test/m"),
        replace(asking("grok"), form=WireForm.FOUR_O),
        replace(asking("grok"), form="of another release"),
    ],
)
async def test_what_a_model_cannot_make_is_refused_and_not_sent(
    server: KieServer, client: KieClient, create: CreateRequest
) -> None:
    assert kind_of(await error_of(client.create(create))) == UNAVAILABLE
    assert server.asked == []


UNAVAILABLE: Expected = (Refused, Reason.MODEL_UNAVAILABLE)
NO_MODEL = (
    "The model name you specified is not supported. Please verify your input and use one of the supported models "
    "provided by KIE."
)


@pytest.mark.parametrize("ask", CREATES.values(), ids=list(CREATES))
@pytest.mark.parametrize(
    ("code", "words"),
    [
        (500, "This field is required"),
        (500, "This aspect_ratio is not within the range of allowed options"),
        (500, "The page does not exist"),
        (422, NO_MODEL),
        (404, NO_MODEL),
        (500, NO_MODEL),
        (500, "The security tolerance level is out of range and should be 0-2 or 0-6"),
    ],
)
async def test_a_create_that_can_never_work_is_refused_for_its_model(
    server: KieServer, client: KieClient, ask: Ask, code: int, words: str
) -> None:
    server.say(json.dumps({"code": code, "msg": words, "data": None}))
    error = await error_of(ask(client))
    assert kind_of(error) == UNAVAILABLE
    assert words[:50] in str(error)


RECORDS = {
    WireForm.FOUR_O: "/api/v1/gpt4o-image/record-info",
    WireForm.FLUX: "/api/v1/flux/kontext/record-info",
    WireForm.JOBS: "/api/v1/jobs/recordInfo",
}
JOB_RUNNING = r"""{"code":200,"msg":"success","data":{"taskId":"366e","model":"gpt-image-2-5-flare-text-to-image",
 "state":"generating","param":"{\"input\":\"{\\\"size\\\":\\\"1:1\\\",\\\"prompt\\\":\\\"a lake\\\"}\"}",
 "resultJson":"","failCode":null,"failMsg":null,"costTime":null,"completeTime":null,"createTime":1789126694807,
 "creditsConsumed":6.0,"operationType":"gpt-image-2-5-flare-text-to-image","successFlag":0}}"""


@pytest.mark.parametrize(("form", "path"), RECORDS.items())
async def test_a_record_is_asked_of_the_endpoint_that_made_the_job(
    server: KieServer, client: KieClient, form: WireForm, path: str
) -> None:
    server.say(JOB_RUNNING)
    record = await client.record("366e", form.value)
    assert (server.asked[0].path, server.asked[0].query) == (path, {"taskId": "366e"})
    if form is WireForm.JOBS:
        assert record == Record(status=RecordStatus.RUNNING, prompt="a lake", credits=6.0)


@pytest.mark.parametrize("form", WireForm)
@pytest.mark.parametrize(
    "said",
    [
        '{"code":422,"msg":"recordInfo is null","data":null}',
        '{"code":404,"msg":"Task not found","data":null}',
        UNKNOWN,
        '{"code":200,"msg":"success","data":null}',
    ],
)
async def test_a_record_that_is_not_there_is_missing_in_each_form(
    server: KieServer, client: KieClient, form: WireForm, said: str
) -> None:
    server.say(said)
    assert (await client.record("5fd1", form)).status is RecordStatus.MISSING


@pytest.mark.parametrize("said", [Answer(status=404, body=HTML), '{"code":404,"msg":"The page does not exist"}'])
async def test_a_path_that_is_not_there_says_nothing_about_a_record(
    server: KieServer, client: KieClient, said: Answer | str
) -> None:
    server.say(said)
    assert type(await error_of(client.record("5fd1", WireForm.JOBS))) is Unavailable


@pytest.mark.parametrize(
    ("form", "failed"), [(WireForm.FOUR_O, set()), (WireForm.FLUX, {501}), (WireForm.JOBS, {408, 501})]
)
async def test_only_codes_that_mean_the_end_of_a_task_end_it(
    server: KieServer, client: KieClient, form: WireForm, failed: set[int]
) -> None:
    for code in (408, 501):
        server.say(json.dumps({"code": code, "msg": f"Generation failed for {KEY}"}))
        if code in failed:
            record = await client.record("5fd1", form)
            assert (record.status, record.reason) == (RecordStatus.FAILED, Reason.GENERATION_FAILED)
            assert KEY not in record.message
        else:
            assert type(await error_of(client.record("5fd1", form))) is Unavailable
        server.say(Answer(status=code, body=HTML))
        assert type(await error_of(client.record("5fd1", form))) is Unavailable


@pytest.mark.parametrize("form", [WireForm.FLUX, WireForm.JOBS])
async def test_a_direct_link_of_the_other_forms_comes_from_the_common_endpoint(
    server: KieServer, client: KieClient, form: WireForm
) -> None:
    server.say('{"code":200,"msg":"success","data":"https://b.test/a.png?X-Amz-Expires=1200"}')
    assert await client.direct_link("366e", RESULT, form) == "https://b.test/a.png?X-Amz-Expires=1200"
    assert server.asked[0].path == "/api/v1/common/download-url"
    assert json.loads(server.asked[0].body) == {"url": RESULT}


async def test_a_record_without_what_is_needed_says_nothing_of_what_was_asked(
    server: KieServer, client: KieClient
) -> None:
    server.say(JOB_RUNNING.replace('"generating"', '"thinking"').replace('"successFlag":0', '"successFlag":null'))
    error = await error_of(client.record("366e", WireForm.JOBS))
    assert (type(error), str(error), error.__cause__) == (Unavailable, "200 without a readable record", None)
