"""Read the records of jobs in each wire form: recorded ones first, then the known variations of their format."""

from __future__ import annotations

import json

import pytest
from pydantic import ValidationError

from bot.engine.ports import Record, RecordStatus
from bot.errors import Reason
from bot.kie.records import JobInfo, RecordInfo, record_of
from bot.kie.wire import Envelope
from storage.catalogue import WireForm

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


def test_of_a_very_long_failure_only_the_beginning_is_looked_at() -> None:
    assert failed(400, " " * 2000 + "violates content policy").reason is Reason.GENERATION_FAILED


# -- Flux --------------------------------------------------------------------------------------------------------------
FLUX_RESULT = "https://tempfile.aiquickdraw.com/r/fluxkontext_5fd1_1774788516_aB3dE6fG.jpg"


def flux(**changes: object) -> Record:
    """Return the recorded running record of Flux with changes: no `status`, no `progress`, times as text."""
    asked = {"prompt": LAKE, "model": "flux-kontext-pro", "outputFormat": "png", "inputImage": "https://a.test/1"}
    data: dict[str, object] = {
        "taskId": "fluxkontext_5fd1b68dbca66cddf73654e72e2094ea",
        "paramJson": json.dumps(asked),
        "completeTime": None,
        "response": None,
        "successFlag": 0,
        "errorCode": None,
        "errorMessage": None,
        "createTime": "2026-03-29 20:48:21",
    }
    return record_of(WireForm.FLUX, Envelope(code=200, data=data | changes))


def test_the_recorded_record_of_flux_runs_without_progress() -> None:
    running = flux()
    assert (running.status, running.progress) == (RecordStatus.RUNNING, 0.0)
    assert (running.prompt, running.files) == (LAKE, ("https://a.test/1",))


@pytest.mark.parametrize("origin", [None, "https://tempfile.aiquickdraw.com/origin.jpg"])
def test_the_one_picture_of_flux_is_its_result_and_not_its_input(origin: str | None) -> None:
    response = {"originImageUrl": origin, "resultImageUrl": FLUX_RESULT}
    done = flux(successFlag=1, completeTime="2026-03-29 20:48:43", response=response)
    assert (done.status, done.urls) == (RecordStatus.SUCCEEDED, (FLUX_RESULT,))


@pytest.mark.parametrize("flag", [2, 3])
@pytest.mark.parametrize(
    ("code", "message", "reason"),
    [
        (400, "Your request was flagged for violating content policy", Reason.POLICY),
        (500, "Internal server error", Reason.GENERATION_FAILED),
        (501, "Image generation failed", Reason.GENERATION_FAILED),
        (501, None, Reason.GENERATION_FAILED),
    ],
)
def test_both_failures_of_flux_have_their_reason(flag: int, code: int, message: str, reason: Reason) -> None:
    found = flux(successFlag=flag, errorCode=code, errorMessage=message)
    assert (found.status, found.reason) == (RecordStatus.FAILED, reason)


# -- jobs --------------------------------------------------------------------------------------------------------------
JOB_ADDRESS = "https://tempfile.aiquickdraw.com/images/chatgpt/file_5fd1b68dbca66cddf73654e72e2094ea.png"
CALLED = "https://bot.test/callbacks/kie/5f3759df-secret"


def param(**given: object) -> str:
    """Return what a record of a job repeats of its create: JSON text in JSON text, keys in the server's order."""
    outer = {"input": json.dumps(given), "callBackUrl": CALLED, "model": "gpt-image-2-5-flare-text-to-image"}
    return json.dumps(outer)


ASKED = param(aspect_ratio="16:9", prompt=LAKE)
RECORDED: dict[str, object] = {
    "taskId": "366e1b68dbca66cddf73654e72e2094e",
    "model": "gpt-image-2-5-flare-text-to-image",
    "state": "generating",
    "param": ASKED,
    "resultJson": "",
    "failCode": None,
    "failMsg": None,
    "costTime": None,
    "completeTime": None,
    "createTime": 1789126694807,
    "creditsConsumed": 6.0,
    "operationType": "gpt-image-2-5-flare-text-to-image",
    "successFlag": 0,
    "paramJson": ASKED,
}
OLDER: dict[str, object] = {
    name: RECORDED[name] for name in ("taskId", "model", "state", "param", "resultJson", "failCode", "failMsg")
}
"""What every recorded job has; older ones have little else."""


def job(base: dict[str, object] = RECORDED, **changes: object) -> Record:
    return record_of(WireForm.JOBS, Envelope(code=200, data=base | changes))


def test_the_recorded_running_job_tells_its_price_already() -> None:
    assert job() == Record(status=RecordStatus.RUNNING, prompt=LAKE, credits=6.0)


def test_an_older_job_without_the_optional_fields_is_read() -> None:
    assert job(OLDER) == Record(status=RecordStatus.RUNNING, prompt=LAKE)


@pytest.mark.parametrize("state", ["waiting", "queuing", "generating", "Generating "])
def test_each_state_before_the_end_runs(state: str) -> None:
    assert job(state=state).status is RecordStatus.RUNNING


@pytest.mark.parametrize(
    "results",
    [
        {"resultJson": json.dumps({"resultUrls": [JOB_ADDRESS]})},
        {"resultJson": {"resultUrls": [JOB_ADDRESS]}},
        {"response": {"resultUrls": [JOB_ADDRESS]}, "resultJson": json.dumps({"resultUrls": ["https://a.test/old"]})},
        {"response": {"resultUrls": [JOB_ADDRESS]}, "resultJson": ""},
        {"response": None, "resultJson": json.dumps({"resultUrls": [JOB_ADDRESS]})},
        {"response": {"resultUrls": []}, "resultJson": json.dumps({"resultUrls": [JOB_ADDRESS]})},
        {"response": "nonsense", "resultJson": json.dumps({"result_urls": JOB_ADDRESS})},
    ],
)
def test_a_done_job_has_its_picture_by_its_response_before_its_text(results: dict[str, object]) -> None:
    done = job({**RECORDED, **results}, state="success", successFlag=1, completeTime=1789126749807, costTime=55)
    assert (done.status, done.urls, done.credits) == (RecordStatus.SUCCEEDED, (JOB_ADDRESS,), 6.0)


def test_all_six_pictures_of_one_job_are_taken_in_their_order() -> None:
    urls = [f"https://tempfile.aiquickdraw.com/r/{number}.jpg" for number in (5, 3, 1, 0, 2, 4)]
    assert job(OLDER, state="success", resultJson=json.dumps({"resultUrls": urls})).urls == tuple(urls)


@pytest.mark.parametrize("told", ["", None, "null", "{}", "soon", 7, [], '{"resultUrls":null}', "[" * 9999])
def test_a_done_job_that_names_no_picture_is_a_success_without_addresses(told: object) -> None:
    done = job(OLDER, state="success", resultJson=told)
    assert (done.status, done.urls) == (RecordStatus.SUCCEEDED, ())


def test_masks_of_segments_are_no_pictures() -> None:
    segments = {"resultObject": {"segments": [{"maskUrl": "https://a.test/seg_2.png", "name": "eyes", "index": 2}]}}
    assert job(OLDER, state="success", resultJson=json.dumps(segments)).urls == ()


@pytest.mark.parametrize(
    ("state", "flag", "status"),
    [
        ("generating", 1, RecordStatus.RUNNING),
        ("waiting", 3, RecordStatus.RUNNING),
        ("success", 0, RecordStatus.SUCCEEDED),
        ("fail", 0, RecordStatus.FAILED),
        ("", 0, RecordStatus.RUNNING),
        (None, "1", RecordStatus.SUCCEEDED),
        ("thinking", 0, RecordStatus.RUNNING),
        ("thinking", 3, RecordStatus.FAILED),
        (None, 2, RecordStatus.FAILED),
    ],
)
def test_the_state_of_a_job_counts_before_its_flag(state: object, flag: object, status: RecordStatus) -> None:
    assert job(state=state, successFlag=flag).status is status


@pytest.mark.parametrize("flag", [None, "soon", {}])
@pytest.mark.parametrize("state", [None, "", "thinking", {}, 7])
def test_a_job_without_a_known_state_or_flag_is_not_taken_for_an_outcome(state: object, flag: object) -> None:
    with pytest.raises(ValidationError):
        job(state=state, successFlag=flag)


@pytest.mark.parametrize(
    ("code", "message", "reason"),
    [
        ("500", "Internal server error", Reason.GENERATION_FAILED),
        (500, "Internal server error", Reason.GENERATION_FAILED),
        ("501", "", Reason.GENERATION_FAILED),
        ("501", None, Reason.GENERATION_FAILED),
        ("GENERATION_FAILED", "", Reason.GENERATION_FAILED),
        ("", "Your content was flagged as violating content policies", Reason.POLICY),
        (None, "NSFW content was detected", Reason.POLICY),
        ("CONTENT_POLICY_VIOLATION", None, Reason.POLICY),
        ("400", "Failed to fetch the image.", Reason.API_REFERENCE_UNFETCHABLE),
        ("451", None, Reason.API_REFERENCE_UNFETCHABLE),
        ("XYZ", "the flux capacitor", None),
    ],
)
def test_a_failed_job_has_its_reason_whether_its_code_is_a_number_or_a_word(
    code: object, message: object, reason: Reason | None
) -> None:
    found = job(state="fail", failCode=code, failMsg=message, successFlag=3)
    assert (found.status, found.reason, found.credits) == (RecordStatus.FAILED, reason, 6.0)


def test_a_failed_job_keeps_its_code_and_words_for_the_audit_trail() -> None:
    assert job(state="fail", failCode="GENERATION_FAILED", failMsg="no\n luck").message == "GENERATION_FAILED no luck"


def test_the_words_of_a_prompt_in_a_failure_are_no_reason() -> None:
    asked = param(prompt="a poster against copyright violations")
    found = job(state="fail", failMsg="Could not draw: a poster against copyright violations", param=asked)
    assert found.reason is None


@pytest.mark.parametrize(
    ("told", "credits_"),
    [(6.0, 6.0), ("3.24", 3.24), (0, 0.0), (None, None), ("many", None), (-1, None), ("nan", None), (1e400, None),
     (True, None), ({}, None), (10**400, None), (2e6, None)],
)  # fmt: skip
def test_the_price_of_a_job_is_a_number_or_unknown(told: object, credits_: float | None) -> None:
    assert job(creditsConsumed=told).credits == credits_


@pytest.mark.parametrize(
    ("told", "progress"), [(48, 0.48), ("48", 0.48), (100, 1.0), (101, 0.0), (None, 0.0), ("x", 0)]
)
def test_the_progress_of_a_job_is_in_percent(told: object, progress: float) -> None:
    assert job(progress=told).progress == progress


@pytest.mark.parametrize(
    ("told", "prompt", "files"),
    [
        (param(prompt=LAKE, input_urls=["https://a.test/1", "https://a.test/2"]), LAKE,
         ("https://a.test/1", "https://a.test/2")),
        (param(image_input=["https://a.test/1"]), "", ("https://a.test/1",)),
        (param(prompt=LAKE, image_url="https://a.test/1"), LAKE, ("https://a.test/1",)),
        (param(prompt=LAKE, files_url='["https://a.test/1"]', mask_url="https://a.test/m"), LAKE, ("https://a.test/1",)),
        ({"input": {"prompt": LAKE}}, LAKE, ()),
        (json.dumps({"prompt": LAKE, "image_urls": [7, None]}), LAKE, ()),
        (json.dumps({"input": "nonsense"}), None, ()),
        (json.dumps({"input": None, "prompt": LAKE}), None, ()),
        ("nonsense", None, ()),
        (None, None, ()),
        ("[" * 100_000, None, ()),
    ],
)  # fmt: skip
def test_a_job_says_what_was_asked_where_that_can_be_read(
    told: object, prompt: str | None, files: tuple[str, ...]
) -> None:
    found = job(OLDER, param=told)
    assert (found.prompt, found.files) == (prompt, files)
    assert job(OLDER, param=None, paramJson=told).prompt == prompt


def test_what_was_asked_is_in_no_repr_and_no_error_because_it_holds_the_callback_address() -> None:
    info = JobInfo.model_validate(RECORDED)
    assert CALLED not in repr(info)
    assert LAKE not in repr(info)
    assert CALLED not in repr(info.as_record())
    with pytest.raises(ValidationError) as refused:
        job({"param": "secret"})
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize(("form", "code"), [(WireForm.JOBS, 408), (WireForm.JOBS, 501), (WireForm.FLUX, 501)])
def test_a_code_of_the_envelope_may_say_that_the_task_has_failed(form: WireForm, code: int) -> None:
    found = record_of(form, Envelope(code=code, msg="Generation failed", data=None))
    assert (found.status, found.reason) == (RecordStatus.FAILED, Reason.GENERATION_FAILED)
    assert found.message == f"{code} Generation failed"
    policy = record_of(form, Envelope(code=code, msg="violates content policy"))
    assert policy.reason is Reason.POLICY


def test_the_record_in_such_an_envelope_says_more_than_its_code() -> None:
    failed = {**OLDER, "state": "fail", "failCode": "400", "failMsg": "violates content policy", "resultJson": None}
    told = record_of(WireForm.JOBS, Envelope(code=501, msg="Playground task failed.", data=failed))
    assert (told.status, told.reason, told.prompt) == (RecordStatus.FAILED, Reason.POLICY, LAKE)
    done = {**OLDER, "state": "success", "resultJson": json.dumps({"resultUrls": [JOB_ADDRESS]})}
    assert record_of(WireForm.JOBS, Envelope(code=501, data=done)).urls == (JOB_ADDRESS,)


@pytest.mark.parametrize("code", [408, 501])
def test_a_record_in_such_an_envelope_that_still_runs_is_older_than_the_code(code: int) -> None:
    running = {**OLDER, "state": "generating", "resultJson": ""}
    assert record_of(WireForm.JOBS, Envelope(code=code, msg="no result", data=running)).status is RecordStatus.FAILED
