"""The body of a create: what each wire form sends, from the model's entry in the catalogue alone."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from typing import Any

import pytest

from bot.engine.ports import CreateRequest
from bot.kie.creates import create_body, misfits
from storage.catalogue import (
    FOUR_O,
    FOUR_O_AS_JOBS,
    MODELS,
    TRANSPARENT,
    Look,
    MaskFacts,
    Model,
    Operation,
    ReferenceFacts,
    WireForm,
    in_form,
)
from storage.models import PictureRequest

SETTINGS = {"uploadCn": False, "fallbackModel": "FLUX_MAX"}
CAT, DOG, MASK = "https://a.test/cat.png", "https://a.test/dog.png", "https://a.test/mask.png"
CALLED = "https://bot.test/callbacks/kie/abc"
TOY = Model(
    key="toy",
    name="Toy",
    form=WireForm.JOBS,
    words=Operation(id="toy/draw", always={"watermark": False, "n": 1}),
    pictures=Operation(id="toy/redraw", always={"strength": 0.5}),
    references=ReferenceFacts(field="picture_urls", most=3),
    prompt_characters=(1, 100),
    size_field="form",
    size_words={"1:1": "square_hd", "16:9": "landscape_16_9"},
    resolution_field="pixels",
    resolution_words={"1K": "basic", "2K": "high"},
    background_field="ground",
    variants=(1, 2, 3),
    variants_field="max_images",
    mask=MaskFacts(field="where", changes="white"),
    options={"enhance": "improve"},
    credits={"1K": 1, "2K": 2},
    usual_seconds=(1.0, 1.0),
    source="none",
    as_of="2026-10",
)


def asking(*files: str, mask: str | None = None, callback_url: str | None = None, **asked: Any) -> CreateRequest:
    values: dict[str, Any] = {"prompt": "a lake", "size": "1:1", "variants": 1}
    return CreateRequest(request=PictureRequest(**(values | asked)), files=files, mask=mask, callback_url=callback_url)


def body(model: Model, create: CreateRequest, **settings: object) -> dict[str, object]:
    return create_body(create, model, SETTINGS | settings)


def test_four_o_at_its_own_endpoint_gets_every_field_that_it_has() -> None:
    create = asking(CAT, size="3:2", variants=2, enhance=True, fallback=True, mask=MASK, callback_url=CALLED)
    assert body(FOUR_O, create, uploadCn=True, fallbackModel="GPT_IMAGE_1") == {
        "prompt": "a lake",
        "filesUrl": [CAT],
        "maskUrl": MASK,
        "size": "3:2",
        "nVariants": 2,
        "isEnhance": True,
        "enableFallback": True,
        "fallbackModel": "GPT_IMAGE_1",
        "uploadCn": True,
        "callBackUrl": CALLED,
    }


def test_a_create_says_every_option_and_setting_and_leaves_out_what_is_not_there() -> None:
    assert body(FOUR_O, asking(size="3:2", variants=2)) == {
        "prompt": "a lake",
        "size": "3:2",
        "nVariants": 2,
        "isEnhance": False,
        "enableFallback": False,
        "fallbackModel": "FLUX_MAX",
        "uploadCn": False,
    }


def test_a_create_from_pictures_alone_has_no_blank_prompt() -> None:
    made = body(FOUR_O, asking(CAT, DOG, prompt=" "))
    assert "prompt" not in made
    assert made["filesUrl"] == [CAT, DOG]


@pytest.mark.parametrize("key", ["flux-kontext", "flux-kontext-max"])
def test_flux_gets_its_own_fields_at_its_own_endpoint(key: str) -> None:
    fixed = {"enableTranslation": True, "outputFormat": "png", "safetyTolerance": 2, "uploadCn": False}
    name = {"flux-kontext": "flux-kontext-pro", "flux-kontext-max": "flux-kontext-max"}[key]
    words = {"model": name, "prompt": "a lake", "aspectRatio": "21:9", "promptUpsampling": False, **fixed}
    assert body(MODELS[key], asking(size="21:9")) == words
    edited = asking(CAT, size="21:9", enhance=True, callback_url=CALLED)
    changed = {"inputImage": CAT, "promptUpsampling": True, "callBackUrl": CALLED}
    assert body(MODELS[key], edited) == words | changed


def test_four_o_as_a_job_keeps_the_spelling_of_its_options_in_the_input() -> None:
    create = asking(CAT, size="2:3", fallback=True, callback_url=CALLED)
    assert body(FOUR_O_AS_JOBS, create) == {
        "model": "4o-image-api",
        "callBackUrl": CALLED,
        "input": {
            "prompt": "a lake",
            "files_url": [CAT],
            "size": "2:3",
            "isEnhance": False,
            "enableFallback": True,
            "fallbackModel": "FLUX_MAX",
            "uploadCn": False,
        },
    }


@pytest.mark.parametrize(
    ("key", "create", "sent"),
    [
        (
            "gpt-image",
            asking(size="16:9", background=TRANSPARENT),
            {
                "model": "gpt-image-2-5-flare-text-to-image",
                "input": {
                    "prompt": "a lake", "aspect_ratio": "16:9", "resolution": "1K", "background": "transparent"
                },
            },
        ),
        (
            "gpt-image-fine",
            asking(CAT, DOG, size="21:9", resolution="4K"),
            {
                "model": "gpt-image-2-5-sunburst-image-to-image",
                "input": {
                    "prompt": "a lake", "input_urls": [CAT, DOG], "aspect_ratio": "21:9", "resolution": "4K"
                },
            },
        ),
        (
            "seedream",
            asking(CAT, size="3:2", resolution="2K"),
            {
                "model": "seedream/5-pro-image-to-image",
                "input": {
                    "prompt": "a lake", "image_urls": [CAT], "aspect_ratio": "3:2", "quality": "high",
                    "output_format": "png", "nsfw_checker": True,
                },
            },
        ),
        (
            "qwen",
            asking(CAT, mask=MASK, resolution="2K"),
            {
                "model": "qwen2-1/image-to-image",
                "input": {
                    "prompt": "a lake", "image_urls": [CAT], "mask_url": MASK, "aspect_ratio": "1:1",
                    "resolution": "2K", "output_format": "png", "enhance_prompt": False,
                },
            },
        ),
        (
            "ideogram",
            asking(CAT, size="16:9"),
            {
                "model": "ideogram/v3-remix",
                "input": {
                    "prompt": "a lake", "image_url": CAT, "image_size": "landscape_16_9", "num_images": "1",
                    "rendering_speed": "BALANCED", "style": "AUTO", "expand_prompt": False,
                },
            },
        ),
        (
            "z-image",
            asking(size="4:3"),
            {"model": "z-image", "input": {"prompt": "a lake", "aspect_ratio": "4:3", "nsfw_checker": True}},
        ),
    ],
)  # fmt: skip
def test_a_job_gets_the_words_of_its_model(key: str, create: CreateRequest, sent: dict[str, object]) -> None:
    assert body(MODELS[key], create) == sent


def test_a_model_that_only_a_test_knows_needs_no_code() -> None:
    create = asking(CAT, size="16:9", resolution="2K", background=TRANSPARENT, variants=3, enhance=True, mask=MASK)
    assert body(TOY, create) == {
        "model": "toy/redraw",
        "input": {
            "prompt": "a lake", "picture_urls": [CAT], "where": MASK, "form": "landscape_16_9", "pixels": "high",
            "ground": "transparent", "max_images": 3, "improve": True, "strength": 0.5,
        },
    }  # fmt: skip
    assert body(TOY, asking())["input"] == {
        "prompt": "a lake", "form": "square_hd", "pixels": "basic", "max_images": 1, "improve": False,
        "watermark": False, "n": 1,
    }  # fmt: skip


@pytest.mark.parametrize("model", [*MODELS.values(), FOUR_O_AS_JOBS], ids=lambda model: f"{model.key} {model.form}")
def test_everything_that_a_model_offers_can_be_sent(model: Model) -> None:
    resolutions: tuple[str | None, ...] = (None, *model.resolutions)
    backgrounds: tuple[str | None, ...] = (None, *model.backgrounds)
    for size, resolution, background in product(model.sizes, resolutions, backgrounds):
        if model.allows(Look(size, resolution, background)):
            for files in {0, min(1, model.most_references), model.most_references}:
                create = asking(*[CAT] * files, size=size, resolution=resolution, background=background)
                assert list(misfits(create, model)) == []
                made = body(model, create)
                fields = made.get("input", made)
                assert isinstance(fields, dict)
                assert fields[model.size_field] == model.size_words[size]


@pytest.mark.parametrize(
    ("model", "create", "cannot"),
    [
        (FOUR_O, asking(size="16:9"), "size 16:9"),
        (FOUR_O, asking(resolution="2K"), "resolution 2K"),
        (FOUR_O, asking(background=TRANSPARENT), "background transparent"),
        (FOUR_O, asking(*[CAT] * 6), "6 input pictures"),
        (FOUR_O, asking(CAT, DOG, mask=MASK), "a mask with 2 input pictures"),
        (FOUR_O_AS_JOBS, asking(CAT, mask=MASK), "a mask with 1 input pictures"),
        (MODELS["flux-kontext"], asking(CAT, DOG), "2 input pictures"),
        (MODELS["z-image"], asking(CAT), "1 input pictures"),
        (replace(TOY, pictures=None), asking(CAT), "1 input pictures"),
    ],
)
def test_what_would_be_left_out_or_refused_is_found_before_it_is_sent(
    model: Model, create: CreateRequest, cannot: str
) -> None:
    assert list(misfits(create, model)) == [cannot]


def test_a_model_has_an_entry_for_each_wire_form_by_which_its_tasks_are_made() -> None:
    for model in (FOUR_O, FOUR_O_AS_JOBS):
        assert in_form(model, WireForm.FOUR_O) is FOUR_O
        assert in_form(model, WireForm.JOBS) is FOUR_O_AS_JOBS
    assert in_form(MODELS["grok"], WireForm.JOBS) is MODELS["grok"]
    assert in_form(MODELS["grok"], WireForm.FOUR_O) is None
    assert in_form(replace(FOUR_O, key="toy"), WireForm.JOBS) is None
