"""Each model paints in a manner of its own: one sees which it was, and the same order gives the same picture."""

from __future__ import annotations

import io
import time
from itertools import combinations

import pytest
from PIL import Image, ImageChops, ImageStat

from sandbox.paint.manners import MANNERS
from sandbox.paint.painter import Order, paint
from tests.sandbox.emulator_caller import pixels

WORDS = "a lighthouse by the sea at sunset, birds and clouds"
DIFFERENT = 12.0
"""Mean difference of two pictures' channels, 0 to 255."""
MOST_TIMES_LONGER = 5.0
"""For a picture at 4K instead of 1K; it has eight times as many pixels."""


def thumbnail(manner: str, words: str = WORDS, variant: int = 0) -> Image.Image:
    return pixels(paint(Order(prompt=words, size="3:2", manner=manner, shrink=4), variant)).resize((96, 64))


def difference(first: Image.Image, second: Image.Image) -> float:
    return sum(ImageStat.Stat(ImageChops.difference(first, second)).mean) / 3


@pytest.mark.parametrize("words", [WORDS, "a city at night", "a meadow at noon"])
def test_no_two_models_paint_alike(words: str) -> None:
    made = {manner: thumbnail(manner, words) for manner in MANNERS}
    alike = {
        (one, other): difference(made[one], made[other])
        for one, other in combinations(MANNERS, 2)
        if difference(made[one], made[other]) < DIFFERENT
    }
    assert alike == {}


@pytest.mark.parametrize("manner", MANNERS)
def test_the_same_order_gives_the_same_picture_and_another_variant_another_one(manner: str) -> None:
    order = Order(prompt=WORDS, size="1:1", manner=manner, shrink=8)
    assert paint(order) == paint(order)
    assert paint(order, 1) != paint(order)


@pytest.mark.parametrize("manner", MANNERS)
@pytest.mark.parametrize("size", ["1:8", "8:1", "21:9", "1:1"])
@pytest.mark.parametrize(
    "words", ["x", "我的猫 [403]", "city cat door house rain snow aurora boat birds lighthouse moon"]
)
def test_each_model_can_paint_every_shape(manner: str, size: str, words: str) -> None:
    wide, high = map(int, size.split(":"))
    width, height = pixels(paint(Order(prompt=words, size=size, manner=manner, shrink=32))).size
    assert width / height == pytest.approx(wide / high, rel=0.2)


def test_a_larger_resolution_gives_a_larger_picture_of_the_same_scene_and_takes_little_longer() -> None:
    made, took = {}, {}
    for resolution in ("1K", "2K", "4K"):
        began = time.process_time()
        made[resolution] = paint(Order(prompt=WORDS, size="16:9", manner="nano-banana", resolution=resolution))
        took[resolution] = time.process_time() - began
    assert took["4K"] < MOST_TIMES_LONGER * took["1K"]
    sizes = {resolution: pixels(data).size for resolution, data in made.items()}
    assert sizes == {"1K": (1368, 768), "2K": (2728, 1536), "4K": (3840, 2160)}
    small, large = (pixels(made[resolution]).resize((96, 64)) for resolution in ("1K", "4K"))
    assert difference(small, large) < DIFFERENT
    assert len(made["4K"]) < 10 * 2**20


@pytest.mark.parametrize("kind", ["png", "webp", "jpeg"])
def test_a_transparent_picture_has_transparent_corners_and_an_opaque_middle(kind: str) -> None:
    order = Order(prompt=WORDS, manner="qwen", transparent=True, kind=kind, shrink=4)
    with Image.open(io.BytesIO(paint(order))) as picture:
        alpha = picture.getchannel("A")
        assert [alpha.getpixel(place) for place in ((0, 0), (picture.width // 2, picture.height // 2))] == [0, 255]
