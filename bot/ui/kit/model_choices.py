"""Autocomplete of models, shapes, resolutions and numbers of pictures, each with the price of what was typed so far."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import discord
from discord import AppCommandOptionType
from discord.app_commands import Choice, Command

from bot.client import Atelier
from bot.discord_limits import CHOICE_CHARACTERS, CHOICES, OPTION_CHARACTERS
from bot.engine.intake.models import model_for
from bot.errors import Unmakeable
from bot.intake.choosing import Defaults, defaults_of, model_named, resolution_in
from bot.texts import Texts, texts_in
from bot.texts.discord_text import shortened
from bot.texts.shapes import AS_PICTURE, shape, size_in
from bot.ui.kit.request_facts import price
from storage.catalogue import Look, Model
from storage.models import NewReference, PictureRequest, ReferenceKind
from storage.search import comparable, has_words

_MASK: Final = "mask"
_ATTACHMENT: Final = AppCommandOptionType.attachment.value


@dataclass(frozen=True, slots=True, kw_only=True)
class Typed:
    """A command that is still being typed: its options so far, and the model that would make the picture."""

    say: Texts
    defaults: Defaults
    model: Model
    images: int
    masks: int
    variants: int | None
    size: str | None
    """As typed."""
    resolution: str | None
    background: str | None
    """None also if the model has no choice."""

    def price(self, model: Model, **other: Any) -> str:
        """Return the price of what was typed so far if this model makes it. Values that the model lacks are adapted.
        `other`: values instead of those typed."""
        variants = other.get("variants", self.variants)
        resolution = other.get("resolution", self.resolution)
        return price(
            self.say,
            model.price(
                variants=model.nearest_variants(variants) if variants else self.defaults.variants(model),
                resolution=resolution if resolution in model.resolutions else None,
                references=min(self.images, model.most_references),
            ),
        )


async def offer_models(interaction: discord.Interaction[Atelier], typed: str) -> list[Choice[str]]:
    """Offer the models of this server, each with its price and what it is good for. Those that cannot start from what
    is attached come last."""
    read = await _read(interaction)
    request, say = _request(read.images, read.masks), read.say
    models = sorted(
        read.defaults.here.values(),
        key=lambda model: not model.takes(references=read.images, masks=read.masks, characters=len(request.prompt)),
    )
    labels = {
        model.key: say("models-choice", name=model.name, price=read.price(model), good=good_for(say, model))
        for model in models
    }
    described = {model.key: f"{model.key} {model.name} {good_for(say, model)}" for model in models}
    return _choices(labels, typed, described.__getitem__)


async def offer_sizes(interaction: discord.Interaction[Atelier], typed: str) -> list[Choice[str]]:
    """Offer the shapes of the model, as far as they go together with the resolution and the background; first that of
    the picture, if one may be attached."""
    read = await _read(interaction)
    say, model = read.say, read.model
    resolution = read.resolution if read.resolution in model.resolutions else None
    sizes = [size for size in model.sizes if model.allows(Look(size, resolution, read.background))]
    as_picture = {AS_PICTURE: say("shape-as-picture")} if model.most_references and sizes else {}
    labels = as_picture | {size: shape(say, size) for size in sizes}
    meant = size_in(typed, sizes)
    if meant not in labels:
        return _choices(labels, typed)
    return _choices({meant: labels.pop(meant)}, "") + _choices(labels, typed)


async def offer_resolutions(interaction: discord.Interaction[Atelier], typed: str) -> list[Choice[str]]:
    """Offer the resolutions of the model, as far as they go together with the shape and the background, each with the
    price; none if the model has no choice."""
    read = await _read(interaction)
    model = read.model
    chosen = size_in(read.size, model.sizes) if read.size is not None else None
    sizes = (chosen,) if chosen in model.sizes else model.sizes
    labels = {
        resolution: read.say("models-with-price", what=resolution, price=read.price(model, resolution=resolution))
        for resolution in model.resolutions
        if any(model.allows(Look(size, resolution, read.background)) for size in sizes)
    }
    return _choices(labels, typed, str)


async def offer_variants(interaction: discord.Interaction[Atelier], typed: str) -> list[Choice[int]]:
    """Offer the numbers of pictures that the model makes, each with the price."""
    read = await _read(interaction)
    labels = {
        number: read.say(
            "models-with-price",
            what=read.say("forms-variants-count", count=number),
            price=read.price(read.model, variants=number),
        )
        for number in read.model.variants
    }
    return _choices(labels, typed, str)


def good_for(say: Texts, model: Model) -> str:
    """Return in one line what a model is good for; its name, if nothing is said about it."""
    text = f"model-{model.key}"
    return say(text) if text in say else model.name


def price_and_good_for(say: Texts, model: Model) -> str:
    """Return the price of one picture and what the model is good for, as the description of an option of a menu."""
    return shortened(f"{price(say, model.price(variants=1))} · {good_for(say, model)}", OPTION_CHARACTERS)


async def _read(interaction: discord.Interaction[Atelier]) -> Typed:
    """Read the options as far as they are typed. What cannot be read yet counts as not typed."""
    defaults = await defaults_of(interaction.client.services, interaction.guild_id, interaction.user.id)
    data: Mapping[str, Any] = interaction.data or {}
    given = {option.get("name"): option for option in _options(data.get("options"))}
    attached = [name for name, option in given.items() if option.get("type") == _ATTACHMENT]
    masks = attached.count(_MASK)
    images = len(attached) - masks
    command = interaction.command
    takes_words = isinstance(command, Command) and any(option.name == "prompt" for option in command.parameters)
    resolution, variants = _text(given, "resolution"), given.get("variants", {}).get("value")
    model = _model(_text(given, "model"), defaults, _request(images, masks, has_words=takes_words))
    background = _text(given, "background")
    return Typed(
        say=texts_in(str(interaction.locale)),
        defaults=defaults,
        model=model,
        images=images,
        masks=masks,
        variants=variants if type(variants) is int and variants > 0 else None,
        size=_text(given, "size"),
        resolution=resolution_in(resolution) if resolution else None,
        background=background if background in model.backgrounds else None,
    )


def _model(typed: str | None, defaults: Defaults, request: PictureRequest) -> Model:
    if typed:
        try:
            return model_named(typed, defaults.here)
        except Unmakeable:
            pass
    return model_for(defaults.keys, request, defaults.here, defaults.models)[0]


def _request(images: int, masks: int, *, has_words: bool = True) -> PictureRequest:
    """Return a request with this many pictures and masks to see which models take it."""
    kinds = [ReferenceKind.IMAGE] * images + [ReferenceKind.MASK] * masks
    references = tuple(NewReference(kind=kind, url="", filename="") for kind in kinds)
    return PictureRequest(prompt="words" if has_words else "", references=references)


def _options(options: Any) -> Iterable[Mapping[str, Any]]:
    """Yield the options of the command itself, which may be a subcommand."""
    for option in options or ():
        yield from _options(option["options"]) if option.get("options") else (option,)


def _text(given: Mapping[Any, Mapping[str, Any]], name: str) -> str | None:
    value = given.get(name, {}).get("value")
    return value if isinstance(value, str) and value.strip() else None


def _choices(labels: Mapping[Any, str], typed: str, by: Callable[[Any], str] | None = None) -> list[Choice[Any]]:
    """Return the choices whose texts contain each typed word. `by`: the text of a value; if not given, its label and
    the value itself."""
    wanted = comparable(typed)
    return [
        Choice(name=shortened(label, CHOICE_CHARACTERS), value=value)
        for value, label in labels.items()
        if has_words(comparable(by(value) if by is not None else f"{label} {value}"), wanted)
    ][:CHOICES]
