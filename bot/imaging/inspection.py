"""Check a picture by decoding it: a reference or a result."""

from __future__ import annotations

from bot.errors import BadReference, Reason
from bot.imaging import cost
from bot.imaging.decoding import MAX_BYTES, bearable, checked
from bot.imaging.formats import format_named
from bot.imaging.header import known_format
from bot.imaging.headers import Header
from bot.imaging.picture_info import PictureInfo, Unreadable
from bot.imaging.pixels import LYING


def inspect(data: bytes, filename: str) -> PictureInfo:
    """
    Check a reference by reading all of it. Raises BadReference, whose reason says what is wrong with the file, with
    `filename`.

    A file name whose extension is missing or unknown is accepted; one with the extension of another format is not.
    """
    try:
        check_file(data, filename)
        return look_at_result(data)
    except Unreadable as error:
        raise BadReference(error.reason, filename=filename, **error.parameters) from error


def look_at_result(data: bytes) -> PictureInfo:
    """Check a picture from the image API by reading all of it, within the limits of pixels, memory and time. Raises
    Unreadable."""
    header = bearable(data, cost.of_look)
    checked(data, header)
    return _look(header)


def check_file(data: bytes, filename: str) -> None:
    """Check what needs no header: size, format and file name. Raises Unreadable."""
    if not data:
        raise Unreadable(Reason.REFERENCE_EMPTY)
    if len(data) > MAX_BYTES:
        raise Unreadable(Reason.REFERENCE_TOO_LARGE, megabytes=MAX_BYTES // 2**20)
    found, named = known_format(data), format_named(filename)
    if named not in {None, found}:
        raise Unreadable(Reason.REFERENCE_MISNAMED, named=str(named), format=found)


def _look(header: Header) -> PictureInfo:
    lies = header.orientation in LYING
    return PictureInfo(
        content_type=f"image/{header.format.lower()}",
        width=header.height if lies else header.width,
        height=header.width if lies else header.height,
        as_shown=header.orientation == 1,
    )
