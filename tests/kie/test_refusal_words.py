"""Tests that failures are recognised by what the image API says, in whichever words."""

from __future__ import annotations

import json

import pytest

from bot.engine.ports import Record
from bot.errors import Reason, Refused, ServerFault
from bot.kie import codes
from bot.kie.codes import Call
from bot.kie.records import RecordInfo
from bot.kie.refusal_words import reason_in, reason_to_refuse

UNKNOWN = None

REFUSALS = [
    "This request was blocked by our guardrails.",
    "Guard-rails triggered",
    "Unsafe generation detected",
    "The request contains sensitive content",
    "Sensitive words found in the prompt",
    "Your request was rejected as a result of our safety system",
    "Your request was rejected by the safety system. If you believe this is an error, contact us at help.openai.com",
    "content_policy_violation",
    "moderation_blocked",
    "Blocked by moderation",
    "Prompt violates our usage policies",
    "This violates the terms of service",
    "We're so sorry, but the image may violate our guidelines around third-party content",
    "NSFW content detected",
    "Inappropriate content, please modify your prompt",
    "The prompt contains prohibited words",
    "The response was filtered: content_filter",
    "Rejected for safety reasons",
    "The model refused to generate this image",
    "I'm sorry, but I can't help with that request.",
    "I’m unable to assist with this.",
    "The picture would resemble copyrighted material",
    "Not allowed by our content guidelines",
    "Request flagged",
    "The generated image violates content policies",
    "Invalid image: the output image was flagged by moderation",
    "提示词包含敏感内容",
    "内容违规，请修改后重试",
    "內容違規",
    "内容审核未通过",
    "违反使用政策",
    "触发安全系统",
    "内容不合规",
    "涉嫌色情内容",
    "包含违禁词",
    "生成的图片违规",
    "I can't create that image",
    "I cannot generate images of real people",
    "I won't draw this",
    "I'm unable to create this picture",
    "Your request was blocked",
    "The prompt has been blocked",
    "The image was blocked",
    "The generated image was blocked",
    "IMAGE_SAFETY",
    "finishReason: SAFETY",
    "finish_reason=PROHIBITED_CONTENT",
    "blockReason: SAFETY",
    "Contains nudity",
    "Nude person detected",
    "Hate speech detected",
    "Harassment detected",
    "self-harm",
    "Content not permitted",
    "This content isn't allowed",
    "The content does not comply with our rules",
    "The prompt does not meet our content standards",
    "it may go against our guidelines",
    "It goes against our rules",
    "doesn't follow our guidelines",
    "Does not adhere to the guidelines",
    "public figure",
    "Images of celebrities are not supported",
    "含有不良信息",
    "内容不符合规范",
    "不符合平台规定",
    "命中风控",
    "风险内容",
    "内容存在风险",
    "无法生成此类内容",
    "不能生成该内容",
    "输入内容可能不安全",
    "输入内容不安全",
    "涉及公众人物",
    "包含裸露",
]
REFUSED_PICTURES = [
    "content of the filesUrl image violates policy",
    "Your input image may contain content that is not allowed by our safety system",
    "The uploaded image was flagged as unsafe",
    "The reference photo contains sensitive content",
    "The image you provided violates our content policy",
    "Failed to process the provided image: flagged by the safety system",
    "上传的图片包含敏感内容",
    "参考图违规",
    "图片内容审核未通过",
    "The input image was blocked",
    "The uploaded image contains nudity",
    "The uploaded picture shows a public figure",
    "Your image does not comply with our rules",
    "参考图不符合规范",
    "图片含有不良信息",
]
UNFETCHABLE = [
    "Failed to fetch the image. Kindly verify any access limits set by you or your service provider",
    "Failed to download image",
    "failed to download image from url: https://cdn.test/a.png",
    "Unable to download the file url",
    "Error while downloading the input image",
    "Could not access the image",
    "Cannot retrieve image from the given address",
    "The image could not be fetched",
    "Image cannot be downloaded",
    "Image download failed",
    "Timeout while downloading the reference image",
    "Download of the image timed out",
    "download of an input image failed",
    "Image URL is not accessible",
    "The image is not publicly accessible",
    "Invalid image URL",
    "图片下载失败",
    "下载图片失败",
    "无法访问图片",
    "图片链接无效",
    "获取图片超时",
    "The image URL returned 404",
    "Image URL responded with status 403",
    "Got HTTP 404 for the image URL",
    "The input image was not found",
    "Failed to download the mask",
    "The mask image could not be downloaded",
    "蒙版下载失败",
    "无法加载图片",
    "图片加载失败",
    "图片不可用",
    "图片不存在",
    "图片链接返回404",
]
UNREADABLE = [
    "We couldn't process the provided image file (code=invalid_image_format)",
    "Invalid image",
    "Invalid image file or mode for image 1",
    "cannot identify image file <_io.BytesIO object>",
    "Unsupported image format",
    "Invalid file type",
    "The image format is not supported",
    "The image could not be processed",
    "Failed to decode image",
    "Unable to read the picture",
    "The image is corrupted",
    "The file is not a valid image",
    "image_parse_error",
    "图片格式不支持",
    "图片已损坏",
    "无法识别图片",
    "图片解析失败",
    "The file is not an image",
    "This isn't a picture",
    "unsupported image",
    "Unsupported file",
    "The uploaded file is not supported",
    "invalid base64 image",
    "Invalid base64-encoded image",
    "bad image",
    "image file is empty",
    "Empty image",
    "图片打不开",
    "图片读取错误",
    "图片为空",
    "图片格式不符合规范",
]
TOO_SMALL = [
    "image dimensions too small",
    "The image is too small",
    "Image resolution is too low",
    "图片尺寸太小",
    "图片过小",
]
MASKS = [
    "Mask size does not match the image",
    "Mask must be PNG",
    "The mask must have the same size as the image",
    "Mask and image dimensions mismatch",
    "Invalid mask",
    "Invalid mask image",
    "invalid mask image format - mask size does not match image size",
    "The mask has no alpha channel",
    "Mask image is missing an alpha channel",
    "Failed to decode the mask",
    "The mask is too large",
    "蒙版尺寸与图片不一致",
    "遮罩格式错误",
    "无效的蒙版",
]
TOO_LARGE = [
    "Image size exceeds maximum of 26214400 bytes",
    "The image is too large",
    "Input image exceeds the limit of 25 MB",
    "文件过大",
    "the file is too big",
    "The uploaded file is larger than 10 MB",
    "图片大小超过限制",
]
ORDINARY = [
    "",
    "Internal Error, Please try again later.",
    "Failed to generate image",
    "Failed to get user token",
    "GPT 4O failed to edit the picture",
    "Service unavailable",
    "Request timed out",
    "Generation timeout",
    "服务繁忙，请稍后重试",
    "生成失败",
]
NEAR_MISSES = [
    "Unexpected content-type: text/html",
    "Insufficient credits",
    "Your credits are insufficient. Please top up to continue.",
    "积分不足",
    "Connection refused",
    "403 Forbidden",
    "Failed to download the generated image",
    "The output image could not be decoded",
    "Unable to access the account",
    "Blocked by CORS policy",
    "Retry policy exhausted",
    "Content-Security-Policy header missing",
    "violates unique constraint tasks_pkey",
    "Access violation at 0x0",
    "Rate limit violation",
    "Field names are case sensitive",
    "字段名大小写敏感",
    "账号审核未通过",
    "Moderation service unavailable",
    "A minor error",
    "Moderate load, 3 jobs ahead",
    "Thread safety assertion failed",
    "Unsafe redirect",
    "Invalid image size",
    "size error",
    "fileUrl and prompt at least one is not empty",
    "Prompt size exceeds 4000 characters",
    "The model could not be loaded",
    "bad gateway",
    "Your request was blocked by the firewall",
    "Blocked by firewall",
    "Your IP was blocked",
    "Request blocked due to rate limits",
    "The request was blocked: too many requests",
    "The request was blocked by Cloudflare",
    "The image was blocked by CORS",
    "The safety of the connection could not be checked",
    "finishReason: STOP",
    "finishReason: MAX_TOKENS",
    "Cannot create image task",
    "I cannot create the image: internal error",
    "Can't create image, please try again",
    "Unable to generate the image",
    "Cannot generate image at the moment",
    "Unable to create an image right now",
    "Requests of this kind are not permitted for this key",
    "Model not permitted",
    "The request does not comply with the schema",
    "Content type not permitted",
    "Content-Length does not meet the requirements",
    "Does not follow redirects",
    "Against the clock",
    "Public key figures are missing",
    "Self-hosted endpoint failed",
    "参数不符合规范",
    "格式不符合要求",
    "无法生成图片",
    "网络连接不安全",
    "连接可能不安全",
    "账号存在风险",
    "账号命中风控",
    "The endpoint is not an image model",
    "This model is not an image generator",
    "Unsupported image size",
    "Unsupported image count",
    "Unsupported file upload method",
    "Bad image request",
    "Image list is empty",
    "The result file is empty",
    "The output image is empty",
    "The generated image is too small",
    "The generated image URL returned 404",
    "The result URL returned 404",
    "The callback URL returned 404",
    "The output file is too big",
    "The request is too big",
    "The log file is too big",
    "Mask the API key in logs",
    "Unmasked key",
    "Invalid subnet mask",
    "The attention mask does not match the sequence",
    "子网掩码错误",
    "The generated mask is invalid",
    "Does not follow the naming rules",
    "The payload does not meet validation standards",
    "Invalid image id",
    "Empty image list",
    "The response is not an image",
    "The result file is not an image",
    "The image service returned 502",
    "The batch is too small",
    "Image quota too small",
    "无法加载图片模型",
    "图片列表为空",
    "图片参数错误",
    "生成的图片打不开",
    "结果图片读取错误",
    "生成的图片不可用",
    "图片服务不可用",
    "图片服务不存在",
]
CASES = [
    *((said, Reason.POLICY) for said in REFUSALS),
    *((said, Reason.REFERENCE_POLICY) for said in REFUSED_PICTURES),
    *((said, Reason.API_REFERENCE_UNFETCHABLE) for said in UNFETCHABLE),
    *((said, Reason.API_REFERENCE_FORMAT) for said in UNREADABLE),
    *((said, Reason.API_REFERENCE_TOO_SMALL) for said in TOO_SMALL),
    *((said, Reason.API_MASK) for said in MASKS),
    *((said, Reason.API_REFERENCE_TOO_LARGE) for said in TOO_LARGE),
    *((said, Reason.GENERATION_FAILED) for said in ORDINARY),
]


def record(message: str, *, code: object = 500, prompt: str = "a door") -> Record:
    asked = json.dumps({"prompt": prompt})
    info = {"successFlag": 3, "errorCode": code, "errorMessage": message, "paramJson": asked}
    return RecordInfo.model_validate(info).as_record()


@pytest.mark.parametrize(("said", "reason"), CASES)
def test_a_failure_is_known_in_whichever_words_it_comes(said: str, reason: Reason) -> None:
    assert record(said).reason is reason
    assert record(said, code=400).reason is reason
    assert record(said.upper(), code=None).reason is reason


@pytest.mark.parametrize("said", NEAR_MISSES)
def test_words_that_only_look_alike_are_neither_a_refusal_nor_about_a_picture(said: str) -> None:
    assert record(said).reason in {UNKNOWN, Reason.GENERATION_FAILED}


@pytest.mark.parametrize("said", ["bad gateway", "Insufficient credits", "Connection refused", "积分不足"])
def test_what_is_not_known_has_no_reason(said: str) -> None:
    assert record(said).reason is UNKNOWN


@pytest.mark.parametrize(
    "said",
    [
        "Failed to generate image for: a moderation office with guardrails",
        "Failed to generate image for 'a moderation office with guardrails'",
        "Failed to generate image. Prompt: A Moderation Office",
    ],
)
def test_what_the_prompt_says_is_not_taken_for_the_reason(said: str) -> None:
    assert record(said, prompt="a moderation office with guardrails").reason is Reason.GENERATION_FAILED


@pytest.mark.parametrize(
    ("code", "said", "reason"),
    [
        (400, "Your prompt was flagged by our content policy", Reason.POLICY),
        (422, "The input image violates our policy", Reason.REFERENCE_POLICY),
        (422, "Failed to download the input image", Reason.API_REFERENCE_UNFETCHABLE),
        (400, "Unsupported image format", Reason.API_REFERENCE_FORMAT),
        (500, "Prompt rejected by moderation", Reason.POLICY),
        (422, "size error", Reason.INVALID_REQUEST),
        (433, "flagged: quota", Reason.ACCOUNT_QUOTA),
    ],
)
def test_a_create_that_is_refused_in_words_has_their_reason(code: int, said: str, reason: Reason) -> None:
    error = codes.refusal(Call.CREATE, code, said)
    assert isinstance(error, Refused)
    assert error.reason is reason


def test_a_fault_of_the_api_at_a_create_is_still_one_to_try_again() -> None:
    assert isinstance(codes.refusal(Call.CREATE, 500, "Internal Error, Please try again later."), ServerFault)


@pytest.mark.parametrize(
    "said",
    [
        "The model name you specified is not supported. Please verify your input and use one of the supported models.",
        "Model not found",
        "The model 'grok-imagine' has been deprecated",
        "This model has been removed",
        "unsupported model: z-image",
        "The page does not exist",
        "This field is required",
        "This aspect_ratio is not within the range of allowed options",
        "The security tolerance level is out of range and should be 0-2 or 0-6",
        "模型不存在",
        "不支持的模型",
    ],
)
def test_a_create_is_refused_for_its_model_in_whichever_words_it_comes(said: str) -> None:
    assert reason_to_refuse(said) is Reason.MODEL_UNAVAILABLE
    assert reason_in(said) is None


@pytest.mark.parametrize(
    "said",
    [
        "Internal error, please try again later.",
        "list index out of range",
        "The model is overloaded",
        "The model is temporarily unavailable",
        "model output image not found",
        "Failed to load the model, please try again",
        "upstream service not found",
        "模型繁忙",
    ],
)
def test_a_fault_that_may_pass_is_not_blamed_on_the_model(said: str) -> None:
    assert reason_to_refuse(said) is None


def test_a_policy_counts_before_the_model() -> None:
    said = "The model is disabled for this prompt: it violates the content policy"
    assert reason_to_refuse(said) is Reason.POLICY
