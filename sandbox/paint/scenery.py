"""
Paint the objects of a painting: mountains, forests, cities, dunes, and single objects such as a door or a boat.

Each object is a mask drawn at twice the size and halved, which smooths its edges, and filled with a colour gradient.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence
from functools import partial
from itertools import pairwise
from typing import Final, TypeAlias

from PIL import Image, ImageDraw

from sandbox.paint import light
from sandbox.paint.palette import Colour, Palette, mix

Draw: TypeAlias = ImageDraw.ImageDraw


def ridge(width: int, level: float, height: float, roughness: float, dice: random.Random) -> list[float]:
    """
    Return the heights (y) of a skyline over `width` by midpoint displacement; high roughness is rock, low is dune.
    """
    points = [level + dice.uniform(-0.4, 0.4) * height for _ in range(4)]
    swing = height
    while len(points) < width:
        between = [(a + b) / 2 + dice.uniform(-swing, swing) / 2 for a, b in pairwise(points)]
        points = [point for pair in zip(points, between, strict=False) for point in pair] + points[-1:]
        swing *= roughness
    return [points[x * (len(points) - 1) // (width - 1)] for x in range(width)]


def silhouette(canvas: Image.Image, draw: Callable[[Draw], None], top: Colour, foot: Colour | None = None) -> None:
    """
    Fill the shape that `draw` draws (at twice the size) with a gradient from `top` to `foot` over its bounding box.
    """
    mask = Image.new("L", (canvas.width * 2, canvas.height * 2))
    draw(ImageDraw.Draw(mask))
    small = mask.reduce(2)
    box = small.getbbox()
    if box is None:
        return
    fill = Image.new("RGB", (box[2] - box[0], box[3] - box[1]), top)
    if foot is not None:
        fall = Image.linear_gradient("L").resize(fill.size)
        fill = Image.composite(Image.new("RGB", fill.size, foot), fill, fall)
    canvas.paste(fill, box[:2], small.crop(box))


def mountains(canvas: Image.Image, line: int, palette: Palette, dice: random.Random, *, snowy: bool = False) -> None:
    """Paint mountain ranges behind each other; more distant ranges are closer to the horizon's colour."""
    scale = canvas.height
    for depth in range(4):
        nearness = depth / 3
        level = line - scale * (0.17 - 0.13 * nearness) + dice.uniform(-0.01, 0.01) * scale
        skyline = ridge(canvas.width, level, scale * (0.24 - 0.09 * nearness), 0.52, dice)
        far = mix(palette.horizon, palette.near, 0.3 + 0.55 * nearness)
        _range(canvas, skyline, line, far, mix(far, palette.horizon, 0.55 - 0.3 * nearness))
        if snowy or depth < 2:
            _caps(canvas, skyline, mix(far, (250, 250, 255), 0.75 if snowy else 0.3), line)
        light.mist(canvas, line - int(scale * 0.02), int(scale * 0.05), palette.horizon, 0.4)


def _range(canvas: Image.Image, skyline: Sequence[float], line: int, top: Colour, foot: Colour) -> None:
    outline = [(x * 2, y * 2) for x, y in enumerate(skyline)]
    closed = [*outline, (canvas.width * 2, line * 2 + 4), (0, line * 2 + 4)]
    silhouette(canvas, lambda drawn: drawn.polygon(closed, fill=255), top, foot)


def _caps(canvas: Image.Image, skyline: Sequence[float], colour: Colour, line: int) -> None:
    """Paint snow on the highest parts, thinner further down."""
    highest = min(skyline)
    reach = (line - highest) * 0.34
    edge = [
        y + max(0.0, highest + reach - y) * (0.4 + 0.2 * math.sin(x * 0.05) * math.sin(x * 0.021 + highest))
        for x, y in enumerate(skyline)
    ]
    outline = [(x * 2, y * 2) for x, y in enumerate(skyline)] + [
        (x * 2, y * 2) for x, y in reversed(list(enumerate(edge)))
    ]
    silhouette(canvas, lambda drawn: drawn.polygon(outline, fill=235), colour)


def dunes(canvas: Image.Image, line: int, palette: Palette, dice: random.Random) -> None:
    sand = mix(palette.light, (206, 140, 78), 0.6)
    for depth in range(4):
        level = line + (canvas.height - line) * depth * 0.22
        skyline = ridge(canvas.width, level, canvas.height * (0.05 + 0.03 * depth), 0.34, dice)
        tone = mix(sand, palette.near, 0.16 + 0.2 * depth)
        _range(canvas, skyline, canvas.height, tone, mix(tone, palette.near, 0.5))


def meadow(canvas: Image.Image, line: int, palette: Palette, dice: random.Random) -> None:
    green = mix(palette.horizon, (60, 110, 62), 0.66)
    for depth in range(3):
        level = line + (canvas.height - line) * depth * 0.26
        skyline = ridge(canvas.width, level, canvas.height * 0.05, 0.4, dice)
        tone = mix(green, palette.near, 0.22 + 0.26 * depth)
        _range(canvas, skyline, canvas.height, tone, mix(tone, palette.near, 0.55))


def bank(canvas: Image.Image, line: int, palette: Palette, dice: random.Random) -> None:
    """Paint the near shore of the water, as ground for objects that cannot be placed in water."""
    level = line + canvas.height * 0.08
    skyline = ridge(canvas.width, level, canvas.height * 0.02, 0.4, dice)
    tone = mix(mix(palette.horizon, (60, 110, 62), 0.6), palette.near, 0.45)
    _range(canvas, skyline, canvas.height, tone, mix(tone, palette.near, 0.7))


def forest(canvas: Image.Image, line: int, palette: Palette, dice: random.Random) -> None:
    """Paint rows of firs that grow taller and darker towards the viewer, with haze between the rows."""
    scale = canvas.height
    for depth in range(4):
        nearness = depth / 3
        ground = line + scale * (0.01 + 0.3 * nearness**1.4)
        tall = scale * (0.1 + 0.3 * nearness**1.2)
        tone = mix(palette.horizon, palette.near, 0.45 + 0.5 * nearness)
        firs = [
            (x + dice.uniform(-0.3, 0.3) * tall, tall * dice.uniform(0.55, 1.05))
            for x in _steps(-tall, canvas.width + tall, tall * 0.24)
            if nearness < 0.9 or abs(x - canvas.width / 2) > canvas.width * 0.24
        ]
        silhouette(canvas, partial(_firs, firs, ground), tone, mix(tone, palette.near, 0.4))
        _range(canvas, [ground - 3] * canvas.width, canvas.height, tone, palette.near)
        if depth < 3:
            light.mist(canvas, int(ground), int(scale * 0.05), palette.horizon, 0.42)


def _steps(start: float, end: float, step: float) -> list[float]:
    return [start + step * index for index in range(int((end - start) / step) + 1)]


def _firs(firs: Sequence[tuple[float, float]], ground: float, drawn: Draw) -> None:
    for x, tall in firs:
        tiers = 7
        outline = [(x, ground - tall)]
        for tier in range(1, tiers + 1):
            y = ground - tall + tall * 0.93 * tier / tiers
            reach = tall * 0.2 * tier / tiers
            outline += [(x + reach, y), (x + reach * 0.45, y - tall * 0.015)]
        mirrored = [(2 * x - px, py) for px, py in reversed(outline)]
        drawn.polygon([(px * 2, py * 2) for px, py in outline + mirrored], fill=255)
        drawn.rectangle(
            ((x - tall * 0.014) * 2, (ground - tall * 0.1) * 2, (x + tall * 0.014) * 2, ground * 2), fill=255
        )


def city(canvas: Image.Image, line: int, palette: Palette, dice: random.Random) -> None:
    """Paint three rows of towers; the two nearer rows have lit windows, more of them at night."""
    scale = canvas.height
    for depth in range(3):
        nearness = depth / 2
        tone = mix(palette.horizon, palette.near, 0.35 + 0.5 * nearness)
        towers, x = [], -scale * 0.02
        while x < canvas.width:
            wide = scale * dice.uniform(0.035, 0.085) * (0.8 + 0.5 * nearness)
            centred = 1 - abs(x / canvas.width - 0.5) * 1.3
            towers.append((x, line - scale * dice.uniform(0.07, 0.4 - 0.12 * nearness) * max(0.3, centred), x + wide))
            x += wide + scale * dice.uniform(0, 0.012)
        silhouette(canvas, partial(_towers, towers, line), tone, mix(tone, palette.horizon, 0.32))
        if depth:
            _windows(
                canvas, towers, line, mix(palette.light, (255, 196, 92), 0.6), 0.5 if palette.night else 0.22, dice
            )
        light.mist(canvas, line, int(scale * 0.06), palette.horizon, 0.34)


def _towers(towers: Sequence[tuple[float, float, float]], line: int, drawn: Draw) -> None:
    for index, (left, top, right) in enumerate(towers):
        drawn.rectangle((left * 2, top * 2, right * 2, line * 2), fill=255)
        middle, wide = left + right, right - left
        if index % 4 == 1:
            drawn.polygon([(left * 2, top * 2), (middle, (top - wide * 0.7) * 2), (right * 2, top * 2)], fill=255)
        if index % 5 == 2:
            drawn.rectangle((middle - 2, (top - wide * 1.1) * 2, middle + 2, top * 2), fill=255)


def _windows(
    canvas: Image.Image,
    towers: Sequence[tuple[float, float, float]],
    line: int,
    colour: Colour,
    lit: float,
    dice: random.Random,
) -> None:
    sheet = Image.new("L", canvas.size)
    drawn = ImageDraw.Draw(sheet)
    for left, top, right in towers:
        for x in _steps(left + 5, right - 8, 8):
            for y in _steps(top + 8, line - 10, 11):
                if dice.random() < lit:
                    drawn.rectangle((x, y, x + 3, y + 5), fill=dice.randrange(110, 245))
    canvas.paste(colour, (0, 0), sheet)


def door(canvas: Image.Image, line: int, palette: Palette, dice: random.Random) -> None:
    """Paint an open door in the landscape, with light coming out of it."""
    scale = canvas.height
    x, foot, tall = canvas.width * dice.uniform(0.42, 0.58), line + scale * 0.17, scale * 0.36
    wide = tall * 0.46
    warm = mix(palette.light, (255, 206, 120), 0.5)
    spill = [
        (x - wide / 2, foot),
        (x + wide / 2, foot),
        (x + wide * 1.7, canvas.height),
        (x - wide * 1.1, canvas.height),
    ]
    silhouette(
        canvas, lambda drawn: drawn.polygon([(px * 2, py * 2) for px, py in spill], fill=120), warm, palette.near
    )
    light.glow(canvas, (int(x), int(foot - tall / 2)), int(tall * 1.1), warm, 0.75)
    silhouette(
        canvas, lambda drawn: _arch(drawn, x, foot, wide * 1.22, tall * 1.07), mix(palette.near, (90, 60, 44), 0.35)
    )
    silhouette(canvas, lambda drawn: _arch(drawn, x, foot, wide, tall), (255, 252, 238), warm)
    leaf = [
        (x + wide / 2, foot - tall * 0.8),
        (x + wide, foot - tall * 0.9),
        (x + wide, foot + tall * 0.07),
        (x + wide / 2, foot),
    ]
    wood = mix(palette.near, (124, 74, 44), 0.55)
    silhouette(canvas, lambda drawn: drawn.polygon([(px * 2, py * 2) for px, py in leaf], fill=255), wood, palette.near)


def _arch(drawn: Draw, x: float, foot: float, wide: float, tall: float) -> None:
    top = foot - tall
    drawn.ellipse(((x - wide / 2) * 2, top * 2, (x + wide / 2) * 2, (top + wide) * 2), fill=255)
    drawn.rectangle(((x - wide / 2) * 2, (top + wide / 2) * 2, (x + wide / 2) * 2, foot * 2), fill=255)


def house(canvas: Image.Image, line: int, palette: Palette, dice: random.Random) -> None:
    scale = canvas.height
    x, foot, wide = canvas.width * dice.choice((0.28, 0.68)), line + scale * 0.1, scale * 0.2
    wall = foot - wide * 0.52

    def shape(drawn: Draw) -> None:
        drawn.rectangle((x * 2, wall * 2, (x + wide) * 2, foot * 2), fill=255)
        roof = [(x - wide * 0.1, wall), (x + wide / 2, wall - wide * 0.48), (x + wide * 1.1, wall)]
        drawn.polygon([(px * 2, py * 2) for px, py in roof], fill=255)
        drawn.rectangle(((x + wide * 0.74) * 2, (wall - wide * 0.5) * 2, (x + wide * 0.84) * 2, wall * 2), fill=255)

    silhouette(canvas, shape, mix(palette.near, palette.horizon, 0.12), palette.near)
    warm = mix(palette.light, (255, 190, 84), 0.65)
    for left in (0.16, 0.6):
        pane = (int(x + wide * left), int(wall + wide * 0.14), int(x + wide * (left + 0.22)), int(wall + wide * 0.36))
        light.glow(canvas, ((pane[0] + pane[2]) // 2, (pane[1] + pane[3]) // 2), max(2, int(wide * 0.5)), warm, 0.8)
        canvas.paste(warm, pane)


def lighthouse(canvas: Image.Image, line: int, palette: Palette, dice: random.Random) -> None:
    scale = canvas.height
    x, top = canvas.width * dice.choice((0.24, 0.76)), line - scale * 0.3
    rock = [
        (x - scale * 0.16, line + 4),
        (x - scale * 0.08, line - scale * 0.05),
        (x + scale * 0.07, line - scale * 0.045),
    ]
    rock.append((x + scale * 0.19, line + 4))

    def shape(drawn: Draw) -> None:
        drawn.polygon([(px * 2, py * 2) for px, py in rock], fill=255)
        tower = [
            (x - scale * 0.018, top),
            (x + scale * 0.018, top),
            (x + scale * 0.032, line),
            (x - scale * 0.032, line),
        ]
        drawn.polygon([(px * 2, py * 2) for px, py in tower], fill=255)
        drawn.rectangle(((x - scale * 0.028) * 2, (top - 4) * 2, (x + scale * 0.028) * 2, (top + 3) * 2), fill=255)
        drawn.pieslice(
            ((x - scale * 0.018) * 2, (top - scale * 0.05) * 2, (x + scale * 0.018) * 2, (top - 2) * 2),
            180,
            360,
            fill=255,
        )

    silhouette(canvas, shape, mix(palette.near, palette.horizon, 0.2), palette.near)
    away = canvas.width if x < canvas.width / 2 else 0
    beam = [(x, top - scale * 0.02), (away, top - scale * 0.13), (away, top + scale * 0.05)]
    silhouette(canvas, lambda drawn: drawn.polygon([(px * 2, py * 2) for px, py in beam], fill=78), palette.light)
    light.glow(canvas, (int(x), int(top - scale * 0.02)), max(2, int(scale * 0.09)), palette.light, 1.0)


def boat(canvas: Image.Image, line: int, palette: Palette, dice: random.Random) -> None:
    scale = canvas.height
    x, y, size = canvas.width * dice.uniform(0.3, 0.7), line + scale * 0.05, scale * 0.1

    def shape(drawn: Draw) -> None:
        hull = [
            (x - size * 0.7, y),
            (x + size * 0.8, y),
            (x + size * 0.5, y + size * 0.22),
            (x - size * 0.5, y + size * 0.22),
        ]
        drawn.polygon([(px * 2, py * 2) for px, py in hull], fill=255)
        drawn.line((x * 2, (y - size * 1.5) * 2, x * 2, y * 2), fill=255, width=4)
        for sail in (
            [(x + 4, y - size * 1.4), (x + size * 0.7, y - 6), (x + 4, y - 6)],
            [(x - 4, y - size * 1.2), (x - size * 0.5, y - 6), (x - 4, y - 6)],
        ):
            drawn.polygon([(px * 2, py * 2) for px, py in sail], fill=235)

    silhouette(canvas, shape, mix(palette.near, palette.light, 0.55), palette.near)


def birds(canvas: Image.Image, line: int, palette: Palette, dice: random.Random) -> None:
    x0, y0 = canvas.width * dice.uniform(0.2, 0.6), line * dice.uniform(0.3, 0.55)
    flock = [(x0 + dice.gauss(0, 90), y0 + dice.gauss(0, 36), dice.uniform(5, 13)) for _ in range(13)]

    def shape(drawn: Draw) -> None:
        for x, y, r in flock:
            drawn.arc(((x - 2 * r) * 2, (y - r) * 2, x * 2, (y + r) * 2), 200, 350, fill=255, width=4)
            drawn.arc((x * 2, (y - r) * 2, (x + 2 * r) * 2, (y + r) * 2), 190, 340, fill=255, width=4)

    silhouette(canvas, shape, mix(palette.near, palette.sky[1], 0.2))


def cat(canvas: Image.Image, line: int, palette: Palette, dice: random.Random) -> None:
    """Paint a cat that sits with its back to the viewer."""
    s, x, foot = canvas.height * 0.2, canvas.width * dice.choice((0.27, 0.72)), canvas.height * 0.985

    def shape(drawn: Draw) -> None:
        def oval(cx: float, cy: float, rx: float, ry: float) -> None:
            drawn.ellipse(
                (
                    (x + (cx - rx) * s) * 2,
                    (foot - (cy + ry) * s) * 2,
                    (x + (cx + rx) * s) * 2,
                    (foot - (cy - ry) * s) * 2,
                ),
                fill=255,
            )

        oval(0, 0.42, 0.36, 0.44)
        oval(0, 0.98, 0.25, 0.22)
        for side in (-1, 1):
            ear = [
                (x + side * 0.23 * s, foot - 1.03 * s),
                (x + side * 0.2 * s, foot - 1.38 * s),
                (x + side * 0.04 * s, foot - 1.17 * s),
            ]
            drawn.polygon([(px * 2, py * 2) for px, py in ear], fill=255)
        tail = ((x + 0.1 * s) * 2, (foot - 0.34 * s) * 2, (x + 0.86 * s) * 2, (foot + 0.04 * s) * 2)
        drawn.arc(tail, -40, 150, fill=255, width=max(2, int(s * 0.17)))

    silhouette(canvas, shape, mix(palette.near, palette.horizon, 0.1), mix(palette.near, (0, 0, 0), 0.4))


Scene: TypeAlias = Callable[[Image.Image, int, Palette, random.Random], None]

SCENES: Final[dict[str, Scene]] = {
    "forest": forest,
    "city": city,
    "dunes": dunes,
    "meadow": meadow,
    "door": door,
    "house": house,
    "lighthouse": lighthouse,
    "boat": boat,
    "birds": birds,
    "cat": cat,
}
