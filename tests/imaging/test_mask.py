"""Tests for masks: which part of the picture they change, what the image API gets, and which ones are refused."""

from __future__ import annotations

from typing import Any

import pytest
from PIL import Image, ImageDraw, ImageFilter, ImageOps

from bot.errors import BadReference, Reason
from bot.imaging.mask import inverted_mask, plain_mask
from bot.imaging.picture_info import Unreadable
from tests.imaging.picture_files import file_of, opened, oriented, painted

Colour = str | int | tuple[int, ...]
Point = tuple[int, int]

SIZE = (60, 40)
HOLE = 20 * 20 / (60 * 40)
"""Share of the picture in `mask`'s hole."""
INSIDE, OUTSIDE = (30, 20), (5, 5)
BLACK, WHITE = (0, 0, 0), (255, 255, 255)
CLEAR = (0, 0, 0, 0)


def mask(
    ground: Colour = "white", hole: Colour = "black", mode: str = "RGB", size: tuple[int, int] = SIZE
) -> Image.Image:
    """Return a mask with a hole: a third of its width, half of its height."""
    image = Image.new(mode, size, ground)
    width, height = size
    box = (width // 3, height // 4, 2 * width // 3 - 1, 3 * height // 4 - 1)
    image.paste(Image.new(mode, (box[2] - box[0] + 1, box[3] - box[1] + 1), hole), box[:2])
    return image


def dotted() -> Image.Image:
    image = Image.new("RGB", SIZE, "white")
    image.putpixel(INSIDE, (0, 0, 0))
    return image


def with_alpha(image: Image.Image, alpha: Image.Image) -> Image.Image:
    image = image.convert("RGBA")
    image.putalpha(alpha)
    return image


def halves(left: Colour = "black", right: Colour = "white") -> Image.Image:
    """Return a mask whose left half has one colour and whose right half the other."""
    image = Image.new("RGBA", SIZE, right)
    image.paste(Image.new("RGBA", (SIZE[0] // 2, SIZE[1]), left))
    return image


def stray(image: Image.Image, colour: tuple[int, ...] = CLEAR, place: Point = (59, 39)) -> Image.Image:
    """Return the mask with one pixel of this colour in its lower right corner, or in another place."""
    image = image.convert("RGBA")
    image.putpixel(place, colour)
    return image


def erased(ground: Colour, percent: int) -> Image.Image:
    """Return a mask in which an eraser has left the hole as opaque as `percent` says."""
    return with_alpha(Image.new("RGB", SIZE, ground), mask(255, round(255 * percent / 100), "L"))


def first_scan(jpeg: bytes) -> bytes:
    """Return the start of a progressive JPEG, up to the first bytes of its second scan."""
    return jpeg[: jpeg.index(b"\xff\xda", jpeg.index(b"\xff\xda") + 2) + 12]


def soft(image: Image.Image) -> Image.Image:
    return image.filter(ImageFilter.GaussianBlur(1))


def palette_with_hole() -> bytes:
    image = mask(0, 1, "P")
    image.putpalette([255, 0, 0, 0, 0, 255])
    return file_of(image, transparency=1)


ALPHA = mask(255, 0, "L")
CASES: dict[str, tuple[bytes, float]] = {
    # transparent pixels say what changes, whatever the colours
    "black with a transparent hole": (file_of(mask("black", CLEAR, "RGBA")), HOLE),
    "white with a transparent hole": (file_of(mask("white", CLEAR, "RGBA")), HOLE),
    "the photo with a transparent hole": (file_of(with_alpha(painted(), ALPHA)), HOLE),
    "a red hole that is transparent": (file_of(mask("white", (255, 0, 0, 0), "RGBA")), HOLE),
    "grey with transparency": (file_of(mask((90, 255), (90, 0), "LA")), HOLE),
    "a palette with a transparent colour": (palette_with_hole(), HOLE),
    "a transparent hole in a WebP": (file_of(mask("black", CLEAR, "RGBA"), "WEBP", lossless=True), HOLE),
    "nearly transparent": (file_of(mask("black", (0, 0, 0, 127), "RGBA")), HOLE),
    "a soft transparent edge": (file_of(with_alpha(painted(), soft(ALPHA))), HOLE),
    "black painted on an empty layer: all the rest": (file_of(mask(CLEAR, "black", "RGBA")), 1 - HOLE),
    "all transparent": (file_of(Image.new("RGBA", SIZE, CLEAR)), 1),
    # an eraser that was too soft: the more transparent part changes where the colours say nothing
    **{f"black, its hole {percent} % opaque": (file_of(erased("black", percent)), HOLE) for percent in (40, 55, 70)},
    "white, its hole 55 % opaque": (file_of(erased("white", 55)), HOLE),
    "red, its hole 55 % opaque": (file_of(erased("red", 55)), HOLE),
    "the photo, its hole 55 % opaque": (file_of(with_alpha(painted(), mask(255, 140, "L"))), HOLE),
    "a soft hole with a soft edge": (file_of(with_alpha(painted(), soft(mask(255, 140, "L")))), HOLE),
    "a soft hole, rubbed more often in places": (file_of(stray(erased("black", 55), (0, 0, 0, 60), INSIDE)), HOLE),
    "a layer of 45 % opacity with a transparent hole": (file_of(mask((0, 0, 0, 115), CLEAR, "RGBA")), HOLE),
    "a soft hole in black with a white speck": (file_of(stray(erased("black", 55), (255, 255, 255, 255))), HOLE),
    # stray transparent pixels do not count where black and white say more
    "a stray transparent pixel": (file_of(stray(mask())), HOLE),
    "a stray transparent pixel that is white": (file_of(stray(mask(), (255, 255, 255, 0))), HOLE),
    "a stray pixel, hardly transparent": (file_of(stray(mask(), (255, 255, 255, 140))), HOLE),
    "a stray transparent pixel and a soft edge": (file_of(stray(soft(mask()))), HOLE),
    "a small transparent hole in black": (file_of(stray(Image.new("RGB", SIZE, "black"), place=INSIDE)), 1 / 2400),
    "a small transparent hole in the photo": (file_of(stray(painted(), place=INSIDE)), 1 / 2400),
    "a small white hole that is transparent": (
        file_of(stray(Image.new("RGB", SIZE, "black"), (255, 255, 255, 0), INSIDE)), 1 / 2400,
    ),
    # nothing transparent: black changes
    "black on white": (file_of(mask()), HOLE),
    "white on black": (file_of(mask("black", "white")), 1 - HOLE),
    "a channel of opacity without a transparent pixel": (file_of(mask("white", "black", "RGBA")), HOLE),
    "hardly transparent black": (file_of(mask("white", (0, 0, 0, 128), "RGBA")), HOLE),
    "a JPEG": (file_of(mask(), "JPEG", quality=40), HOLE),
    "a WebP": (file_of(mask(), "WEBP", quality=40), HOLE),
    "one bit": (file_of(mask().convert("1")), HOLE),
    "a palette": (file_of(mask().convert("P")), HOLE),
    "16 bits": (file_of(mask(255, 0, "L").convert("I;16").point(lambda value: value * 257)), HOLE),
    "nearly black on nearly white": (file_of(mask((240, 235, 238), (9, 0, 20))), HOLE),
    "a soft edge": (file_of(soft(mask())), HOLE),
    "all black": (file_of(Image.new("L", SIZE, "black")), 1),
    "a single black pixel": (file_of(dotted()), 1 / 2400),
    # another size of the same shape is scaled
    "twice as large": (file_of(mask(size=(120, 80))), HOLE),
    "half as large": (file_of(mask(size=(30, 20))), HOLE),
    "a pixel off": (file_of(mask(size=(60, 41))), HOLE),
    "a per cent off": (file_of(mask(size=(3030, 2000))), HOLE),
    "small, and rounded": (file_of(mask(size=(16, 10))), HOLE),
    "twice as large with a transparent hole": (file_of(mask("black", CLEAR, "RGBA", size=(120, 80))), HOLE),
    "turned upright": (file_of(mask(size=(40, 60)), "JPEG", exif=oriented()), 1 / 2 / 3),
}  # fmt: skip


@pytest.mark.parametrize(("data", "share"), CASES.values(), ids=CASES.keys())
def test_a_mask_says_which_share_changes_and_black_is_what_is_sent_for_it(data: bytes, share: float) -> None:
    made = plain_mask(data, "mask", SIZE)
    assert made.change_share == pytest.approx(share, abs=0.03)
    sent = opened(made.data)
    assert (sent.format, sent.mode, sent.size) == ("PNG", "RGB", SIZE)
    inside_changes = share == 1 or share < 0.5
    assert sent.getpixel(INSIDE) == (BLACK if inside_changes else WHITE)
    assert sent.getpixel(OUTSIDE) == (BLACK if share > 0.5 else WHITE)
    assert {colour for _, colour in sent.getcolors() or []} <= {BLACK, WHITE}
    assert sent.convert("L").histogram()[0] / (60 * 40) == made.change_share


@pytest.mark.parametrize("specks", [0, 1, 2])
@pytest.mark.parametrize("clear", [CLEAR, (255, 255, 255, 0), (0, 0, 0, 60)])
def test_a_few_transparent_pixels_do_not_hide_the_black_half(specks: int, clear: tuple[int, ...]) -> None:
    image = halves()
    for place in [(59, 39), (58, 39)][:specks]:
        image.putpixel(place, clear)
    made = plain_mask(file_of(image), "mask", SIZE)
    assert made.change_share == pytest.approx(0.5, abs=0.01)
    assert opened(made.data).getpixel((0, 0)) == BLACK


def test_a_black_spot_counts_beside_a_smaller_transparent_one() -> None:
    """Each is below the share from which transparency counts in any case."""
    image = Image.new("RGBA", (300, 200), "white")
    image.paste(Image.new("RGBA", (6, 6), "black"), (100, 100))
    image.putpixel((299, 0), (255, 255, 255, 0))
    assert plain_mask(file_of(image), "mask", (300, 200)).change_share == pytest.approx(36 / 60_000)


def test_the_colours_count_in_a_mask_that_is_half_transparent_where_it_is_white() -> None:
    made = plain_mask(file_of(halves("black", (255, 255, 255, 140))), "mask", SIZE)
    assert (made.change_share, opened(made.data).getpixel((0, 0))) == (0.5, BLACK)


REFUSED: dict[str, tuple[bytes, Reason, dict[str, Any]]] = {
    "all white": (file_of(Image.new("RGB", SIZE, "white")), Reason.MASK_CHANGES_NOTHING, {}),
    "nearly white": (file_of(Image.new("RGB", SIZE, (200, 220, 210))), Reason.MASK_CHANGES_NOTHING, {}),
    "white and opaque": (file_of(Image.new("RGBA", SIZE, "white")), Reason.MASK_CHANGES_NOTHING, {}),
    "white, hardly transparent": (
        file_of(Image.new("RGBA", SIZE, (255, 255, 255, 128))), Reason.MASK_CHANGES_NOTHING, {},
    ),
    "red, hardly transparent": (
        file_of(erased("red", 85)), Reason.MASK_NOT_BLACK_AND_WHITE, {"grey": 100, "black": 0},
    ),
    "a photo": (file_of(Image.linear_gradient("L").resize(SIZE)), Reason.MASK_NOT_BLACK_AND_WHITE, {}),
    **{
        colour: (file_of(Image.new("RGB", SIZE, colour)), Reason.MASK_NOT_BLACK_AND_WHITE, {"grey": 100, "black": 0})
        for colour in ("blue", "red", "grey", "yellow")
    },
    "a little red on white": (
        file_of(dotted().point(lambda value: value or 100)), Reason.MASK_NOT_BLACK_AND_WHITE, {"grey": 0, "black": 0},
    ),
    "a square for a landscape": (
        file_of(mask(size=(50, 50))), Reason.MASK_SIZE,
        {"width": 60, "height": 40, "mask_width": 50, "mask_height": 50},
    ),
    "on its side": (
        file_of(mask(), "JPEG", exif=oriented()), Reason.MASK_SIZE,
        {"width": 60, "height": 40, "mask_width": 40, "mask_height": 60},
    ),
    "five per cent off": (
        file_of(mask(size=(630, 400))), Reason.MASK_SIZE,
        {"width": 60, "height": 40, "mask_width": 630, "mask_height": 400},
    ),
    "another shape, and all white": (
        file_of(Image.new("L", (50, 50), 255)), Reason.MASK_SIZE,
        {"width": 60, "height": 40, "mask_width": 50, "mask_height": 50},
    ),
    "cut short": (file_of(mask())[:-30], Reason.REFERENCE_BROKEN, {}),
    "the head and the first scan of a progressive JPEG": (
        first_scan(file_of(mask(), "JPEG", progressive=True)), Reason.REFERENCE_BROKEN, {},
    ),
    **{
        f"a JPEG without its last {count} bytes": (
            file_of(mask(), "JPEG", quality=90)[:-count], Reason.REFERENCE_BROKEN, {},
        )
        for count in (2, 10, 40)
    },
    "nothing": (b"", Reason.REFERENCE_EMPTY, {}),
}  # fmt: skip


@pytest.mark.parametrize(("data", "reason", "parameters"), REFUSED.values(), ids=REFUSED.keys())
def test_a_mask_that_says_nothing_clear_is_refused_with_its_reason(
    data: bytes, reason: Reason, parameters: dict[str, Any]
) -> None:
    with pytest.raises(BadReference) as refused:
        plain_mask(data, "mask", SIZE)
    assert refused.value.reason is reason
    assert refused.value.parameters["filename"] == "mask"
    assert refused.value.parameters.items() >= parameters.items()


@pytest.mark.parametrize(
    ("picture", "own", "fits"),
    [
        ((4000, 3000), (1024, 768), True),
        ((4000, 3000), (1000, 751), True),
        ((4000, 3000), (64, 48), True),
        ((4000, 3000), (100, 76), True),
        ((4000, 3000), (100, 78), False),
        ((4000, 3000), (768, 1024), False),
        ((100, 67), (3000, 2000), True),
        ((1024, 1024), (1024, 1536), False),
        ((2000, 1000), (1000, 515), False),
    ],
)
def test_the_shape_counts_and_one_per_cent_or_one_pixel_is_nothing(picture: Point, own: Point, fits: bool) -> None:
    data = file_of(Image.new("1", own))
    if fits:
        assert opened(plain_mask(data, "mask", picture).data).size == picture
        return
    with pytest.raises(BadReference, match="mask_size"):
        plain_mask(data, "mask", picture)


def test_a_plain_mask_stays_as_it_is() -> None:
    made = plain_mask(file_of(mask("black", CLEAR, "RGBA")), "mask", SIZE)
    assert plain_mask(made.data, "mask", SIZE) == made


def test_a_scaled_mask_stays_crisp_and_changes_the_same_place() -> None:
    large = plain_mask(file_of(mask(size=(30, 20))), "mask", SIZE)
    assert large == plain_mask(file_of(mask()), "mask", SIZE)


@pytest.mark.parametrize("turn", range(1, 9))
def test_a_mask_is_read_as_it_is_displayed(turn: int) -> None:
    """A corner is black as stored; the orientation says where it is displayed."""
    stored = Image.new("L", (60, 60), 255)
    ImageDraw.Draw(stored).rectangle((0, 0, 19, 9), fill=0)
    data = file_of(stored, exif=oriented(turn))
    expected = ImageOps.exif_transpose(opened(data)).convert("RGB")
    assert opened(plain_mask(data, "mask", (60, 60)).data).tobytes() == expected.tobytes()


def test_without_a_usable_picture_a_mask_is_checked_alone() -> None:
    assert opened(plain_mask(file_of(mask()), "mask", None).data).size == SIZE
    with pytest.raises(BadReference, match="mask_changes_nothing"):
        plain_mask(file_of(Image.new("L", SIZE, 255)), "mask", None)


def test_an_inverted_mask_changes_the_same_part_in_white() -> None:
    plain = plain_mask(file_of(mask()), "m.png", SIZE).data
    inverted = opened(inverted_mask(plain))
    assert (inverted.format, inverted.mode, inverted.size) == ("PNG", "RGB", SIZE)
    assert (inverted.getpixel(INSIDE), inverted.getpixel(OUTSIDE)) == (WHITE, BLACK)
    assert opened(inverted_mask(inverted_mask(plain))).tobytes() == opened(plain).tobytes()


def test_a_mask_that_was_spoilt_on_disk_is_not_inverted() -> None:
    plain = plain_mask(file_of(mask()), "m.png", SIZE).data
    with pytest.raises(Unreadable):
        inverted_mask(plain[: len(plain) // 2])
