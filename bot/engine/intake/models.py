"""Which model makes a request: those that a server offers, the ones that can make it, and what changes with the
model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from bot.texts.discord_text import is_blank
from storage.catalogue import MODELS, Look, Model, offered
from storage.models import PictureRequest, ReferenceKind
from storage.stores import Stores

NAMED: Final = 4
"""Most models that an error names as alternatives."""


_ADAPTED: Final = ("model", "size", "resolution", "background", "variants", "enhance", "fallback")
"""Fields of a request that `for_model` adapts, in the order in which people read them."""


async def offered_here(stores: Stores, models: Mapping[str, Model], guild_id: int | None) -> Mapping[str, Model]:
    """Return those of the models that a server offers; all in direct messages."""
    return offered(models, (await stores.guilds.settings(guild_id)).models)


def takes(model: Model, request: PictureRequest) -> bool:
    """Return whether the model takes the request's prompt, input pictures and mask; how the picture shall look is not
    considered."""
    kinds = [reference.kind for reference in request.references]
    images, masks = kinds.count(ReferenceKind.IMAGE), kinds.count(ReferenceKind.MASK)
    characters = 0 if is_blank(request.prompt) else len(request.prompt.strip())
    return model.takes(references=images, masks=masks, characters=characters)


def model_for(
    keys: Sequence[str | None], request: PictureRequest, here: Mapping[str, Model], models: Mapping[str, Model]
) -> tuple[Model, Mapping[str, str]]:
    """
    Return the model that makes a request for which the person chose none: the first of `keys`, in this order, that is
    offered here and takes the request; if none takes it, the first that is offered. Return also, for the card, what
    the first key became, if it is a known model that was replaced: `model_was`, `model_is`, and `model_why` (off,
    here, mask, pictures, words), as in the parameters of a task.
    """
    known = [here[key] for key in keys if key is not None and key in here] or [next(iter(here.values()))]
    model = next((model for model in known if takes(model, request)), known[0])
    first = next((key for key in keys if key is not None), model.key)
    if first == model.key or first not in MODELS:
        return model, {}
    return model, {"model_was": first, "model_is": model.key, "model_why": _why(first, request, here, models)}


def for_model(request: PictureRequest, model: Model, look: Look | None = None) -> PictureRequest:
    """Return the request for this model, with the nearest values for what the model lacks. `look`: one that the model
    can make, in place of the nearest."""
    look = look or model.nearest_look(Look(request.size, request.resolution, request.background))
    return replace(
        request,
        model=model.key,
        size=look.size,
        resolution=look.resolution,
        background=look.background,
        variants=model.nearest_variants(request.variants),
        enhance=request.enhance and "enhance" in model.options,
        fallback=request.fallback and "fallback" in model.options,
    )


def changes(asked: PictureRequest, nearest: PictureRequest) -> tuple[str, ...]:
    """Return the names of the fields in which the nearest request is another than what was asked for. A size that the
    first picture decides was not asked for."""
    names = [name for name in _ADAPTED if getattr(nearest, name) != getattr(asked, name)]
    return tuple(name for name in names if name != "size" or not asked.fits_picture)


def _why(key: str, request: PictureRequest, here: Mapping[str, Model], models: Mapping[str, Model]) -> str:
    if key not in here:
        return "here" if key in models else "off"
    model, kinds = here[key], [reference.kind for reference in request.references]
    if ReferenceKind.MASK in kinds and not model.takes_mask:
        return "mask"
    return "pictures" if kinds.count(ReferenceKind.IMAGE) > model.most_references else "words"
