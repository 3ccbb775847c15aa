"""
Paint a picture from the words of a prompt and the pictures attached to it. Procedural: the same order and variant
give the same picture. CPU-bound (a few hundred ms per picture): call it through `asyncio.to_thread`.
"""

from __future__ import annotations

import io
import random
import re
from dataclasses import dataclass
from typing import Final

from PIL import Image

from sandbox.paint import light, prints, scenery
from sandbox.paint.palette import Palette, by_word, choose, mix

SHORT_EDGE: Final = 1024
"""Pixels; the other edge follows from the aspect ratio."""

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
    references: tuple[bytes, ...] = ()
    mask: bytes | None = None
    shrink: int = 1


def paint(order: Order, variant: int = 0) -> bytes:
    """Return a PNG. With one reference and a mask, the reference is kept where the mask is white."""
    dice = random.Random(f"{order.prompt}\n{variant}")
    words = set(re.findall(r"[a-z]+", order.prompt.lower()))
    width, height = _pixels(order.size)
    palette = choose(words, dice)
    drawn = min(order.shrink, MOST_SHRUNK)
    canvas = _scene((width // drawn, height // drawn), palette, _subjects(words, dice), dice)
    pictures = [prints.load(data) for data in order.references]
    if order.mask is not None and len(pictures) == 1:
        canvas = prints.repaint(pictures[0], prints.load(order.mask), canvas)
    else:
        prints.hang(canvas, pictures, palette, dice)
    finished = light.finish(canvas, dice)
    return _png(finished.resize((width // order.shrink, height // order.shrink)) if drawn < order.shrink else finished)


def _pixels(size: str) -> tuple[int, int]:
    """Return width and height for an aspect ratio such as 3:2."""
    wide, high = map(int, size.split(":"))
    return SHORT_EDGE * wide // min(wide, high), SHORT_EDGE * high // min(wide, high)


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


def _png(canvas: Image.Image) -> bytes:
    out = io.BytesIO()
    canvas.save(out, "PNG", compress_level=1)
    return out.getvalue()
