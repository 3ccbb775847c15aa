"""Tests for the preview of a mask: the part that changes is tinted, on any picture and at any size."""

from __future__ import annotations

import pytest
from PIL import Image, ImageChops, ImageStat

from bot.imaging.mask import plain_mask
from bot.imaging.picture_info import Unreadable
from bot.imaging.preview import mask_preview
from tests.imaging.picture_files import file_of, opened, oriented, painted
from tests.imaging.test_mask import mask

COLOURS = ("black", "white", "gray", "magenta", "green", "purple", "pink")


def plain(image: Image.Image) -> bytes:
    return plain_mask(file_of(image), "mask", image.size).data


@pytest.mark.parametrize("colour", COLOURS)
def test_what_changes_can_be_told_apart_on_every_picture(colour: str) -> None:
    size = (300, 200)
    before = Image.new("RGB", size, colour)
    seen = opened(mask_preview(file_of(before), plain(mask(size=size)))).convert("RGB")
    difference = ImageChops.difference(seen, before)
    outline = difference.crop((97, 80, 104, 120)).convert("L").histogram()
    assert sum(outline[50:]) >= 40, "an outline of at least a pixel along all forty rows"
    assert max(ImageStat.Stat(difference.crop((0, 0, 60, 40))).mean) < 3, "what stays is as before"
    if colour != "magenta":
        assert max(ImageStat.Stat(difference.crop((130, 80, 170, 120))).mean) > 50, "the tint"


def test_below_the_tint_the_picture_can_be_recognised() -> None:
    seen = opened(mask_preview(file_of(painted(300, 200)), plain(Image.new("L", (300, 200)))))
    left, right = (seen.crop((x, 150, x + 20, 190)).convert("L") for x in (20, 260))
    assert ImageStat.Stat(left).mean[0] == pytest.approx(ImageStat.Stat(right).mean[0], abs=6)
    top, bottom = (ImageStat.Stat(seen.crop((200, y, 280, y + 8)).convert("L")).mean[0] for y in (10, 180))
    assert bottom - top > 50, "the gradient"


@pytest.mark.parametrize(
    ("size", "shown"), [((2600, 1300), (640, 320)), ((64, 300), (64, 300)), ((641, 640), (640, 639))]
)
def test_it_has_the_shape_of_the_picture_and_at_most_640_pixels(size: tuple[int, int], shown: tuple[int, int]) -> None:
    seen = opened(mask_preview(file_of(Image.new("RGB", size)), plain(mask(size=size))))
    assert (seen.format, seen.size) == ("JPEG", shown)


def test_a_single_pixel_of_a_large_picture_can_be_seen() -> None:
    size = (3000, 2000)
    dot = Image.new("L", size, 255)
    dot.putpixel((1500, 1000), 0)
    photo = file_of(Image.new("RGB", size, "teal"), "JPEG")
    with_dot, without = (
        opened(mask_preview(photo, data)) for data in (plain(dot), file_of(Image.new("RGB", size, "white")))
    )
    difference = ImageChops.difference(with_dot, without)
    assert max(ImageStat.Stat(difference.crop((316, 209, 325, 218))).mean) > 20
    assert max(ImageStat.Stat(difference).mean) < 1


def test_a_picture_that_lies_is_shown_upright_with_the_tint_in_its_place() -> None:
    photo = file_of(Image.new("RGB", (300, 200), "white"), "JPEG", exif=oriented())
    corner = Image.new("L", (200, 300), 255)
    corner.paste(0, (0, 0, 60, 60))
    seen = opened(mask_preview(photo, plain(corner)))
    assert seen.size == (200, 300)
    assert not seen.getexif()
    red, green, _ = ImageStat.Stat(seen.crop((20, 20, 40, 40))).mean
    assert red - green > 80
    assert min(ImageStat.Stat(seen.crop((100, 100, 190, 290))).mean) > 240


def test_a_damaged_copy_has_no_preview() -> None:
    whole = file_of(painted())
    for files in ((whole[:-30], plain(mask())), (whole, plain(mask())[:-30])):
        with pytest.raises(Unreadable):
            mask_preview(*files)
