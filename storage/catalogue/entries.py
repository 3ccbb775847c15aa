"""
The facts about each model of the image API.

Sources: DOCS, the documentation of the API (snapshot of 2026-08-19, checked against a catalogue of 2026-09-24); SKILL,
the API's own guide for agents (2026-10); FEED, its public price feed (2026-09-24). `nsfw_checker` is sent as true
to each model that has it: the API's default is false, and then it filters nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Final

from storage.catalogue.model import (
    TRANSPARENT,
    ForbiddenCombination,
    MaskFacts,
    Model,
    Operation,
    ReferenceFacts,
    WireForm,
)

CHECKED: Final[Mapping[str, object]] = {"nsfw_checker": True}
PNG: Final[Mapping[str, object]] = {"output_format": "png"}
KONTEXT: Final[Mapping[str, object]] = {"enableTranslation": True, "outputFormat": "png", "safetyTolerance": 2}
"""`safetyTolerance`: the API's default, and the most that it takes with an input picture."""
UP_TO_FOUR: Final = (1, 2, 3, 4)
EIGHT: Final = ("1:1", "4:3", "3:4", "16:9", "9:16", "2:3", "3:2", "21:9")
TEN: Final = ("1:1", "2:3", "3:2", "3:4", "4:3", "4:5", "5:4", "9:16", "16:9", "21:9")
SEVEN: Final = ("1:1", "4:3", "3:4", "16:9", "9:16", "3:2", "2:3")
ABOVE_1K: Final = frozenset({"2K", "4K"})


def _same(words: Iterable[str]) -> dict[str, str]:
    """Return the words as the API's own words."""
    return {word: word for word in words}


FOUR_O: Final = Model(
    key="4o",
    name="4o Image",
    form=WireForm.FOUR_O,
    words=Operation(id=""),
    pictures=Operation(id=""),
    references=ReferenceFacts(field="filesUrl", most=5, most_megabytes=25, in_mib=True),
    prompt_characters=(1, 20_000),
    needs_prompt=False,
    size_field="size",
    size_words=_same(("1:1", "3:2", "2:3")),
    variants=(1, 2, 4),
    variants_field="nVariants",
    mask=MaskFacts(field="maskUrl", changes="black"),
    options={"enhance": "isEnhance", "fallback": "enableFallback"},
    setting_fields=("uploadCn", "fallbackModel"),
    credits={"": 6},
    credits_by_variants={1: 6, 2: 7, 4: 8},
    listed_as="4o-image-api",
    usual_seconds=(40.0, 40.0),
    source="DOCS; prices: FEED for one picture, the API's marketing page of 2026-04 for two and four",
    as_of="2026-09-24",
)
"""API: `nVariants`, `maskUrl`, `isEnhance` and `enableFallback` are no longer documented since 2026-08-19; no report
says that they stopped working. No limit of the prompt is documented. That the list of models has `listed_as` is a
guess by its other form, as for FLUX.1 Kontext."""

FOUR_O_AS_JOBS: Final = replace(
    FOUR_O,
    form=WireForm.JOBS,
    words=Operation(id="4o-image-api"),
    pictures=Operation(id="4o-image-api"),
    references=ReferenceFacts(field="files_url", most=5, most_megabytes=25, in_mib=True),
    variants_field="",
    credits_by_variants={},
    mask=None,
    undocumented_fields=frozenset({"isEnhance", "enableFallback", "uploadCn", "fallbackModel"}),
)
"""4o by the API for all models (`KIE_4O_FORM=jobs`). Its schema has neither a mask nor a number of pictures, and
unknown fields are ignored: so a mask is refused, and several pictures are several creates. The options and settings are
not in the schema either, but in its example, spelled as at 4o's own endpoint."""

FLUX_KONTEXT: Final = Model(
    key="flux-kontext",
    name="FLUX.1 Kontext Pro",
    form=WireForm.FLUX,
    words=Operation(id="flux-kontext-pro", always=KONTEXT),
    pictures=Operation(id="flux-kontext-pro", always=KONTEXT),
    references=ReferenceFacts(field="inputImage", most=1, is_list=False, most_megabytes=10),
    prompt_characters=(1, 5_000),
    size_field="aspectRatio",
    size_words=_same(("1:1", "21:9", "16:9", "4:3", "3:4", "9:16")),
    variants=UP_TO_FOUR,
    options={"enhance": "promptUpsampling"},
    setting_fields=("uploadCn",),
    credits={"": 5},
    listed_as="flux1-kontext",
    usual_seconds=(22.0, 22.0),
    source="DOCS, FEED; time: a recorded task",
    as_of="2026-09-24",
)
"""API: prompts in English; `enableTranslation` translates others."""

FLUX_KONTEXT_MAX: Final = replace(
    FLUX_KONTEXT,
    key="flux-kontext-max",
    name="FLUX.1 Kontext Max",
    words=Operation(id="flux-kontext-max", always=KONTEXT),
    pictures=Operation(id="flux-kontext-max", always=KONTEXT),
    credits={"": 10},
)

GPT_IMAGE: Final = Model(
    key="gpt-image",
    name="GPT Image 2.5 Flare",
    form=WireForm.JOBS,
    words=Operation(id="gpt-image-2-5-flare-text-to-image"),
    pictures=Operation(id="gpt-image-2-5-flare-image-to-image"),
    references=ReferenceFacts(field="input_urls", most=16, most_megabytes=10),
    prompt_characters=(1, 20_000),
    size_field="aspect_ratio",
    size_words=_same(("1:1", "2:3", "3:2", "4:3", "3:4", "16:9", "9:16", "21:9", "27:16", "16:27", "9:8", "8:9")),
    resolution_field="resolution",
    resolution_words=_same(("1K", "2K", "4K")),
    background_field="background",
    forbidden=(
        ForbiddenCombination(frozenset({"1:1"}), frozenset({"4K"})),
        ForbiddenCombination(frozenset({"27:16", "16:27", "9:8", "8:9"}), ABOVE_1K),
        ForbiddenCombination(frozenset(), ABOVE_1K, TRANSPARENT),
    ),
    variants=UP_TO_FOUR,
    credits={"1K": 6, "2K": 10, "4K": 16},
    usual_seconds=(55.0, 48.0),
    source="DOCS, FEED; time: recorded tasks of GPT Image 2",
    as_of="2026-09-24",
)

GPT_IMAGE_FINE: Final = replace(
    GPT_IMAGE,
    key="gpt-image-fine",
    name="GPT Image 2.5 Sunburst",
    words=Operation(id="gpt-image-2-5-sunburst-text-to-image"),
    pictures=Operation(id="gpt-image-2-5-sunburst-image-to-image"),
    usual_seconds=(70.0, 70.0),
)

NANO_BANANA: Final = Model(
    key="nano-banana",
    name="Nano Banana 2.1",
    form=WireForm.JOBS,
    words=Operation(id="nano-banana-2-1", always=PNG),
    pictures=Operation(id="nano-banana-2-1", always=PNG),
    references=ReferenceFacts(field="image_input", most=14, most_megabytes=30),
    prompt_characters=(1, 20_000),
    size_field="aspect_ratio",
    size_words=_same((*TEN, "1:4", "4:1", "1:8", "8:1")),
    resolution_field="resolution",
    resolution_words=_same(("1K", "2K", "4K")),
    variants=UP_TO_FOUR,
    credits={"1K": 4, "2K": 6, "4K": 9},
    usual_seconds=(40.0, 50.0),
    source="DOCS of 2026-10-07; time: an estimate by Nano Banana",
    as_of="2026-10-07",
)

NANO_BANANA_PRO: Final = replace(
    NANO_BANANA,
    key="nano-banana-pro",
    name="Nano Banana Pro",
    words=Operation(id="nano-banana-pro", always=PNG),
    pictures=Operation(id="nano-banana-pro", always=PNG),
    references=ReferenceFacts(field="image_input", most=8, most_megabytes=30),
    prompt_characters=(1, 10_000),
    size_words=_same(TEN),
    credits={"1K": 18, "2K": 18, "4K": 24},
    usual_seconds=(60.0, 70.0),
    source="DOCS, FEED; time: an estimate by Nano Banana",
    as_of="2026-09-24",
)

SEEDREAM: Final = Model(
    key="seedream",
    name="Seedream 5 Pro",
    form=WireForm.JOBS,
    words=Operation(id="seedream/5-pro-text-to-image", always={**CHECKED, **PNG}),
    pictures=Operation(id="seedream/5-pro-image-to-image", always={**CHECKED, **PNG}),
    references=ReferenceFacts(field="image_urls", most=10, most_megabytes=10),
    prompt_characters=(3, 5_000),
    size_field="aspect_ratio",
    size_words=_same(EIGHT),
    resolution_field="quality",
    resolution_words={"1K": "basic", "2K": "high"},
    variants=UP_TO_FOUR,
    credits={"1K": 7, "2K": 14},
    credits_per_further_reference=0.5,
    usual_seconds=(45.0, 112.0),
    source="DOCS, FEED; time: recorded tasks of Seedream 5 Lite",
    as_of="2026-09-24",
)

SEEDREAM_FLASH: Final = replace(
    SEEDREAM,
    key="seedream-flash",
    name="Seedream 5 Flash",
    words=Operation(id="seedream/5-flash-text-to-image", always={**CHECKED, **PNG}),
    pictures=Operation(id="seedream/5-flash-image-to-image", always={**CHECKED, **PNG}),
    resolution_field="size",
    resolution_words=_same(("1K", "1.5K", "2K")),
    credits={"1K": 3.24, "1.5K": 3.24, "2K": 3.24},
    credits_per_further_reference=0.0,
    usual_seconds=(25.0, 40.0),
    source="the API's page of the model; time: an estimate",
    as_of="2026-09-29",
)

FLUX_2: Final = Model(
    key="flux-2",
    name="FLUX.2 Pro",
    form=WireForm.JOBS,
    words=Operation(id="flux-2/pro-text-to-image", always=CHECKED),
    pictures=Operation(id="flux-2/pro-image-to-image", always=CHECKED),
    references=ReferenceFacts(field="input_urls", most=8, most_megabytes=10),
    prompt_characters=(3, 5_000),
    size_field="aspect_ratio",
    size_words=_same(SEVEN),
    resolution_field="resolution",
    resolution_words=_same(("1K", "2K")),
    variants=UP_TO_FOUR,
    credits={"1K": 5, "2K": 7},
    usual_seconds=(25.0, 30.0),
    source="DOCS, FEED; time: an estimate by FLUX.1 Kontext",
    as_of="2026-09-24",
)

QWEN: Final = Model(
    key="qwen",
    name="Qwen Image 2.1",
    form=WireForm.JOBS,
    words=Operation(id="qwen2-1/text-to-image", always=PNG),
    pictures=Operation(id="qwen2-1/image-to-image", always=PNG),
    references=ReferenceFacts(field="image_urls", most=10, most_megabytes=30, most_megapixels=25),
    prompt_characters=(1, 5_000),
    size_field="aspect_ratio",
    size_words=_same(("1:1", "4:3", "3:4", "3:2", "2:3", "16:9", "9:16", "21:9", "9:21")),
    resolution_field="resolution",
    resolution_words=_same(("1K", "2K")),
    background_field="background",
    variants=UP_TO_FOUR,
    mask=MaskFacts(field="mask_url", changes="white"),
    options={"enhance": "enhance_prompt"},
    credits={"1K": 4, "2K": 8},
    usual_seconds=(20.0, 30.0),
    source="the API's page of the model; time: an estimate by Wan 2.7",
    as_of="2026-09",
)
"""API: a mask needs exactly one picture; white changes. `enhance_prompt` is true unless it is sent."""

IDEOGRAM: Final = Model(
    key="ideogram",
    name="Ideogram 3",
    form=WireForm.JOBS,
    words=Operation(id="ideogram/v3-text-to-image", always={"rendering_speed": "BALANCED", "style": "AUTO"}),
    pictures=Operation(
        id="ideogram/v3-remix", always={"rendering_speed": "BALANCED", "style": "AUTO", "num_images": "1"}
    ),
    references=ReferenceFacts(field="image_url", most=1, is_list=False, most_megabytes=10),
    prompt_characters=(1, 5_000),
    size_field="image_size",
    size_words={
        "1:1": "square_hd",
        "4:3": "landscape_4_3",
        "3:4": "portrait_4_3",
        "16:9": "landscape_16_9",
        "9:16": "portrait_16_9",
    },
    variants=UP_TO_FOUR,
    options={"enhance": "expand_prompt"},
    credits={"": 7},
    usual_seconds=(20.0, 25.0),
    source="DOCS, FEED; time: an estimate",
    as_of="2026-09-24",
)
"""API: `v3-edit` takes a mask, but no source says which of its sides changes, so the bot sends none."""

GROK: Final = Model(
    key="grok",
    name="Grok Imagine 2.0",
    form=WireForm.JOBS,
    words=Operation(id="grok-imagine-image-2-0/text-to-image"),
    pictures=Operation(id="grok-imagine-image-2-0/image-edit"),
    references=ReferenceFacts(field="image_urls", most=5, most_megabytes=10),
    prompt_characters=(1, 5_000),
    size_field="aspect_ratio",
    size_words=_same(("1:1", "2:3", "3:2", "16:9", "9:16")),
    variants=UP_TO_FOUR,
    credits={"": 4},
    usual_seconds=(80.0, 66.0),
    source="DOCS, FEED; price and time: recorded tasks of 2026-08 and 2026-04",
    as_of="2026-09-24",
)

Z_IMAGE: Final = Model(
    key="z-image",
    name="Z-Image",
    form=WireForm.JOBS,
    words=Operation(id="z-image", always=CHECKED),
    pictures=None,
    prompt_characters=(1, 1_000),
    size_field="aspect_ratio",
    size_words=_same(("1:1", "4:3", "3:4", "16:9", "9:16")),
    variants=UP_TO_FOUR,
    credits={"": 0.8},
    usual_seconds=(10.0, 10.0),
    source="DOCS, FEED; time: an estimate",
    as_of="2026-09-24",
)

ENTRIES: Final = (
    FOUR_O,
    GPT_IMAGE,
    GPT_IMAGE_FINE,
    NANO_BANANA,
    NANO_BANANA_PRO,
    SEEDREAM,
    SEEDREAM_FLASH,
    FLUX_2,
    FLUX_KONTEXT,
    FLUX_KONTEXT_MAX,
    QWEN,
    IDEOGRAM,
    GROK,
    Z_IMAGE,
)
