"""
What the emulated API knows of each model of the jobs API: the fields of `input`, prices, and how a record looks.

Written from the API's documentation and price feed, and independent of the bot's own catalogue, so that a test can
compare the two.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """What a field of `input` takes."""

    required: bool = False
    words: tuple[str, ...] = ()
    """The allowed values; empty allows any."""
    least: int = 0
    most: int = 10**9
    """Least and most characters of a text, or entries of a list."""
    is_list: bool = False
    is_flag: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Forbidden:
    """A combination that the API refuses: one of `ratios` (empty: every ratio) at one of `sizes`; with `background`,
    only together with this background."""

    ratios: frozenset[str]
    sizes: frozenset[str]
    background: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class JobModel:
    """One id of the jobs API."""

    title: str
    provider: str
    tasks: tuple[str, ...]
    """Values of `taskType` in the catalogue."""
    manner: str
    """How its pictures are painted; ids of the same model share it."""
    fields: Mapping[str, Field]
    pictures_field: str = ""
    ratio_field: str
    ratios: Mapping[str, str] = field(default_factory=dict)
    """Aspect ratios of words that are none themselves, such as `square_hd`."""
    size_field: str = ""
    sizes: Mapping[str, str] = field(default_factory=dict)
    """Sizes (1K, 2K, 4K) of words that are none themselves, such as `basic`."""
    forbidden: tuple[Forbidden, ...] = ()
    mask_changes: str = "white"
    """Colour of the part of a mask that changes."""
    most_megabytes: int = 25
    """Most MiB of an input picture."""
    most_megapixels: int | None = None
    number_field: str = ""
    """Field with the number of pictures, as text."""
    makes: int = 1
    """Pictures of one create."""
    prices: Mapping[str, float]
    """Credits by the value of `price_field`."""
    price_field: str = ""
    more_per_picture: float = 0.0
    """Credits for each input picture after the first."""
    states: tuple[str, ...] = ("generating",)
    """States of a running task, one after the other."""
    tells_credits: bool = True
    extra_fields: bool = False
    """Whether a record also has `operationType`, `successFlag`, `paramJson` and `response`."""
    path: str = "/r/{id}_{unix}_{letters}"
    """Path of a result, without its extension."""
    kind: str = "png"
    """File type if the create names none."""
    pace: float = 1.0
    """Multiplies the usual duration."""
    described: bool = True
    """Whether the catalogue has a schema of the model."""
    priced: bool = True
    """Whether the catalogue describes the price of the model."""


EIGHT: Final = ("1:1", "4:3", "3:4", "16:9", "9:16", "2:3", "3:2", "21:9")
TEN: Final = ("1:1", "2:3", "3:2", "3:4", "4:3", "4:5", "5:4", "9:16", "16:9", "21:9")
GPT_RATIOS: Final = (
    *("1:1", "2:3", "3:2", "4:3", "3:4", "16:9", "9:16", "21:9"),
    *("27:16", "16:27", "9:8", "8:9"),
)
SQUARES: Final = {
    "square_hd": "1:1",
    "square": "1:1",
    "portrait_4_3": "3:4",
    "portrait_16_9": "9:16",
    "landscape_4_3": "4:3",
    "landscape_16_9": "16:9",
}
WORDS_ONLY: Final = ("Text to Image",)
WITH_PICTURES: Final = ("Image to Image",)
BOTH: Final = ("Text to Image", "Image to Image")
FLAG: Final = Field(is_flag=True)


def _prompt(most: int, least: int = 1, *, required: bool = True) -> Field:
    return Field(required=required, least=least, most=most)


def _choice(*words: str, required: bool = False) -> Field:
    return Field(required=required, words=words)


def _urls(most: int, *, required: bool = True) -> Field:
    return Field(required=required, least=1 if required else 0, most=most, is_list=True)


def _gpt(name: str, pace: float) -> dict[str, JobModel]:
    """Return both ids of a GPT Image 2.5."""
    words = JobModel(
        title=f"GPT Image 2.5 {name}",
        provider="OpenAI",
        tasks=WORDS_ONLY,
        manner="gpt-image" if name == "Flare" else "gpt-image-fine",
        fields={
            "prompt": _prompt(20_000),
            "aspect_ratio": _choice("auto", *GPT_RATIOS),
            "resolution": _choice("1K", "2K", "4K"),
            "background": _choice("transparent", "opaque", "auto"),
        },
        ratio_field="aspect_ratio",
        size_field="resolution",
        forbidden=(
            Forbidden(ratios=frozenset({"1:1"}), sizes=frozenset({"4K"})),
            Forbidden(ratios=frozenset({"auto", "27:16", "16:27", "9:8", "8:9"}), sizes=frozenset({"2K", "4K"})),
            Forbidden(ratios=frozenset(), sizes=frozenset({"2K", "4K"}), background="transparent"),
        ),
        price_field="resolution",
        prices={"1K": 6, "2K": 10, "4K": 16},
        extra_fields=True,
        path="/images/chatgpt/file_{hex}",
        pace=pace,
    )
    pictures = replace(
        words,
        tasks=WITH_PICTURES,
        fields={**words.fields, "input_urls": _urls(16)},
        pictures_field="input_urls",
        states=("waiting",),
        path="/na2/{id}{digits}",
    )
    start = f"gpt-image-2-5-{name.lower()}"
    return {f"{start}-text-to-image": words, f"{start}-image-to-image": pictures}


def _in_two(
    start: str, words: JobModel, pictures: str, *, pictures_id: str = "image-to-image", **fields: Field
) -> dict[str, JobModel]:
    """Return the id for words alone, and the id that also takes pictures, in the field `pictures`."""
    edits = replace(words, tasks=WITH_PICTURES, fields={**words.fields, **fields}, pictures_field=pictures)
    return {f"{start}text-to-image": words, f"{start}{pictures_id}": edits}


def _ratios(*ratios: str) -> Field:
    return _choice(*ratios, required=True)


NANO_BANANA: Final = JobModel(
    title="Nano Banana 2.1",
    provider="Google",
    tasks=BOTH,
    manner="nano-banana",
    fields={
        "prompt": _prompt(20_000),
        "image_input": _urls(14, required=False),
        "aspect_ratio": _choice("auto", *TEN, "1:4", "4:1", "1:8", "8:1"),
        "resolution": _choice("1K", "2K", "4K"),
        "output_format": _choice("png", "jpg"),
    },
    pictures_field="image_input",
    most_megabytes=30,
    ratio_field="aspect_ratio",
    size_field="resolution",
    price_field="resolution",
    prices={"1K": 4, "2K": 6, "4K": 9},
    states=("waiting", "queuing", "generating"),
    extra_fields=True,
    path="/p/{id}_1_{unix}_{four}",
)
SEEDREAM: Final = JobModel(
    title="Seedream 5 Pro",
    provider="ByteDance",
    tasks=WORDS_ONLY,
    manner="seedream",
    fields={
        "prompt": _prompt(5_000, 3),
        "aspect_ratio": _ratios(*EIGHT),
        "quality": _choice("basic", "high", required=True),
        "output_format": _choice("png", "jpeg"),
        "nsfw_checker": FLAG,
    },
    ratio_field="aspect_ratio",
    most_megabytes=10,
    size_field="quality",
    sizes={"basic": "1K", "high": "2K"},
    price_field="quality",
    prices={"basic": 7, "high": 14},
    more_per_picture=0.5,
)
SEEDREAM_FLASH: Final = replace(
    SEEDREAM,
    title="Seedream 5 Flash",
    manner="seedream-flash",
    fields={
        **{name: taken for name, taken in SEEDREAM.fields.items() if name != "quality"},
        "size": _choice("1K", "1.5K", "2K"),
    },
    size_field="size",
    sizes={},
    price_field="",
    prices={"": 3.24},
    more_per_picture=0.0,
    pace=0.7,
)
FLUX_2: Final = JobModel(
    title="FLUX.2 Pro",
    provider="Black Forest Labs",
    tasks=WORDS_ONLY,
    manner="flux-2",
    most_megabytes=10,
    fields={
        "prompt": _prompt(5_000, 3),
        "aspect_ratio": _ratios("1:1", "4:3", "3:4", "16:9", "9:16", "3:2", "2:3"),
        "resolution": _choice("1K", "2K", required=True),
        "nsfw_checker": FLAG,
    },
    ratio_field="aspect_ratio",
    size_field="resolution",
    price_field="resolution",
    prices={"1K": 5, "2K": 7},
    pace=0.8,
)
QWEN: Final = JobModel(
    title="Qwen Image 2.1",
    provider="Qwen",
    tasks=WORDS_ONLY,
    manner="qwen",
    most_megabytes=30,
    most_megapixels=25,
    fields={
        "prompt": _prompt(5_000),
        "aspect_ratio": _choice("1:1", "4:3", "3:4", "3:2", "2:3", "16:9", "9:16", "21:9", "9:21"),
        "resolution": _choice("1K", "2K"),
        "background": _choice("opaque", "transparent"),
        "output_format": _choice("png", "webp", "jpeg"),
        "enhance_prompt": FLAG,
        "seed": Field(),
    },
    ratio_field="aspect_ratio",
    size_field="resolution",
    price_field="resolution",
    prices={"1K": 4, "2K": 8},
    extra_fields=True,
    path="/qwen21/{letters}-{unix}",
    pace=0.7,
)
IDEOGRAM: Final = JobModel(
    title="Ideogram 3",
    provider="Ideogram",
    tasks=WORDS_ONLY,
    manner="ideogram",
    most_megabytes=10,
    fields={
        "prompt": _prompt(5_000),
        "rendering_speed": _choice("TURBO", "BALANCED", "QUALITY"),
        "style": _choice("AUTO", "GENERAL", "REALISTIC", "DESIGN"),
        "expand_prompt": FLAG,
        "image_size": _choice(*SQUARES),
        "negative_prompt": Field(most=5_000),
        "seed": Field(),
    },
    ratio_field="image_size",
    ratios=SQUARES,
    price_field="rendering_speed",
    prices={"BALANCED": 7, "TURBO": 3.5, "QUALITY": 10},
    tells_credits=False,
    pace=0.7,
)
GROK: Final = JobModel(
    title="Grok Imagine 2.0",
    provider="xAI",
    tasks=WORDS_ONLY,
    manner="grok",
    fields={"prompt": _prompt(5_000), "aspect_ratio": _ratios("1:1", "2:3", "3:2", "16:9", "9:16")},
    ratio_field="aspect_ratio",
    prices={"": 4},
    states=("waiting",),
    path="/ggg/{letters}",
    kind="jpg",
    pace=1.25,
)
MODELS: Final[Mapping[str, JobModel]] = {
    "4o-image-api": JobModel(
        title="4o Image",
        provider="OpenAI",
        tasks=BOTH,
        manner="4o",
        fields={
            "prompt": _prompt(20_000, required=False),
            "size": _choice("1:1", "3:2", "2:3", required=True),
            "files_url": _urls(5, required=False),
            "file_url": Field(),
        },
        pictures_field="files_url",
        ratio_field="size",
        prices={"": 6},
        path="/s/{id}_0_{unix}_{four}",
    ),
    "flux1-kontext": JobModel(
        title="FLUX.1 Kontext",
        provider="Black Forest Labs",
        tasks=BOTH,
        manner="flux-kontext",
        fields={
            "prompt": _prompt(5_000),
            "input_image": Field(),
            "aspect_ratio": _choice("16:9", "21:9", "4:3", "1:1", "3:4", "9:16"),
            "output_format": _choice("jpeg", "png"),
            "prompt_upsampling": FLAG,
            "enable_translation": FLAG,
            "upload_cn": FLAG,
            "watermark": Field(),
        },
        pictures_field="input_image",
        ratio_field="aspect_ratio",
        prices={"": 5},
        kind="jpeg",
        described=False,
    ),
    **_gpt("Flare", 1.0),
    **_gpt("Sunburst", 1.25),
    "nano-banana-2-1": NANO_BANANA,
    "nano-banana-pro": replace(
        NANO_BANANA,
        title="Nano Banana Pro",
        manner="nano-banana-pro",
        fields={
            **NANO_BANANA.fields,
            "prompt": _prompt(10_000),
            "image_input": _urls(8, required=False),
            "aspect_ratio": _choice("1:1", *TEN[1:], "auto"),
        },
        prices={"1K": 18, "2K": 18, "4K": 24},
        pace=1.25,
    ),
    **_in_two("seedream/5-pro-", SEEDREAM, "image_urls", image_urls=_urls(10)),
    **_in_two("seedream/5-flash-", SEEDREAM_FLASH, "image_urls", image_urls=_urls(10)),
    **_in_two(
        "flux-2/pro-",
        FLUX_2,
        "input_urls",
        input_urls=_urls(8),
        aspect_ratio=_ratios(*FLUX_2.fields["aspect_ratio"].words, "auto"),
    ),
    **_in_two(
        "qwen2-1/",
        QWEN,
        "image_urls",
        image_urls=_urls(10),
        mask_url=Field(),
        aspect_ratio=_choice("auto", *QWEN.fields["aspect_ratio"].words),
    ),
    "ideogram/v3-text-to-image": IDEOGRAM,
    "ideogram/v3-remix": replace(
        IDEOGRAM,
        tasks=WITH_PICTURES,
        fields={
            **IDEOGRAM.fields,
            "image_url": Field(required=True),
            "strength": Field(),
            "num_images": _choice("1", "2", "3", "4"),
        },
        pictures_field="image_url",
        number_field="num_images",
        priced=False,
    ),
    **_in_two(
        "grok-imagine-image-2-0/",
        GROK,
        "image_urls",
        pictures_id="image-edit",
        image_urls=_urls(5),
        aspect_ratio=_ratios(*GROK.fields["aspect_ratio"].words, "auto"),
    ),
    "grok-imagine/text-to-image": replace(
        GROK,
        title="Grok Imagine",
        fields={
            "prompt": _prompt(5_000),
            "aspect_ratio": _choice("1:1", "2:3", "3:2", "16:9", "9:16"),
            "enable_pro": FLAG,
            "nsfw_checker": FLAG,
        },
        makes=6,
        path="/r/{letters}",
    ),
    "z-image": JobModel(
        title="Z-Image",
        provider="Z-Image",
        tasks=WORDS_ONLY,
        manner="z-image",
        fields={
            "prompt": _prompt(1_000),
            "aspect_ratio": _ratios("1:1", "4:3", "3:4", "16:9", "9:16"),
            "nsfw_checker": FLAG,
        },
        ratio_field="aspect_ratio",
        prices={"": 0.8},
        states=("waiting",),
        tells_credits=False,
        pace=0.5,
    ),
}
"""By id, as the catalogue calls list them."""


def price_words(model: JobModel) -> str:
    """Return the price in words, as the catalogue tells it."""
    prices = (
        f"{price:g} credits (${price * 0.005:g})" + (f" at {word}" if word else "")
        for word, price in model.prices.items()
    )
    return "Each picture costs " + ", ".join(prices) + "."
