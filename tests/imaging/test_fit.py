"""A picture that is too large for its channel is reduced with as little loss as possible."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageChops

from bot.imaging.fitting import SMALLEST_LIMIT, fit
from bot.imaging.inspection import look_at_result
from bot.imaging.picture_info import Unreadable
from tests.imaging.picture_files import file_of, noise, opened, oriented, soft

KIB = 1024


def difference(first: bytes, other: bytes) -> float:
    """Return the mean difference of the pixels, from 0 to 255."""
    channels = (
        ImageChops.difference(opened(first).convert("RGB"), opened(other).convert("RGB")).convert("L").histogram()
    )
    return sum(value * count for value, count in enumerate(channels)) / sum(channels)


@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP"])
def test_what_fits_is_left_alone(form: str) -> None:
    data = file_of(soft(80, 80), form)
    fitted = fit(data, len(data))
    assert fitted.data is data
    assert (fitted.content_type, fitted.changed) == (f"image/{form.lower()}", False)


def test_a_carelessly_packed_png_is_only_packed_better() -> None:
    data = file_of(soft(400, 300), compress_level=1)
    limit = max(len(file_of(soft(400, 300), optimize=True)), SMALLEST_LIMIT)
    fitted = fit(data, limit)
    assert len(fitted.data) <= limit < len(data)
    assert (fitted.content_type, fitted.extension, fitted.changed) == ("image/png", "png", True)
    assert difference(fitted.data, data) == 0


def test_then_comes_webp_without_loss() -> None:
    data = file_of(soft(400, 300))
    fitted = fit(data, int(len(data) * 0.85))
    assert (fitted.content_type, fitted.extension) == ("image/webp", "webp")
    assert difference(fitted.data, data) == 0


def test_then_comes_the_best_quality_that_fits() -> None:
    data = file_of(noise(400, 400))
    roomy, tight = fit(data, len(data) * 3 // 4), fit(data, len(data) // 4)
    assert roomy.extension == tight.extension == "jpg"
    assert opened(roomy.data).size == opened(tight.data).size == (400, 400)
    assert 0 < difference(roomy.data, data) < difference(tight.data, data)


def test_transparency_is_kept() -> None:
    image = noise(300, 300)
    image.putalpha(Image.linear_gradient("L").resize(image.size))
    data = file_of(image)
    fitted = fit(data, len(data) // 2)
    assert (fitted.content_type, fitted.extension) == ("image/webp", "webp")
    assert opened(fitted.data).getchannel("A").tobytes() == opened(data).getchannel("A").tobytes()


def test_an_alpha_channel_that_hides_nothing_does_not_count() -> None:
    image = noise(300, 300)
    image.putalpha(255)
    assert fit(file_of(image), SMALLEST_LIMIT).content_type == "image/jpeg"


def test_only_then_it_gets_smaller_in_its_own_shape() -> None:
    fitted = fit(file_of(noise(1200, 600)), SMALLEST_LIMIT)
    small = opened(fitted.data)
    assert len(fitted.data) <= SMALLEST_LIMIT
    assert small.width < 1200
    assert small.width / small.height == pytest.approx(2, abs=0.05)


def test_it_stays_upright_and_keeps_its_colours_but_no_other_metadata() -> None:
    exif = oriented()
    exif[0x010E] = "where I live"
    data = file_of(noise(400, 200), exif=exif, icc_profile=b"a small profile")
    fitted = fit(data, SMALLEST_LIMIT)
    assert opened(fitted.data).height > opened(fitted.data).width
    assert b"where I live" not in fitted.data
    assert opened(fitted.data).info["icc_profile"] == b"a small profile"


def test_a_profile_larger_than_the_limit_does_not_keep_it_from_fitting() -> None:
    data = file_of(noise(200, 200), icc_profile=random.Random(1).randbytes(SMALLEST_LIMIT * 2))
    assert len(fit(data, SMALLEST_LIMIT).data) <= SMALLEST_LIMIT


@pytest.mark.parametrize(
    "data",
    [
        file_of(noise(70_000, 2)),
        file_of(noise(20_000, 4, "RGBA")),
        file_of(noise(17_000, 2)),
        file_of(noise(500, 500, "L").convert("CMYK"), "JPEG", quality=95),
        file_of(noise(400, 400, "RGBA").convert("P")),
        file_of(noise(400, 200, "L").convert("I;16").point(lambda value: value * 257)),
        file_of(noise(400, 400), "WEBP", quality=95),
    ],
    ids=["thin", "thin-alpha", "thin-and-nearly-fitting", "cmyk", "palette", "16-bit", "webp"],
)
def test_odd_pictures_fit_too(data: bytes) -> None:
    limit = SMALLEST_LIMIT
    assert len(data) > limit
    fitted = fit(data, limit)
    assert len(fitted.data) <= limit
    assert look_at_result(fitted.data).content_type == fitted.content_type


@settings(deadline=None, max_examples=25)
@given(
    width=st.integers(1, 400),
    height=st.integers(1, 400),
    form=st.sampled_from(["PNG", "JPEG", "WEBP"]),
    mode=st.sampled_from(["RGB", "RGBA", "L"]),
    limit=st.integers(SMALLEST_LIMIT, 4 * SMALLEST_LIMIT),
)
def test_it_always_fits_and_is_untouched_where_it_did(
    width: int, height: int, form: str, mode: str, limit: int
) -> None:
    image = noise(width, height, mode)
    options = {"lossless": True} if form == "WEBP" else {"quality": 100}
    data = file_of(image.convert("RGB") if form == "JPEG" else image, form, **options)
    fitted = fit(data, limit)
    assert len(fitted.data) <= limit
    assert fitted.changed == (len(data) > limit)
    assert fitted.changed or fitted.data is data
    assert look_at_result(fitted.data).content_type == fitted.content_type


def test_the_same_picture_always_becomes_the_same_file() -> None:
    data = file_of(noise(500, 300))
    assert fit(data, 90 * KIB) == fit(data, 90 * KIB)


def test_nothing_is_promised_below_the_smallest_limit() -> None:
    with pytest.raises(ValueError, match="cannot promise"):
        fit(file_of(noise(300, 300)), SMALLEST_LIMIT - 1)


@pytest.mark.parametrize("data", [b"", b"<html>" * 20_000, file_of(noise(300, 300))[:-99]])
def test_what_is_no_picture_is_not_fitted(data: bytes) -> None:
    with pytest.raises(Unreadable):
        fit(data, SMALLEST_LIMIT)
