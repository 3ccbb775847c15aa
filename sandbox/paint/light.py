"""Paint the background of a painting and its final effects: sky, clouds, water, weather, grain."""

from __future__ import annotations

import math
import random
from typing import Final

from PIL import Image, ImageChops, ImageDraw, ImageFilter

from sandbox.paint.palette import Colour, Palette, mix

EDGE: Final = 77
"""Value of Pillow's inverted radial gradient in the middle of each side; it is 0 only in the corners."""


def sky(size: tuple[int, int], palette: Palette, horizon: int) -> Image.Image:
    """Return a smooth gradient from the top to the horizon, filled with the horizon's colour below it."""
    width, height = size
    strip = Image.new("RGB", (1, len(palette.sky)))
    strip.putdata(palette.sky)
    filled = Image.new("RGB", size, palette.horizon)
    filled.paste(strip.resize((width, horizon), Image.Resampling.BICUBIC, box=(0, 0.5, 1, len(palette.sky) - 0.5)))
    filled.paste(palette.horizon, (0, horizon, width, height))
    return filled


def glow(canvas: Image.Image, centre: tuple[int, int], radius: int, colour: Colour, strength: float) -> None:
    """Add light around a point by screen blending, as light adds up."""
    fall = ImageChops.invert(Image.radial_gradient("L")).resize((radius * 2, radius * 2), Image.Resampling.BILINEAR)
    fall = fall.point([round(strength * (max(0, value - EDGE) / (255 - EDGE)) ** 2.6 * 255) for value in range(256)])
    box = (centre[0] - radius, centre[1] - radius, centre[0] + radius, centre[1] + radius)
    under = canvas.crop(box)
    lit = ImageChops.screen(under, Image.new("RGB", under.size, colour))
    canvas.paste(Image.composite(lit, under, fall), box)


def disc(canvas: Image.Image, centre: tuple[int, int], radius: int, colour: Colour) -> None:
    mask = Image.new("L", (radius * 8, radius * 8))
    ImageDraw.Draw(mask).ellipse((2, 2, radius * 8 - 3, radius * 8 - 3), fill=255)
    canvas.paste(colour, (centre[0] - radius, centre[1] - radius), mask.reduce(4))


def craters(canvas: Image.Image, centre: tuple[int, int], radius: int, colour: Colour, dice: random.Random) -> None:
    """Paint craters on the moon's disc."""
    face = Image.new("L", (radius * 2, radius * 2))
    drawn = ImageDraw.Draw(face)
    for _ in range(14):
        angle, away = dice.uniform(0, math.tau), dice.uniform(0, 0.72) * radius
        x, y, r = radius + math.cos(angle) * away, radius + math.sin(angle) * away, radius * dice.uniform(0.05, 0.24)
        drawn.ellipse((x - r, y - r, x + r, y + r), fill=dice.randrange(26, 70))
    round_edge = Image.new("L", face.size)
    ImageDraw.Draw(round_edge).ellipse((3, 3, radius * 2 - 4, radius * 2 - 4), fill=255)
    face = ImageChops.multiply(face.filter(ImageFilter.GaussianBlur(radius * 0.06)), round_edge)
    canvas.paste(mix(colour, (90, 100, 130), 0.7), (centre[0] - radius, centre[1] - radius), face)


def stars(canvas: Image.Image, horizon: int, dice: random.Random) -> None:
    sheet = Image.new("L", canvas.size)
    drawn = ImageDraw.Draw(sheet)
    for _ in range(canvas.width * horizon // 1700):
        x, y, shine = dice.randrange(canvas.width), int(horizon * dice.random() ** 1.4), dice.randrange(60, 255)
        if shine > 235:
            drawn.ellipse((x - 1, y - 1, x + 1, y + 1), fill=shine)
        else:
            drawn.point((x, y), fill=shine)
    canvas.paste((235, 240, 255), (0, 0), sheet)


def clouds(canvas: Image.Image, horizon: int, colour: Colour, amount: float, dice: random.Random) -> None:
    """Paint long banks of cloud: noise at several scales, stretched and cut off below a level. `amount` is 0 to 1."""
    width = canvas.width
    sheet = Image.new("L", (width, horizon))
    for scale, weight in ((5, 0.55), (11, 0.28), (24, 0.17)):
        cells = (scale, max(2, scale * 2 * horizon // width))
        noise = Image.new("L", cells)
        noise.putdata([dice.randrange(256) for _ in range(cells[0] * cells[1])])
        layer = noise.resize((width, horizon), Image.Resampling.BICUBIC)
        sheet = ImageChops.add(sheet, layer.point([round(value * weight) for value in range(256)]))
    level = 190 - 110 * amount
    sheet = sheet.point([round(min(1, max(0, (value - level) / 80)) ** 1.3 * 215) for value in range(256)])
    canvas.paste(Image.new("RGB", sheet.size, colour), (0, 0), sheet)


def aurora(canvas: Image.Image, horizon: int, dice: random.Random) -> None:
    width = canvas.width
    curtain = Image.new("RGB", (width // 4, horizon // 4))
    drawn = ImageDraw.Draw(curtain)
    for hue in ((40, 220, 140), (60, 200, 200), (150, 90, 220)):
        phase, base = dice.uniform(0, math.tau), horizon / 4 * dice.uniform(0.45, 0.8)
        for x in range(curtain.width):
            bend = math.sin(x / curtain.width * 5 + phase) + 0.5 * math.sin(x / curtain.width * 13 + phase * 2)
            foot = base + bend * horizon / 4 * 0.12
            reach = horizon / 4 * (0.3 + 0.16 * math.sin(x * 0.7 + phase * 3))
            for step in range(6):
                shade = mix((0, 0, 0), hue, 0.6 * (1 - step / 6))
                drawn.line((x, foot - reach * step / 6, x, foot - reach * (step + 1) / 6), fill=shade)
    soft = curtain.filter(ImageFilter.GaussianBlur(3)).resize((width, horizon), Image.Resampling.BICUBIC)
    sky_part = canvas.crop((0, 0, width, horizon))
    canvas.paste(ImageChops.screen(sky_part, soft), (0, 0))


def water(canvas: Image.Image, line: int, palette: Palette, light_x: int, dice: random.Random) -> None:
    """
    Paint water below `line`: the picture above it mirrored, darkened, and distorted by waves that grow towards the
    viewer.
    """
    width, height = canvas.size
    depth = height - line
    above = canvas.crop((0, max(0, line - depth), width, line)).transpose(Image.Transpose.FLIP_TOP_BOTTOM)
    mirror = above.resize((width, depth), Image.Resampling.BILINEAR).filter(ImageFilter.GaussianBlur(2))
    torn = Image.new("RGB", (width, depth))
    phase = dice.uniform(0, math.tau)
    for y in range(0, depth, 2):
        nearness = y / depth
        swing = (2 + 22 * nearness) * math.sin(phase + 260 * nearness**0.45) + dice.uniform(-3, 3) * (1 + 2 * nearness)
        for shift in (round(swing) - width, round(swing), round(swing) + width):
            torn.paste(mirror.crop((0, y, width, y + 2)), (shift, y))
    deep = Image.new("RGB", torn.size, mix(palette.near, palette.sky[0], 0.45))
    fall = Image.linear_gradient("L").resize(torn.size).point([70 + value * 100 // 255 for value in range(256)])
    canvas.paste(Image.composite(deep, torn, fall), (0, line))
    _glitter(canvas, line, palette.light, light_x, dice)


def _glitter(canvas: Image.Image, line: int, colour: Colour, light_x: int, dice: random.Random) -> None:
    width, height = canvas.size
    depth = height - line
    sheet = Image.new("L", (width, depth))
    drawn = ImageDraw.Draw(sheet)
    for _ in range(620):
        nearness = dice.random() ** 1.5
        y = int(nearness * depth)
        x = light_x + dice.gauss(0, width * (0.018 + 0.085 * nearness))
        half = 3 + dice.random() * (6 + 44 * nearness)
        drawn.line((x - half, y, x + half, y), fill=dice.randrange(60, 225), width=1 + int(2.4 * nearness))
    canvas.paste(colour, (0, line), sheet.filter(ImageFilter.GaussianBlur(0.8)))


def mist(canvas: Image.Image, line: int, thickness: int, colour: Colour, strength: float) -> None:
    """Paint a soft band of haze that is thickest at `line`."""
    band = Image.new("L", (1, 5))
    band.putdata([0, 150, 255, 150, 0])
    fall = band.resize((canvas.width, thickness * 2), Image.Resampling.BICUBIC)
    fall = fall.point([round(value * strength) for value in range(256)])
    canvas.paste(colour, (0, line - thickness), fall)


def rain(canvas: Image.Image, dice: random.Random) -> None:
    sheet = Image.new("L", canvas.size)
    drawn = ImageDraw.Draw(sheet)
    for _ in range(420):
        x, y, length = dice.randrange(-40, canvas.width), dice.randrange(canvas.height), dice.randrange(18, 54)
        drawn.line((x, y, x + length // 5, y + length), fill=dice.randrange(30, 110))
    canvas.paste((225, 232, 240), (0, 0), sheet.filter(ImageFilter.GaussianBlur(0.7)))


def snow(canvas: Image.Image, dice: random.Random) -> None:
    sheet = Image.new("L", canvas.size)
    drawn = ImageDraw.Draw(sheet)
    for _ in range(700):
        x, y, r = dice.randrange(canvas.width), dice.randrange(canvas.height), 0.6 + 3.4 * dice.random() ** 3
        drawn.ellipse((x - r, y - r, x + r, y + r), fill=dice.randrange(110, 240))
    canvas.paste((252, 252, 255), (0, 0), sheet.filter(ImageFilter.GaussianBlur(0.9)))


def finish(canvas: Image.Image, dice: random.Random) -> Image.Image:
    """Darken the corners and add paper grain."""
    corners = Image.radial_gradient("L").resize(canvas.size, Image.Resampling.BILINEAR)
    shade = corners.point([255 - round(92 * (value / 255) ** 2.4) for value in range(256)])
    vignetted = ImageChops.multiply(canvas, Image.merge("RGB", (shade, shade, shade)))
    tile = Image.new("L", (256, 256))
    tile.putdata([round(min(255, max(0, dice.gauss(128, 9)))) for _ in range(256 * 256)])
    grain = Image.new("L", canvas.size)
    for x in range(0, canvas.width, 256):
        for y in range(0, canvas.height, 256):
            grain.paste(tile.transpose(dice.choice(list(Image.Transpose)[:4])), (x, y))
    return ImageChops.add(vignetted, Image.merge("RGB", (grain, grain, grain)), scale=1, offset=-128)
