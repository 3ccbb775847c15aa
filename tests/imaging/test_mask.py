"""Tests for masks: a mask must have the size of its image, and be black and white enough to mark what changes."""

from __future__ import annotations

from typing import Any

import pytest
from PIL import Image, ImageDraw

from bot.errors import BadReference, Reason
from bot.imaging.conversion import mask_as_png
from bot.imaging.inspection import inspect_mask
from bot.imaging.picture_info import PictureInfo
from tests.imaging.picture_files import file_of, opened, oriented, painted

Colour = str | int | tuple[int, ...]

IMAGE = PictureInfo(content_type="image/png", width=60, height=40)


def mask(ground: Colour = "white", hole: Colour = "black", mode: str = "RGB") -> Image.Image:
    image = Image.new(mode, (60, 40), ground)
    ImageDraw.Draw(image).ellipse((20, 10, 40, 30), fill=hole)
    return image


def mask_reason(image: Image.Image, **options: Any) -> dict[str, str | int]:
    with pytest.raises(BadReference) as refused:
        inspect_mask(file_of(image, **options), "mask.png", IMAGE)
    assert refused.value.reason is Reason.MASK_NOT_BLACK_AND_WHITE
    return {name: value for name, value in refused.value.parameters.items() if name != "filename"}


@pytest.mark.parametrize(
    "data",
    [
        file_of(mask()),
        file_of(mask(), "JPEG", quality=40),
        file_of(mask(), "WEBP", quality=40),
        file_of(mask().convert("1")),
        file_of(mask(255, 0, "L").convert("I;16").point(lambda value: value * 257)),
        file_of(mask((240, 235, 238), (9, 0, 20))),
        file_of(mask().resize((120, 80)).resize((60, 40))),
        file_of(Image.new("L", (60, 40), "black")),
    ],
    ids=["png", "jpeg", "webp", "1-bit", "16-bit", "nearly", "soft", "all-black"],
)
def test_a_mask_that_is_black_and_white_enough_is_taken(data: bytes) -> None:
    assert inspect_mask(data, "mask", IMAGE).as_shown


def test_a_mask_of_another_size_is_refused_with_both_sizes() -> None:
    sideways = file_of(mask(), "JPEG", exif=oriented())
    with pytest.raises(BadReference) as refused:
        inspect_mask(sideways, "mask.jpg", IMAGE)
    assert refused.value.reason is Reason.MASK_SIZE
    sizes = {"filename": "mask.jpg", "width": 60, "height": 40, "mask_width": 40, "mask_height": 60}
    assert refused.value.parameters == sizes


def test_a_photo_is_no_mask() -> None:
    assert int(mask_reason(painted())["grey"]) > 50


@pytest.mark.parametrize("colour", ["blue", "red", "grey", "yellow"])
def test_colours_are_neither_black_nor_white(colour: str) -> None:
    assert mask_reason(Image.new("RGB", (60, 40), colour)) == {"grey": 100, "black": 0}


def test_a_mask_that_would_change_nothing_is_refused() -> None:
    assert mask_reason(Image.new("RGB", (60, 40), "white")) == {"grey": 0, "black": 0}
    assert mask_reason(mask("white", (0, 0, 0, 0), "RGBA")) == {"grey": 0, "black": 0}


def test_a_broken_mask_is_refused_as_any_picture() -> None:
    with pytest.raises(BadReference, match="reference_broken"):
        inspect_mask(file_of(mask())[:-30], "mask.png", IMAGE)


def test_a_mask_painted_on_an_empty_layer_lies_on_white() -> None:
    data = file_of(mask((0, 0, 0, 0), "black", "RGBA"))
    assert not inspect_mask(data, "mask.png", IMAGE).as_shown
    flat = mask_as_png(data)
    assert opened(flat).convert("RGB").tobytes() == mask().tobytes()
    assert inspect_mask(flat, "mask.png", IMAGE).as_shown
