"""Parse the envelope of the image API's answers, and what is in it, except records."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from bot.kie.wire import Created, Credits, Envelope, Uploaded, tidy

ADDRESS = "https://tempfile.aiquickdraw.com/s/5fd1b68dbca66cddf73654e72e2094ea_0_1774788516_2971.png"


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


def test_of_a_very_long_message_only_the_beginning_is_looked_at() -> None:
    envelope = Envelope.read(json.dumps({"code": 400, "msg": "?" * 500_000}).encode())
    assert envelope is not None
    assert len(envelope.msg) == 2000


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
