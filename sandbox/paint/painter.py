"""
Paint a picture from the words of a prompt and the pictures attached to it, in the manner of a model. Procedural: the
same order and variant give the same picture. CPU-bound (some hundred ms per picture, one second at 4K): call it through
`asyncio.to_thread`.
"""

from __future__ import annotations

import io
import random
import re
from dataclasses import dataclass
from typing import Any, Final

from PIL import Image, ImageChops, ImageDraw, ImageFilter

from sandbox.paint import light, manners, prints, scenery
from sandbox.paint.palette import Palette, by_word, choose, mix

SHORT_EDGE: Final = 1024
"""Pixels of 4o's pictures; the other edge follows from the aspect ratio."""
AREAS: Final = {"1K": 1024**2, "1.5K": 1536**2, "2K": 2048**2, "4K": 3840 * 2160}
"""Pixels of other models' pictures; the edges follow from the aspect ratio. Some real models make 4096² at 4K."""
DRAWN_AREA: Final = 1024**2
"""A larger picture is drawn at this size and scaled up, which is quicker."""
FORMATS: Final = {"png": "PNG", "jpg": "JPEG", "jpeg": "JPEG", "webp": "WEBP"}

SUBJECTS: Final = by_word(
    {
        "mountains": "mountain mountains peak peaks hill hills valley alps",
        "water": "sea ocean lake river water beach coast shore bay pond",
        "forest": "forest tree trees wood woods pine pines jungle",
        "city": "city skyline town street tower towers skyscraper tokyo",
        "dunes": "desert dune dunes sand sahara mars",
        "meadow": "meadow field fields garden grass flowers countryside farm",
        "moon": "moon moonlight moonlit",
        "sun": "sun sunny sunrise sunset",
        "stars": "star stars starry galaxy space night midnight",
        "aurora": "aurora northern borealis",
        "clouds": "cloud clouds cloudy sky storm dramatic",
        "rain": "rain rainy storm",
        "snow": "snow snowy snowing blizzard winter",
        "door": "door doorway portal gate",
        "house": "house cabin cottage hut home village",
        "lighthouse": "lighthouse beacon",
        "boat": "boat ship sail sailing sailboat",
        "birds": "bird birds gull gulls crows swallows",
        "cat": "cat cats kitten",
    }
)
"""Words of a prompt, mapped to the subject that each puts into the picture."""

MOST_SHRUNK: Final = 4
"""The scene is drawn at no less than a quarter of its size, because a smaller moon has no room for its craters."""
LANDS: Final = ("mountains", "forest", "city", "dunes", "meadow")
DEFAULTS: Final = ({"mountains", "water"}, {"mountains", "forest"}, {"meadow", "birds"}, {"dunes"}, {"water", "boat"})
"""What is painted for a prompt without a known subject."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What to paint. `references` and `mask` are file contents; `shrink` divides the size, for fast tests."""

    prompt: str
    size: str = "1:1"
    manner: str = "4o"
    resolution: str = "1K"
    transparent: bool = False
    kind: str = "png"
    """File type: png, jpg, jpeg or webp. A transparent picture is never a JPEG."""
    references: tuple[bytes, ...] = ()
    mask: bytes | None = None
    mask_changes: str = "black"
    """Colour of the part of the mask that is painted."""
    shrink: int = 1


def paint(order: Order, variant: int = 0) -> bytes:
    """Return a picture file. With one reference and a mask, the reference is kept where the mask says so."""
    dice = random.Random(f"{order.prompt}\n{variant}")
    words = set(re.findall(r"[a-z]+", order.prompt.lower()))
    size = _pixels(order)
    drawn = _drawn(size, order.shrink)
    palette = choose(words, dice)
    canvas = _scene(drawn, palette, _subjects(words, dice), dice)
    pictures = [prints.load(data) for data in order.references]
    masked = order.mask is not None and len(pictures) == 1
    if order.manner == "4o":
        # 4o paints its grain over the attached pictures too; another manner would hide what they show.
        canvas = _with_pictures(canvas, order, pictures, palette, dice, masked=masked)
        canvas = manners.MANNERS[order.manner](canvas, order.prompt, dice)
    else:
        canvas = manners.MANNERS[order.manner](canvas, order.prompt, dice)
        canvas = _with_pictures(canvas, order, pictures, palette, dice, masked=masked)
    if order.transparent:
        canvas = _sticker(canvas)
    final = (size[0] // order.shrink, size[1] // order.shrink)
    return _file(canvas if final == drawn else canvas.resize(final, Image.Resampling.BICUBIC), order.kind)


def _pixels(order: Order) -> tuple[int, int]:
    """Return width and height."""
    wide, high = map(int, order.size.split(":"))
    if order.manner == "4o":
        return SHORT_EDGE * wide // min(wide, high), SHORT_EDGE * high // min(wide, high)
    scale = (AREAS[order.resolution] / (wide * high)) ** 0.5
    return max(1, round(wide * scale / 8) * 8), max(1, round(high * scale / 8) * 8)


def _drawn(size: tuple[int, int], shrink: int) -> tuple[int, int]:
    """Return the size to draw at: at most the size of a 1K picture, then divided by `shrink` within `MOST_SHRUNK`."""
    scale = min(1.0, (DRAWN_AREA / (size[0] * size[1])) ** 0.5) if size[0] * size[1] > 2 * DRAWN_AREA else 1.0
    divided = min(shrink, MOST_SHRUNK)
    return max(1, int(size[0] * scale) // divided), max(1, int(size[1] * scale) // divided)


def _with_pictures(
    canvas: Image.Image,
    order: Order,
    pictures: list[Image.Image],
    palette: Palette,
    dice: random.Random,
    *,
    masked: bool,
) -> Image.Image:
    """Return the painting with the attached pictures: as prints, or kept by the mask."""
    if masked and order.mask is not None:
        mask = prints.load(order.mask)
        keep = mask if order.mask_changes == "black" else ImageChops.invert(mask)
        return prints.repaint(pictures[0], keep, canvas)
    prints.hang(canvas, pictures, palette, dice)
    return canvas


def _sticker(canvas: Image.Image) -> Image.Image:
    """Cut the picture out with a white rim; its corners and edges become transparent."""
    edge = min(canvas.size)
    cut, rim = Image.new("L", canvas.size), Image.new("L", canvas.size)
    for sheet, margin in ((rim, edge // 20), (cut, edge // 20 + edge // 40)):
        box = (margin, margin, max(margin + 1, canvas.width - margin), max(margin + 1, canvas.height - margin))
        ImageDraw.Draw(sheet).rounded_rectangle(box, radius=edge // 3, fill=255)
    sticker = Image.composite(canvas, Image.new("RGB", canvas.size, "white"), cut)
    sticker.putalpha(rim.filter(ImageFilter.GaussianBlur(1)))
    return sticker


def _subjects(words: set[str], dice: random.Random) -> set[str]:
    subjects = {SUBJECTS[word] for word in words if word in SUBJECTS}
    if not subjects & {*LANDS, "water"}:
        subjects |= dice.choice(DEFAULTS)
    if subjects & {"boat", "lighthouse", "city"}:
        subjects.add("water")
    return subjects


def _scene(size: tuple[int, int], palette: Palette, subjects: set[str], dice: random.Random) -> Image.Image:
    """Paint the scene, from the back to the front."""
    horizon = int(size[1] * dice.uniform(0.56, 0.66))
    canvas = light.sky(size, palette, horizon)
    light_x = _heavens(canvas, horizon, palette, subjects, dice)
    wet = "water" in subjects
    if "mountains" in subjects or ("city" not in subjects and dice.random() < 0.4):
        scenery.mountains(canvas, horizon, palette, dice, snowy="snow" in subjects)
    if wet:
        for name in ("city", "lighthouse"):
            if name in subjects:
                scenery.SCENES[name](canvas, horizon, palette, dice)
        light.water(canvas, horizon, palette, light_x, dice)
        if subjects & {"house", "door", "cat"}:
            scenery.bank(canvas, horizon, palette, dice)
    else:
        ground = next((land for land in ("forest", "dunes", "meadow") if land in subjects), "meadow")
        scenery.SCENES[ground](canvas, horizon, palette, dice)
    for name in ("birds", "boat", "house", "door", "cat"):
        if name in subjects:
            scenery.SCENES[name](canvas, horizon, palette, dice)
    for name, weather in (("rain", light.rain), ("snow", light.snow)):
        if name in subjects:
            weather(canvas, dice)
    return canvas


def _heavens(canvas: Image.Image, horizon: int, palette: Palette, subjects: set[str], dice: random.Random) -> int:
    """Paint stars, aurora, moon or sun, and clouds; return the x position of the light source."""
    x, scale = int(canvas.width * dice.uniform(0.24, 0.76)), canvas.height
    if palette.night or "stars" in subjects:
        light.stars(canvas, horizon, dice)
    if "aurora" in subjects:
        light.aurora(canvas, horizon, dice)
    if "moon" in subjects or (palette.night and "sun" not in subjects):
        y, radius = int(horizon * dice.uniform(0.24, 0.48)), max(2, int(scale * dice.uniform(0.05, 0.085)))
        light.glow(canvas, (x, y), radius * 5, palette.light, 0.5)
        light.disc(canvas, (x, y), radius, palette.light)
        light.craters(canvas, (x, y), radius, palette.light, dice)
    else:
        y, radius = int(horizon * dice.uniform(0.5, 0.86)), max(2, int(scale * 0.045))
        light.glow(canvas, (x, y), radius * 13, palette.light, 0.75)
        if "rain" not in subjects:
            light.disc(canvas, (x, y), radius, palette.light)
            light.glow(canvas, (x, y), radius * 3, palette.light, 0.9)
    cover = 0.75 if "clouds" in subjects else dice.uniform(0.2, 0.5)
    light.clouds(canvas, horizon, mix(palette.horizon, palette.light, 0.35), cover, dice)
    return x


def _file(canvas: Image.Image, kind: str) -> bytes:
    out = io.BytesIO()
    format_ = FORMATS[kind] if canvas.mode == "RGB" or kind == "webp" else "PNG"
    options: dict[str, Any] = {"compress_level": 1} if format_ == "PNG" else {"quality": 92}
    canvas.save(out, format_, **options)
    return out.getvalue()
