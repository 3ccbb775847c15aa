"""Parse the image API's answers: recorded exchanges first, then the known variations of their format."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from bot.engine.ports import CreateRequest, Record, RecordStatus
from bot.errors import Reason
from bot.kie.wire import Created, Credits, Envelope, RecordInfo, Uploaded, create_body, tidy
from storage.models import PictureRequest

LAKE = "A serene mountain lake"
ADDRESS = "https://tempfile.aiquickdraw.com/s/5fd1b68dbca66cddf73654e72e2094ea_0_1774788516_2971.png"


def record(**changes: object) -> Record:
    """Return the recorded running record with changes."""
    data: dict[str, object] = {
        "taskId": "5fd1b68dbca66cddf73654e72e2094ea",
        "paramJson": '{"enableFallback":false,"prompt":"A serene mountain lake","size":"1:1"}',
        "completeTime": None,
        "response": None,
        "successFlag": 0,
        "status": "GENERATING",
        "errorCode": None,
        "errorMessage": None,
        "createTime": 1774788500000,
        "progress": "0.00",
    }
    return RecordInfo.model_validate(data | changes).as_record()


def failed(code: object, message: object, flag: object = 3) -> Record:
    return record(successFlag=flag, status="GENERATE_FAILED", errorCode=code, errorMessage=message)


@pytest.mark.parametrize("data", [None, "text", 5916.25, 0, {"a": 1}, [1], True])
def test_an_envelope_may_hold_anything(data: object) -> None:
    envelope = Envelope.read(json.dumps({"code": 200, "msg": "success", "data": data}).encode())
    assert envelope is not None
    assert (envelope.code, envelope.msg, envelope.data) == (200, "success", data)


def test_an_envelope_may_lack_data_and_words_and_have_its_code_as_text() -> None:
    assert Envelope.read(b'{"code":"401"}') == Envelope(code=401, msg="", data=None)
    assert Envelope.read(b'{"code":402,"msg":null,"surprise":[]}') == Envelope(code=402)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<!DOCTYPE html><html></html>",
        b"error code: 1010",
        b'{"code":200,"msg":"succ',
        b'{"status":404,"error":"Not Found"}',
        b'{"code":null}',
        b'{"code":"soon"}',
        b"[200]",
        b"200",
        b"null",
        b"\xff\xfe",
        b"[" * 10_000,
    ],
)
def test_what_has_no_readable_code_is_no_envelope(body: bytes) -> None:
    assert Envelope.read(body) is None


@given(st.binary(max_size=300))
def test_reading_an_envelope_never_raises(body: bytes) -> None:
    envelope = Envelope.read(body)
    assert envelope is None or isinstance(envelope.code, int)


def test_the_recorded_running_record_runs() -> None:
    assert record() == Record(status=RecordStatus.RUNNING, progress=0.0, prompt=LAKE)


def test_the_recorded_done_record_has_its_picture() -> None:
    done = record(
        completeTime=1774788518000,
        response={"resultUrls": [ADDRESS]},
        successFlag=1,
        status="SUCCESS",
        progress="1.00",
    )
    assert done == Record(status=RecordStatus.SUCCEEDED, progress=1.0, urls=(ADDRESS,), prompt=LAKE)


@pytest.mark.parametrize(
    ("parameters", "prompt", "files"),
    [
        ('{"prompt":"a door","filesUrl":["https://a.test/1.png"]}', "a door", ("https://a.test/1.png",)),
        ('{"filesUrl":"[\\"https://a.test/1.png\\"]"}', "", ("https://a.test/1.png",)),
        ({"prompt": "a door", "filesUrl": None}, "a door", ()),
        ('{"prompt":null,"filesUrl":[1,{"a":2}]}', "", ()),
        ('{"prompt":["a door"]}', None, ()),
        ("nonsense", None, ()),
        ("[" * 100_000, None, ()),
        (None, None, ()),
        (7, None, ()),
    ],
)
def test_a_record_says_what_was_asked_where_that_can_be_read(
    parameters: object, prompt: str | None, files: tuple[str, ...]
) -> None:
    found = record(paramJson=parameters)
    assert (found.prompt, found.files) == (prompt, files)


@pytest.mark.parametrize(
    "response",
    [
        {"resultUrls": [ADDRESS]},
        {"result_urls": [ADDRESS]},
        {"resultUrls": [], "result_urls": [ADDRESS]},
        {"resultUrls": None, "result_urls": [ADDRESS]},
        json.dumps({"resultUrls": [ADDRESS]}),
        json.dumps({"result_urls": [ADDRESS]}),
        {"resultUrls": json.dumps([ADDRESS])},
        {"resultUrls": ADDRESS},
        {"resultUrls": [f'"{ADDRESS}"']},
        {"resultUrls": [f" '{ADDRESS}' "]},
        {"resultUrls": [ADDRESS, None, "", 7, '""'], "other": 1},
    ],
)
def test_result_addresses_are_found_in_every_form(response: object) -> None:
    assert record(successFlag=1, response=response).urls == (ADDRESS,)


def test_the_order_of_variants_is_kept() -> None:
    names = [f"https://a.test/{number}.png" for number in range(4)]
    assert record(successFlag=1, response={"resultUrls": names}).urls == tuple(names)


@pytest.mark.parametrize("response", [None, "", "soon", {}, [], 7, {"resultUrls": {}}, {"resultUrls": []}, "[" * 9999])
def test_a_success_that_names_no_picture_is_a_success_without_addresses(response: object) -> None:
    done = record(successFlag=1, response=response)
    assert (done.status, done.urls) == (RecordStatus.SUCCEEDED, ())


@pytest.mark.parametrize(
    ("flag", "status"),
    [
        (0, RecordStatus.RUNNING),
        ("0", RecordStatus.RUNNING),
        (1, RecordStatus.SUCCEEDED),
        ("1", RecordStatus.SUCCEEDED),
        (2, RecordStatus.FAILED),
        (3, RecordStatus.FAILED),
        ("3", RecordStatus.FAILED),
        (-1, RecordStatus.FAILED),
        (99, RecordStatus.FAILED),
    ],
)
def test_zero_runs_one_is_done_and_every_other_flag_failed(flag: object, status: RecordStatus) -> None:
    found = record(successFlag=flag)
    assert found.status is status
    assert (found.reason is not None) == (status is RecordStatus.FAILED)


@pytest.mark.parametrize("flag", [None, "soon", {}, ""])
def test_a_record_without_a_readable_flag_is_not_taken_for_an_outcome(flag: object) -> None:
    with pytest.raises(ValidationError):
        record(successFlag=flag)


@pytest.mark.parametrize(
    ("said", "progress"),
    [
        ("0.48", 0.48),
        (0.48, 0.48),
        ("1.00", 1.0),
        (1, 1.0),
        (None, 0.0),
        ("", 0.0),
        ("half", 0.0),
        ("nan", 0.0),
        ("inf", 0.0),
        ("-0.5", 0.0),
        (48, 0.0),
        (10**400, 0.0),
        ({}, 0.0),
    ],
)
def test_progress_is_read_as_text_or_number_and_is_zero_where_it_makes_no_sense(said: object, progress: float) -> None:
    assert record(progress=said).progress == progress


@pytest.mark.parametrize(
    ("code", "message", "reason"),
    [
        (400, "The image content in filesUrl violates content policy", Reason.REFERENCE_POLICY),
        (400, "content of the filesUrl image violates policy", Reason.REFERENCE_POLICY),
        (500, "Your input image may contain content that is not allowed by our safety system", Reason.REFERENCE_POLICY),
        (400, "Image size exceeds maximum of 26214400 bytes", Reason.API_REFERENCE_TOO_LARGE),
        (
            400,
            "We couldn't process the provided image file (code=invalid_image_format)",
            Reason.API_REFERENCE_FORMAT,
        ),
        (400, "Your content was flagged by OpenAI as violating content policies", Reason.POLICY),
        ("400", "Your content was flagged by OpenAI as violating content policies.", Reason.POLICY),
        (None, "Your content was flagged by OpenAI as violating content policies.", Reason.POLICY),
        (400, "The generated image violates content policies", Reason.POLICY),
        (
            400,
            "Failed to fetch the image. Kindly verify any access limits set by you or your service provider",
            Reason.API_REFERENCE_UNFETCHABLE,
        ),
        (451, None, Reason.API_REFERENCE_UNFETCHABLE),
        ("451", "download of an input image failed", Reason.API_REFERENCE_UNFETCHABLE),
        (500, "Failed to get user token", Reason.GENERATION_FAILED),
        (500, "Please try again later", Reason.GENERATION_FAILED),
        (500, "Failed to generate image", Reason.GENERATION_FAILED),
        (500, "GPT 4O failed to edit the picture", Reason.GENERATION_FAILED),
        (500, None, Reason.GENERATION_FAILED),
        (500, "Internal Error, Please try again later.", Reason.GENERATION_FAILED),
        (None, "Internal Error, Please try again later.", Reason.GENERATION_FAILED),
        (400, "", Reason.GENERATION_FAILED),
        ({}, ["odd"], None),
        ("soon", "Failed to generate image", Reason.GENERATION_FAILED),
    ],
)
def test_every_documented_failure_has_its_reason(code: object, message: object, reason: Reason | None) -> None:
    found = failed(code, message)
    assert (found.status, found.reason) == (RecordStatus.FAILED, reason)


def test_a_failure_keeps_their_words_for_the_audit_trail() -> None:
    assert failed(500, "Failed to\n get user token").message == "500 Failed to get user token"
    assert failed(400, "x" * 5000).message == "400 " + "x" * 196


def test_of_a_very_long_message_only_the_beginning_is_looked_at() -> None:
    envelope = Envelope.read(json.dumps({"code": 400, "msg": "?" * 500_000}).encode())
    assert envelope is not None
    assert len(envelope.msg) == 2000
    assert failed(400, " " * 2000 + "violates content policy").reason is Reason.GENERATION_FAILED


def test_words_for_the_log_have_one_line_and_no_queries() -> None:
    said = "no\tpicture\x1b at\nhttps://cdn.test/a.png?ex=1&hm=secret today, really?"
    assert tidy(said) == "no picture at https://cdn.test/a.png today, really?"


@pytest.mark.parametrize("data", [None, {}, {"taskId": None}, {"taskId": " "}, "abc", {"taskId": {}}, []])
def test_a_create_without_an_id_is_not_read_as_one(data: object) -> None:
    with pytest.raises(ValidationError):
        Created.model_validate(data)


def test_an_id_is_opaque_and_may_be_a_number() -> None:
    assert Created.model_validate({"taskId": "task_4o_abc123"}).task_id == "task_4o_abc123"
    assert Created.model_validate({"taskId": 12345, "recordId": "same"}).task_id == "12345"


@pytest.mark.parametrize(
    "data", [None, {"success": False, "downloadUrl": ADDRESS}, {"downloadUrl": ""}, {"downloadUrl": "ftp://a/b"}, {}]
)
def test_an_upload_without_success_and_an_address_is_none(data: object) -> None:
    with pytest.raises(ValidationError):
        Uploaded.model_validate(data)


@pytest.mark.parametrize(("data", "credits_"), [(5916.25, 5916.25), ("12", 12.0), (0, 0.0)])
def test_credits_are_a_number(data: object, credits_: float) -> None:
    assert Credits.model_validate(data).root == credits_


@pytest.mark.parametrize("data", [None, "many", {}, float("nan")])
def test_credits_that_are_no_number_are_not_guessed(data: object) -> None:
    with pytest.raises(ValidationError):
        Credits.model_validate(data)


def test_a_create_says_every_option_and_leaves_out_what_is_not_there() -> None:
    plain = CreateRequest(request=PictureRequest(prompt="a lake", size="3:2", variants=2))
    assert create_body(plain) == {
        "prompt": "a lake",
        "size": "3:2",
        "nVariants": 2,
        "isEnhance": False,
        "enableFallback": False,
    }


def test_a_create_from_pictures_alone_has_no_blank_prompt() -> None:
    request = CreateRequest(
        request=PictureRequest(prompt=" ", size="1:1", variants=1, enhance=True, fallback=True),
        files=("https://a.test/1",),
        mask="https://a.test/m",
    )
    assert create_body(request) == {
        "filesUrl": ["https://a.test/1"],
        "maskUrl": "https://a.test/m",
        "size": "1:1",
        "nVariants": 1,
        "isEnhance": True,
        "enableFallback": True,
    }
