"""Facts about a model, as plain values, and what follows from them: the nearest size, the price of a request."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import product
from math import log
from typing import Final, NamedTuple

TRANSPARENT: Final = "transparent"
"""The one background that people can choose."""


class WireForm(StrEnum):
    """The image API's endpoints and the form of their bodies; stored as `provider` of tasks and creates, because a job
    is only known to the endpoints that made it. `bot/kie/endpoints.py` has the paths."""

    FOUR_O = "kie"
    """`/api/v1/gpt4o-image/…`"""
    FLUX = "kie-flux"
    """`/api/v1/flux/kontext/…`"""
    JOBS = "kie-jobs"
    """`/api/v1/jobs/createTask` and `recordInfo`: one API for all models."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """What the API calls a model for one kind of input: words alone, or pictures."""

    id: str
    """Value of `model` in the body; empty for 4o's own endpoint, which has no such field."""
    always: Mapping[str, object] = field(default_factory=dict)
    """Fields that are sent with each create of this operation, with their values."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReferenceFacts:
    """Input pictures that a model takes."""

    field: str
    """Name of the field for their addresses."""
    most: int
    is_list: bool = True
    """Whether the field is a list, also for one picture."""
    most_megabytes: int = 25
    """Most MB of each file."""
    in_mib: bool = False
    """Whether the API counts 1,048,576 bytes per MB. Else it does not say, and the smaller reading counts."""
    most_megapixels: int | None = None

    @property
    def most_bytes(self) -> int:
        return self.most_megabytes * (2**20 if self.in_mib else 10**6)

    @property
    def most_pixels(self) -> int | None:
        return self.most_megapixels * 10**6 if self.most_megapixels else None


@dataclass(frozen=True, slots=True, kw_only=True)
class MaskFacts:
    field: str
    changes: str
    """Colour of the part that changes: `black` or `white`. A mask needs exactly one input picture."""


class ForbiddenCombination(NamedTuple):
    """A combination that the API refuses: any of `sizes` with any of `resolutions`; with `background`, only together
    with this background. Empty `sizes` means every size."""

    sizes: frozenset[str]
    resolutions: frozenset[str]
    background: str | None = None


class Look(NamedTuple):
    """Size, resolution and background of a picture: what a model may not have in every combination."""

    size: str
    resolution: str | None
    background: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    key: str
    """Name in rows, settings and commands; never changes."""
    name: str
    """Name that people read."""
    form: WireForm
    words: Operation
    """The operation for words alone."""
    pictures: Operation | None
    """The operation for input pictures; None if the model takes none."""
    references: ReferenceFacts | None = None
    prompt_characters: tuple[int, int]
    """Least and most characters of a prompt."""
    needs_prompt: bool = True
    """Whether the API refuses a create without a prompt, also one with pictures."""
    size_field: str
    size_words: Mapping[str, str]
    """The API's word for each size (aspect ratio, width to height); the first size is the model's default."""
    resolution_field: str = ""
    resolution_words: Mapping[str, str] = field(default_factory=dict)
    """The API's word for each resolution (1K, 2K, …); the first is the default. Empty: there is no choice."""
    background_field: str = ""
    """Field that takes `transparent`; empty: there is no choice."""
    forbidden: tuple[ForbiddenCombination, ...] = ()
    variants: tuple[int, ...]
    """Numbers of pictures that one request can have."""
    variants_field: str = ""
    """Field for the number of pictures; empty: a create makes one picture, and several variants are several creates."""
    mask: MaskFacts | None = None
    options: Mapping[str, str] = field(default_factory=dict)
    """The field of each of the options `enhance` and `fallback` that the model has; always sent."""
    setting_fields: tuple[str, ...] = ()
    """Fields that the operator's settings fill, `uploadCn` and `fallbackModel`; always sent."""
    credits: Mapping[str, float]
    """Price of one create by its resolution ("" if there is no choice), in credits (200 are one US dollar)."""
    credits_by_variants: Mapping[int, float] = field(default_factory=dict)
    """Price of one create by its number of pictures, for a model with a `variants_field`."""
    credits_per_further_reference: float = 0.0
    """Added for each input picture after the first."""
    listed_as: str = ""
    """Id in the API's own list of models, for a model with an endpoint of its own; empty: the ids of the operations are
    in the list."""
    undocumented_fields: frozenset[str] = frozenset()
    """Fields that are sent although the API's schema of the model does not have them."""
    usual_seconds: tuple[float, float]
    """Median time from create to outcome, without and with input pictures: what is assumed until tasks were
    measured."""
    source: str
    """Where the facts come from."""
    as_of: str
    """Date of the newest of these sources, YYYY-MM-DD or YYYY-MM."""

    @property
    def sizes(self) -> tuple[str, ...]:
        return tuple(self.size_words)

    @property
    def resolutions(self) -> tuple[str, ...]:
        return tuple(self.resolution_words)

    @property
    def backgrounds(self) -> tuple[str, ...]:
        return (TRANSPARENT,) if self.background_field else ()

    @property
    def most_references(self) -> int:
        """Input pictures per request, without the mask."""
        return self.references.most if self.references else 0

    @property
    def takes_mask(self) -> bool:
        return self.mask is not None

    def operation(self, references: int) -> Operation:
        """Return the operation for this number of input pictures."""
        return self.pictures if references and self.pictures is not None else self.words

    def listed_id(self, references: int) -> str:
        """Return the id in the API's own list of models, for a request with this number of input pictures."""
        return self.listed_as or self.operation(references).id

    def fields(self, references: int) -> frozenset[str]:
        """Return the names of all fields that a create with this number of input pictures may have and that the API's
        schema should have."""
        names = {"prompt", self.size_field, self.resolution_field, self.background_field, self.variants_field}
        names |= {*self.options.values(), *self.operation(references).always, *self.setting_fields}
        if references and self.references is not None:
            names |= {self.references.field, self.mask.field if self.mask else ""}
        return frozenset(names - {""} - self.undocumented_fields)

    def takes(self, *, references: int, masks: int, characters: int) -> bool:
        """Return whether a request can have this many input pictures, masks and characters of the prompt."""
        least, most = self.prompt_characters
        if references > self.most_references or masks > (1 if self.takes_mask else 0):
            return False
        if characters == 0:
            return not self.needs_prompt and references > 0
        return least <= characters <= most

    def sizes_with(self, resolution: str | None, background: str | None) -> tuple[str, ...]:
        """Return the sizes that pictures of this resolution and background can have; all if none can."""
        return tuple(size for size in self.sizes if self.allows(Look(size, resolution, background))) or self.sizes

    def nearest_size(
        self, width: float, height: float, *, resolution: str | None = None, background: str | None = None
    ) -> str:
        """Return the size whose aspect ratio is nearest to `width` : `height` among those that go together with the
        resolution and the background; 1:2 is as far from 1:1 as 2:1. Both sides must be more than 0."""
        return nearest(self.sizes_with(resolution, background), width, height)

    def like_size(self, size: str) -> str:
        """Return the size itself if the model has it, else the nearest size."""
        return size if size in self.size_words else self.nearest_size(ratio(size), 1)

    def nearest_variants(self, variants: int) -> int:
        """Return the largest possible number of pictures that is not more than `variants`."""
        return max((number for number in self.variants if number <= variants), default=self.variants[0])

    def allows(self, look: Look) -> bool:
        """Return whether the model can make such a picture. No resolution counts as the default one."""
        if look.size not in self.size_words or (
            look.background is not None and look.background not in self.backgrounds
        ):
            return False
        resolution = self.resolution_of(look.resolution)
        if resolution not in self.credits:
            return False
        return not any(
            (not refused.sizes or look.size in refused.sizes)
            and resolution in refused.resolutions
            and refused.background in (None, look.background)
            for refused in self.forbidden
        )

    def nearest_look(self, look: Look, *, keep: Collection[str] = ()) -> Look:
        """Return the possible look that differs least: the size stays if the model has it, then the background, then
        the resolution as near as possible. `keep`: names of fields that come before the others, as far as the model has
        their values."""

        def distance(possible: Look) -> tuple[float, ...]:
            by_field = {
                "size": abs(log(ratio(possible.size)) - log(ratio(look.size))),
                "background": float(possible.background != look.background),
                "resolution": abs(resolution_number(possible.resolution) - resolution_number(look.resolution)),
            }
            return tuple(by_field[name] for name in sorted(by_field, key=lambda name: (name not in keep, _ORDER[name])))

        resolutions: tuple[str | None, ...] = self.resolutions or (None,)
        if self.resolutions and look.resolution is None:
            resolutions = (None, *self.resolutions)
        every = product(self.sizes, resolutions, (None, *self.backgrounds))
        return min((Look(*each) for each in every if self.allows(Look(*each))), key=distance)

    def resolution_of(self, resolution: str | None) -> str:
        """Return the resolution that a create gets: the default if none is given, "" if there is no choice."""
        return resolution or next(iter(self.resolution_words), "")

    def creates_for(self, variants: int) -> int:
        """Return how many creates a request for this number of pictures takes."""
        return 1 if self.variants_field else variants

    def variants_per_create(self, variants: int) -> int:
        return variants if self.variants_field else 1

    def create_price(self, *, variants: int, resolution: str | None, references: int) -> float:
        """Return the price of one create of a request for `variants` pictures, in credits."""
        base = self.credits_by_variants.get(variants) or self.credits[self.resolution_of(resolution)]
        return base + self.credits_per_further_reference * max(0, references - 1)

    def price(self, *, variants: int, resolution: str | None = None, references: int = 0) -> float:
        """Return the price of a request, in credits."""
        each = self.create_price(variants=variants, resolution=resolution, references=references)
        return each * self.creates_for(variants)


_ORDER: Final = {"size": 0, "background": 1, "resolution": 2}


def ratio(size: str) -> float:
    width, height = size.split(":")
    return float(width) / float(height)


def nearest(sizes: Iterable[str], width: float, height: float) -> str:
    """Return the one of `sizes` whose aspect ratio is nearest to `width` : `height`."""
    return min(sizes, key=lambda size: abs(log(ratio(size)) - log(width) + log(height)))


def resolution_number(resolution: str | None) -> float:
    """Return the number in 1K, 1.5K, …; 1 without a resolution."""
    return float(resolution.removesuffix("K")) if resolution else 1.0
