"""
How each model paints: the same scene in a manner of its own, so that one sees at a glance which model made a picture.

A manner gets the painted scene and returns a picture of the same size. Its parts are measured by the picture's shorter
edge, so that a small picture looks like a large one.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Mapping
from typing import Final, TypeAlias

from PIL import Image, ImageChops, ImageDraw, ImageEnhance, ImageFilter, ImageFont, ImageOps

from sandbox.paint import light
from sandbox.paint.palette import Colour

Manner: TypeAlias = Callable[[Image.Image, str, random.Random], Image.Image]
"""From the scene, the prompt and the dice."""

POSTER_INKS: Final[tuple[tuple[Colour, Colour, Colour, Colour], ...]] = (
    ((24, 32, 66), (206, 62, 54), (242, 168, 60), (250, 240, 220)),
    ((16, 52, 62), (26, 128, 120), (236, 146, 74), (252, 238, 208)),
    ((48, 22, 66), (152, 48, 116), (240, 132, 112), (252, 230, 200)),
)
"""From dark to bright."""


def painted(scene: Image.Image, prompt: str, dice: random.Random) -> Image.Image:
    """4o: the scene as it is, with dark corners and paper grain."""
    return light.finish(scene, dice)


def gouache(scene: Image.Image, prompt: str, dice: random.Random) -> Image.Image:
    """GPT Image 2.5 Flare: flat, bright colours and a white border."""
    edge = _edge(scene)
    flat = scene.filter(ImageFilter.MedianFilter(5)).filter(ImageFilter.SMOOTH_MORE)
    bright = ImageEnhance.Color(ImageEnhance.Brightness(flat).enhance(1.12)).enhance(1.7)
    return _framed(bright, edge // 24, (252, 252, 250))


def engraving(scene: Image.Image, prompt: str, dice: random.Random) -> Image.Image:
    """GPT Image 2.5 Sunburst: lines of ink on cream paper, thicker where the scene is darker."""
    period = max(4, _edge(scene) // 128)
    half = period // 2
    column = [255 * abs(y - half) // max(1, half) for y in range(period)]
    tile = Image.new("L", (1, period))
    tile.putdata([30 + value * 190 // 255 for value in column])
    lines = _tiled(tile, scene.size)
    grey = ImageOps.autocontrast(scene.convert("L"))
    ink = ImageChops.subtract(lines, grey).point([min(255, value * 6) for value in range(256)])
    return Image.composite(
        Image.new("RGB", scene.size, (44, 30, 24)), Image.new("RGB", scene.size, (246, 236, 214)), ink
    )


def comic(scene: Image.Image, prompt: str, dice: random.Random) -> Image.Image:
    """Nano Banana 2.1: few colours, black outlines, a yellow frame."""
    edge = _edge(scene)
    soft = scene.filter(ImageFilter.MedianFilter(5))
    flat = ImageEnhance.Color(ImageOps.posterize(soft, 2)).enhance(1.5)
    inked = Image.composite(Image.new("RGB", scene.size, (18, 14, 10)), flat, _outlines(soft, 40))
    return _framed(_framed(inked, edge // 22, (255, 221, 51)), edge // 160, (40, 32, 8))


def glossy(scene: Image.Image, prompt: str, dice: random.Random) -> Image.Image:
    """Nano Banana Pro: strong light that glows, a black frame with a golden line."""
    edge = _edge(scene)
    strong = ImageEnhance.Contrast(scene).enhance(1.35)
    bloom = strong.filter(ImageFilter.GaussianBlur(edge / 45)).point([value * 3 // 5 for value in range(256)] * 3)
    lit = ImageChops.screen(strong, bloom)
    return _framed(_framed(lit, edge // 26, (214, 164, 44)), edge // 34, (12, 10, 10))


def watercolour(scene: Image.Image, prompt: str, dice: random.Random) -> Image.Image:
    """Seedream 5 Pro: washes of pale colour that run out into white paper."""
    edge = _edge(scene)
    wash = scene.filter(ImageFilter.GaussianBlur(edge / 140)).filter(ImageFilter.MedianFilter(5))
    pale = Image.blend(ImageEnhance.Color(wash).enhance(1.25), Image.new("RGB", scene.size, "white"), 0.34)
    cells = Image.new("L", (17, 17))
    cells.putdata([dice.randrange(256) for _ in range(17 * 17)])
    ragged = cells.resize(scene.size, Image.Resampling.BICUBIC)
    inside = Image.new("L", scene.size)
    margin = edge // 9
    inside.paste(255, (margin, margin, scene.width - margin, scene.height - margin))
    inside = inside.filter(ImageFilter.GaussianBlur(edge / 16))
    covered = ImageChops.add(inside, ragged, scale=1, offset=-120).point(
        [min(255, max(0, (value - 40) * 3)) for value in range(256)]
    )
    return Image.composite(pale, Image.new("RGB", scene.size, (253, 251, 246)), covered)


def pencil(scene: Image.Image, prompt: str, dice: random.Random) -> Image.Image:
    """Seedream 5 Flash: a pencil sketch with a breath of colour."""
    grey = scene.convert("L")
    blurred = ImageOps.invert(grey).filter(ImageFilter.GaussianBlur(_edge(scene) / 90))
    sketch = _dodged(grey, blurred)
    tinted = Image.blend(Image.new("RGB", scene.size, "white"), scene, 0.22)
    return ImageChops.multiply(Image.merge("RGB", (sketch, sketch, sketch)), tinted)


def cinema(scene: Image.Image, prompt: str, dice: random.Random) -> Image.Image:
    """FLUX.2 Pro: teal shadows and orange lights between the black bars of a film."""
    grey = ImageOps.autocontrast(scene.convert("L"))
    toned = ImageOps.colorize(grey, black=(4, 22, 34), mid=(46, 118, 126), white=(255, 214, 160))
    graded = ImageEnhance.Contrast(Image.blend(scene, toned, 0.62)).enhance(1.15)
    bar = graded.height // 10
    graded.paste((0, 0, 0), (0, 0, graded.width, bar))
    graded.paste((0, 0, 0), (0, graded.height - bar, graded.width, graded.height))
    return graded


def instant(scene: Image.Image, prompt: str, dice: random.Random) -> Image.Image:
    """FLUX.1 Kontext Pro: a faded instant photograph with a wide white foot."""
    edge = _edge(scene)
    warm = Image.blend(scene, Image.new("RGB", scene.size, (236, 196, 150)), 0.24)
    faded = ImageEnhance.Contrast(warm).enhance(0.82)
    rim, foot = edge // 16, edge // 5
    paper = Image.new("RGB", scene.size, (248, 246, 240))
    inner = (max(1, scene.width - 2 * rim), max(1, scene.height - rim - foot))
    paper.paste(ImageOps.fit(faded, inner), (rim, rim))
    return paper


def film_strip(scene: Image.Image, prompt: str, dice: random.Random) -> Image.Image:
    """FLUX.1 Kontext Max: black and white, on a strip of film with its holes."""
    edge = _edge(scene)
    grey = ImageEnhance.Contrast(ImageOps.autocontrast(scene.convert("L"))).enhance(1.25).convert("RGB")
    band = edge // 9
    for top in (0, grey.height - band):
        grey.paste((10, 10, 10), (0, top, grey.width, top + band))
        drawn = ImageDraw.Draw(grey)
        for left in range(band // 2, grey.width, band):
            box = (left, top + band // 4, left + band // 2, top + band * 3 // 4)
            drawn.rounded_rectangle(box, radius=band // 10, fill=(236, 232, 220))
    return grey


def ink_wash(scene: Image.Image, prompt: str, dice: random.Random) -> Image.Image:
    """Qwen Image 2.1: ink on rice paper, with a red seal."""
    edge = _edge(scene)
    grey = ImageOps.autocontrast(scene.convert("L").filter(ImageFilter.GaussianBlur(edge / 220)))
    steps = grey.point([(value // 43) * 51 for value in range(256)]).filter(ImageFilter.GaussianBlur(edge / 260))
    washed = ImageOps.colorize(steps, black=(28, 28, 32), mid=(138, 136, 132), white=(240, 232, 214))
    seal = max(4, edge // 11)
    left, top = washed.width - seal * 2, washed.height - seal * 2
    drawn = ImageDraw.Draw(washed)
    drawn.rectangle((left, top, left + seal, top + seal), fill=(182, 32, 28))
    for share in (0.3, 0.55):
        drawn.rectangle(
            (left + seal * 0.2, top + seal * share, left + seal * 0.8, top + seal * (share + 0.1)), fill=(246, 226, 210)
        )
    return washed


def poster(scene: Image.Image, prompt: str, dice: random.Random) -> Image.Image:
    """Ideogram 3: a poster in four inks, with the first long words of the prompt as its title."""
    inks = dice.choice(POSTER_INKS)
    grey = ImageOps.equalize(scene.convert("L").filter(ImageFilter.MedianFilter(7)))
    sheet = Image.merge("RGB", [grey.point([inks[value // 64][band] for value in range(256)]) for band in range(3)])
    band = scene.height // 6
    drawn = ImageDraw.Draw(sheet)
    drawn.rectangle((0, 0, sheet.width, band), fill=inks[0])
    title = " ".join(re.findall(r"[A-Za-z]{4,}", re.sub(r"\[[^\]]*\]", " ", prompt))[:2]).upper() or "IDEOGRAM"
    size = max(6.0, min(band * 0.62, sheet.width * 1.35 / len(title)))
    place = (sheet.width / 2, band / 2)
    drawn.text(place, title, font=ImageFont.load_default(size), fill=inks[3], anchor="mm")
    return sheet


def neon(scene: Image.Image, prompt: str, dice: random.Random) -> Image.Image:
    """Grok Imagine: glowing outlines in the dark."""
    edge = _edge(scene)
    lines = _outlines(scene, 14).filter(ImageFilter.MaxFilter(3))
    bright = ImageEnhance.Color(ImageEnhance.Brightness(scene).enhance(1.6)).enhance(3.0)
    tubes = Image.composite(bright, Image.new("RGB", scene.size), lines)
    halo = tubes.filter(ImageFilter.GaussianBlur(edge / 70)).point([min(255, value * 2) for value in range(256)] * 3)
    dark = ImageChops.add(
        scene.point([value // 7 for value in range(256)] * 3), Image.new("RGB", scene.size, (8, 2, 26))
    )
    return ImageChops.screen(ImageChops.screen(dark, halo), tubes)


def dots(scene: Image.Image, prompt: str, dice: random.Random) -> Image.Image:
    """Z-Image: a print of coloured dots on white paper."""
    period = max(6, _edge(scene) // 80)
    middle = (period - 1) / 2
    farthest = middle * 2**0.5
    tile = Image.new("L", (period, period))
    tile.putdata(
        [
            round(255 * (((x - middle) ** 2 + (y - middle) ** 2) ** 0.5) / farthest)
            for y in range(period)
            for x in range(period)
        ]
    )
    screen = _tiled(tile, scene.size)
    coarse = (max(1, scene.width // period), max(1, scene.height // period))
    colours = ImageEnhance.Color(scene.resize(coarse, Image.Resampling.BOX)).enhance(1.8)
    even = colours.resize(scene.size, Image.Resampling.NEAREST)
    darkness = ImageOps.invert(even.convert("L")).point([60 + value * 3 // 4 for value in range(256)])
    dot = ImageChops.subtract(darkness, screen).point([min(255, value * 8) for value in range(256)])
    return Image.composite(even, Image.new("RGB", scene.size, "white"), dot)


MANNERS: Final[Mapping[str, Manner]] = {
    "4o": painted,
    "gpt-image": gouache,
    "gpt-image-fine": engraving,
    "nano-banana": comic,
    "nano-banana-pro": glossy,
    "seedream": watercolour,
    "seedream-flash": pencil,
    "flux-2": cinema,
    "flux-kontext": instant,
    "flux-kontext-max": film_strip,
    "qwen": ink_wash,
    "ideogram": poster,
    "grok": neon,
    "z-image": dots,
}


def _edge(scene: Image.Image) -> int:
    return min(scene.size)


def _framed(picture: Image.Image, width: int, colour: Colour) -> Image.Image:
    """Paint a frame over the picture's own edges."""
    if width > 0:
        inner = picture.crop((width, width, picture.width - width, picture.height - width))
        return ImageOps.expand(inner, width, colour)
    return picture


def _outlines(scene: Image.Image, threshold: int) -> Image.Image:
    """Return a mask that is white along the edges of the scene."""
    found = scene.convert("L").filter(ImageFilter.FIND_EDGES)
    return found.point([min(255, max(0, value - threshold) * 6) for value in range(256)])


def _tiled(tile: Image.Image, size: tuple[int, int]) -> Image.Image:
    filled = Image.new("L", size)
    for x in range(0, size[0], tile.width) if tile.width > 1 else (0,):
        filled.paste(tile if tile.width > 1 else tile.resize((size[0], tile.height)), (x, 0))
    done = tile.height
    while done < size[1]:
        filled.paste(filled.crop((0, 0, size[0], min(done, size[1] - done))), (0, done))
        done *= 2
    return filled


def _dodged(base: Image.Image, over: Image.Image) -> Image.Image:
    """Brighten `base` by `over`, as a photographer dodges: what differs from its surroundings stays dark."""
    quotient = [
        0 if value == 0 else min(255, round(value * 255 / max(1, 255 - shade)))
        for shade in range(256)
        for value in range(256)
    ]
    shades = [quotient[256 * shade : 256 * shade + 256] for shade in range(0, 256, 16)]
    result = Image.new("L", base.size)
    for step, table in enumerate(shades):
        chosen = over.point([255 if value // 16 == step else 0 for value in range(256)])
        result.paste(base.point(table), (0, 0), chosen)
    return result
