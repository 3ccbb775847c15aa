"""Make the plain copy of an attached picture: what the image API gets."""

from __future__ import annotations

import math
from functools import partial
from io import BytesIO
from typing import Final

from PIL import Image, ImageCms

from bot.errors import BadReference, Reason
from bot.imaging import cost, jpeg, png
from bot.imaging.cost import SentLimit
from bot.imaging.decoding import attempt, bearable, checked, decoded
from bot.imaging.encoding import encoded
from bot.imaging.formats import CONTENT_TYPES
from bot.imaging.headers import Header, broken
from bot.imaging.inspection import check_file
from bot.imaging.metadata import without_metadata
from bot.imaging.picture_info import PlainCopy, Unreadable
from bot.imaging.pixels import LYING, colours, reduced, upright

SMALLEST_EDGE: Final = 64
"""Pixels; a picture with a shorter side is refused, as it has too little to start from."""
LONGEST_RATIO: Final = 3
"""The longer side in relation to the shorter; a picture above this ratio is refused."""
MOST_PROFILE: Final = 4 * 1024 * 1024
"""Most bytes of a colour profile that is applied; a larger one is ignored. A profile for printers has about 2 MiB."""
MOST_MISSING: Final = 0.25
"""Largest share of the rows that a JPEG of one scan may lack; with more missing, it is refused as broken."""
LOSSLESS_PIXELS: Final = 4_000_000
"""Up to this size, a picture from a lossless format is converted to PNG; a larger one to JPEG, unless it is
transparent."""
QUALITY: Final = 93
NEARLY_SRGB: Final = 3
"""Largest difference (0 to 255) that a profile may make to a colour if the picture is sent as it is."""

_LOSSLESS: Final = frozenset({"PNG", "GIF", "BMP", "TIFF"})
_GREY: Final = 128
"""What libjpeg paints where pixels are missing."""
_SPACES: Final = {"RGB": {"RGB", "RGBA"}, "GRAY": {"L"}, "CMYK": {"CMYK"}}
"""Modes of an image to which a profile of a colour space can be applied."""


def plain_copy(data: bytes, filename: str, limit: SentLimit | None = None) -> PlainCopy:
    """Return the picture, or its first frame, as an upright JPEG or PNG in sRGB, without metadata, within the limits of
    the image API, and of the model if `limit` is given. A file that differs only by its metadata loses these without
    being encoded again; one without metadata is returned unchanged. Such a file keeps a colour profile that changes its
    colours little or not at all. Raises BadReference (REFERENCE_*) with `filename`."""
    try:
        check_file(data)
        header = bearable(data, partial(cost.of_plain_copy, limit=limit))
        _check_shape(header)
        return _kept(data, header, limit) or _converted(data, header, limit)
    except Unreadable as error:
        raise BadReference(error.reason, filename=filename, **error.parameters) from error


def _check_shape(header: Header) -> None:
    lies = header.orientation in LYING
    width, height = (header.height, header.width) if lies else (header.width, header.height)
    if min(width, height) < SMALLEST_EDGE:
        raise Unreadable(Reason.REFERENCE_TOO_SMALL, width=width, height=height)
    if max(width, height) > LONGEST_RATIO * min(width, height):
        raise Unreadable(Reason.REFERENCE_TOO_LONG, width=width, height=height)


def _kept(data: bytes, header: Header, limit: SentLimit | None) -> PlainCopy | None:
    """Return the file, without its metadata, if its pixels can be sent as they are stored; None if they have to be
    converted. Raises Unreadable for pixels that are damaged."""
    if cost.needs_conversion(header, len(data), limit):
        return None
    checked(data, header)
    profile = _profile(data, header)
    mode = "L" if header.channels < 3 else "RGB"
    if header.has_profile and (profile is None or not _is_srgb(profile, mode)):
        return None
    bare = without_metadata(data)
    return PlainCopy(
        data=bare,
        content_type=CONTENT_TYPES[header.format],
        width=header.width,
        height=header.height,
        is_converted=bare != data,
        is_first_frame=header.is_animated,
    )


def _converted(data: bytes, header: Header, limit: SentLimit | None) -> PlainCopy:
    most = cost.converted_pixels(limit)
    scale = cost.conversion_scale(header)
    edge = min(header.width, header.height) // scale if scale > 1 else None
    image = decoded(data, header, edge=edge)
    profile = _profile(data, header) or _kept_profile(image)
    before, is_cut_jpeg = image.height, header.format == "JPEG" and header.is_damaged
    lacks_detail = is_cut_jpeg and header.coefficient_bytes > 0
    if is_cut_jpeg and not lacks_detail:
        image = _without_missing_rows(image)
    is_cut = lacks_detail or image.height < before
    image = attempt(lambda: upright(_in_srgb(_within(image, most), profile), header.orientation))
    made, content_type, is_scaled = attempt(lambda: _file(image, header, cost.sent_bytes(limit)))
    size = image.size if not is_scaled else _size_of(made)
    is_smaller = is_scaled or scale > 1 or header.pixels > most
    has_loss = len(data) > cost.sent_bytes(limit) and content_type == "image/jpeg"
    return PlainCopy(
        data=made,
        content_type=content_type,
        width=size[0],
        height=size[1],
        is_converted=True,
        is_first_frame=header.is_animated,
        is_reduced=is_smaller or has_loss,
        is_cut=is_cut,
    )


def _within(image: Image.Image, most: int) -> Image.Image:
    """Return the image, its sides divided by a whole number if it has more than `most` pixels."""
    pixels = image.width * image.height
    if pixels <= most:
        return image
    factor = math.ceil(math.sqrt(pixels / most))
    return reduced(image, factor, "RGBA" if image.has_transparency_data else "RGB")


def _without_missing_rows(image: Image.Image) -> Image.Image:
    """Return the image without the rows at its end that are all grey, which libjpeg paints where the file lacks them.
    Raises Unreadable if they are more than `MOST_MISSING`."""
    box = image.convert("L").point(lambda value: 0 if value == _GREY else 255).getbbox()
    seen = box[3] if box is not None else 0
    if image.height - seen > MOST_MISSING * image.height:
        raise broken()
    return image.crop((0, 0, image.width, seen)) if seen < image.height else image


def _profile(data: bytes, header: Header) -> bytes | None:
    match header.format:
        case "JPEG":
            return jpeg.profile(data, MOST_PROFILE)
        case "PNG":
            return png.profile(data, MOST_PROFILE)
    return None


def _kept_profile(image: Image.Image) -> bytes | None:
    """Return the profile that the decoder found; None if there is none or it has more than `MOST_PROFILE` bytes."""
    found = image.info.get("icc_profile")
    return found if isinstance(found, bytes) and 0 < len(found) <= MOST_PROFILE else None


def _in_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    """Return the image as RGB or RGBA in sRGB. A profile that cannot be applied is ignored."""
    if image.mode not in {"CMYK", "L"} or image.has_transparency_data:
        image = colours(image)
    if profile is not None and (applied := _applied(image, profile)) is not None:
        image = applied
    return colours(image)


def _applied(image: Image.Image, profile: bytes) -> Image.Image | None:
    """Return the image in sRGB; None if the profile is damaged or belongs to other colours."""
    try:
        source = ImageCms.ImageCmsProfile(BytesIO(profile))
        if image.mode not in _SPACES.get(source.profile.xcolor_space.strip(), ()):
            return None
        mode = "RGBA" if image.mode == "RGBA" else "RGB"
        return ImageCms.profileToProfile(image, source, ImageCms.createProfile("sRGB"), outputMode=mode)
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return None


def _is_srgb(profile: bytes, mode: str) -> bool:
    """Return whether the profile leaves colours nearly as they are, or cannot be applied."""
    steps = range(0, 256, 51)
    if mode == "L":
        sample = Image.frombytes("L", (256, 1), bytes(range(256)))
    else:
        cube = bytes(value for red in steps for green in steps for blue in steps for value in (red, green, blue))
        sample = Image.frombytes("RGB", (len(cube) // 3, 1), cube)
    applied = _applied(sample, profile)
    if applied is None:
        return True
    pairs = zip(sample.convert("RGB").tobytes(), applied.tobytes(), strict=True)
    return all(abs(before - after) <= NEARLY_SRGB for before, after in pairs)


def _file(image: Image.Image, header: Header, most: int) -> tuple[bytes, str, bool]:
    """Return the file of at most `most` bytes, its content type, and whether the image was scaled to fit."""
    is_lossless = header.format in _LOSSLESS and image.width * image.height <= LOSSLESS_PIXELS
    if image.mode == "RGBA" or is_lossless:
        made = encoded(image, "PNG")
        if len(made) <= most:
            return made, "image/png", False
    scaled, is_scaled = image, False
    while len(made := _encoded(scaled)) > most:
        share = min(0.9, math.sqrt(most / len(made)))
        width, height = (max(1, int(edge * share)) for edge in scaled.size)
        scaled, is_scaled = scaled.resize((width, height), Image.Resampling.LANCZOS), True
    return made, "image/png" if scaled.mode == "RGBA" else "image/jpeg", is_scaled


def _encoded(image: Image.Image) -> bytes:
    if image.mode == "RGBA":
        return encoded(image, "PNG")
    return encoded(image, "JPEG", quality=QUALITY, subsampling="4:4:4")


def _size_of(made: bytes) -> tuple[int, int]:
    with Image.open(BytesIO(made), formats=("JPEG", "PNG")) as image:
        return image.size
