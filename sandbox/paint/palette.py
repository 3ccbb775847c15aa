"""Choose a painting's colours from the words of its prompt: a time of day sets the light, colour words tint it."""

from __future__ import annotations

import random
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from typing import Final, TypeAlias

Colour: TypeAlias = tuple[int, int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Palette:
    sky: tuple[Colour, ...]
    """Colours from the top of the picture to the horizon."""
    light: Colour
    """Colour of the sun or the moon, and of lit windows."""
    near: Colour
    """Colour of the closest objects; more distant objects take on the horizon's colour."""
    night: bool = False

    @property
    def horizon(self) -> Colour:
        return self.sky[-1]


TIMES: Final[dict[str, Palette]] = {
    "dawn": Palette(
        sky=((52, 68, 120), (122, 120, 172), (226, 158, 164), (255, 214, 176)), light=(255, 236, 200), near=(34, 34, 62)
    ),
    "day": Palette(
        sky=((36, 98, 176), (86, 152, 214), (160, 205, 234), (232, 242, 240)), light=(255, 250, 226), near=(26, 58, 58)
    ),
    "sunset": Palette(
        sky=((38, 26, 84), (118, 44, 110), (224, 86, 86), (255, 176, 92)), light=(255, 226, 150), near=(26, 14, 38)
    ),
    "dusk": Palette(
        sky=((18, 24, 64), (52, 52, 112), (128, 88, 142), (232, 150, 146)), light=(255, 218, 190), near=(14, 16, 36)
    ),
    "night": Palette(
        sky=((6, 9, 28), (12, 22, 56), (26, 48, 92), (66, 96, 136)),
        light=(232, 238, 255),
        near=(5, 9, 22),
        night=True,
    ),
    "storm": Palette(
        sky=((24, 30, 42), (48, 58, 72), (88, 100, 110), (158, 166, 162)), light=(236, 240, 232), near=(12, 18, 24)
    ),
    "winter": Palette(
        sky=((86, 118, 164), (142, 172, 204), (196, 214, 228), (242, 240, 240)),
        light=(255, 246, 232),
        near=(52, 70, 98),
    ),
    "autumn": Palette(
        sky=((74, 92, 124), (150, 146, 148), (228, 184, 134), (252, 222, 168)), light=(255, 232, 176), near=(66, 28, 16)
    ),
}


def by_word(groups: Mapping[str, str]) -> dict[str, str]:
    """Turn {name: "words that mean it"} into {word: name}."""
    return {word: name for name, words in groups.items() for word in words.split()}


TIME_WORDS: Final = by_word(
    {
        "dawn": "dawn morning sunrise spring",
        "day": "day noon midday summer sunny afternoon daylight",
        "sunset": "sunset evening sundown",
        "dusk": "dusk twilight",
        "night": "night midnight moon moonlight moonlit stars starry aurora dark",
        "storm": "storm stormy rain rainy thunder fog foggy mist misty grey gray",
        "winter": "winter snow snowy ice frost frozen",
        "autumn": "autumn fall leaves october harvest",
    }
)

TINTS: Final[dict[str, Colour]] = {
    "red": (214, 40, 48),
    "crimson": (180, 20, 50),
    "orange": (248, 128, 32),
    "yellow": (252, 208, 60),
    "gold": (236, 180, 66),
    "golden": (236, 180, 66),
    "green": (52, 158, 92),
    "emerald": (16, 140, 98),
    "teal": (22, 150, 156),
    "turquoise": (50, 190, 190),
    "blue": (42, 98, 214),
    "purple": (124, 60, 182),
    "violet": (138, 84, 214),
    "pink": (244, 126, 176),
    "brown": (128, 84, 52),
    "white": (244, 244, 248),
    "black": (14, 14, 18),
}


def choose(words: AbstractSet[str], dice: random.Random) -> Palette:
    named = [TIME_WORDS[word] for word in sorted(words) if word in TIME_WORDS]
    palette = TIMES[named[0] if named else dice.choice(sorted(TIMES))]
    for word in sorted(words & TINTS.keys()):
        palette = _tinted(palette, TINTS[word])
    return _varied(palette, dice)


def mix(first: Colour, second: Colour, amount: float) -> Colour:
    """Blend two colours: `amount` 0 is all `first`, 1 is all `second`."""
    red, green, blue = (round(a + (b - a) * amount) for a, b in zip(first, second, strict=True))
    return red, green, blue


def _tinted(palette: Palette, tint: Colour) -> Palette:
    return replace(
        palette,
        sky=tuple(mix(colour, tint, 0.34 + 0.1 * index) for index, colour in enumerate(palette.sky)),
        light=mix(palette.light, tint, 0.2),
        near=mix(palette.near, mix(tint, (0, 0, 0), 0.75), 0.5),
    )


def _varied(palette: Palette, dice: random.Random) -> Palette:
    """Return a slightly different palette for each variant."""
    drift = TINTS[dice.choice(sorted(TINTS.keys() - {"white", "black", "brown"}))]
    return replace(palette, sky=tuple(mix(colour, drift, 0.07) for colour in palette.sky))
