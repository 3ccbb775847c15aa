"""Make a colour profile for a wide gamut that a HEIC or AVIF names by its code points (ITU-T H.273)."""

from __future__ import annotations

import struct
from typing import Final

from PIL import ImageCms

_XYZ: Final = {
    9: ((0.67348, 0.27904, -0.00193), (0.16567, 0.67534, 0.02998), (0.12505, 0.04561, 0.79685)),
    12: ((0.51512, 0.24119, -0.00105), (0.29198, 0.69224, 0.04188), (0.15710, 0.06657, 0.78407)),
}
"""Red, green and blue of BT.2020 (9) and Display P3 (12), as XYZ under the white of colour profiles (D50)."""
_LIKE_SRGB: Final = frozenset({1, 6, 13, 14, 15})
"""Transfer characteristics that count as that of sRGB: those of BT.709, BT.601, sRGB and BT.2020. PQ and HLG do not."""
_TAG_COUNT: Final = 128
"""Position of the number of tags in a colour profile. The tags follow: name, position and length of each."""


def profile(primaries: int, transfer: int) -> bytes | None:
    """Return the colour profile of BT.2020 or Display P3; None for other primaries, and for a transfer outside
    `_LIKE_SRGB`."""
    colours = _XYZ.get(primaries)
    if colours is None or transfer not in _LIKE_SRGB:
        return None
    made = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    (count,) = struct.unpack_from(">I", made, _TAG_COUNT)
    tags = [struct.unpack_from(">4sI", made, _TAG_COUNT + 4 + 12 * number) for number in range(count)]
    places = dict(tags)
    for name, xyz in zip((b"rXYZ", b"gXYZ", b"bXYZ"), colours, strict=True):
        struct.pack_into(">3i", made, places[name] + 8, *(round(value * 2**16) for value in xyz))
    return bytes(made)
