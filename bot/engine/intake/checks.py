"""
Validate every request, whichever way it came, before it is counted against the limits.

Discord limits what its forms accept, but it passes on whatever a client sent. A value that was never offered must not
be stored, charged, or counted: a negative number of pictures would lower the count of pictures a person has used.

Choices that do not go together are refused here too, with the nearest that do: everything that can be made by default
was adapted before (`bot.intake.choosing`), so what is left was chosen.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final

from bot.engine.intake.models import NAMED, changes, for_model, takes
from bot.errors import BadReference, BlankPrompt, Reason, TooLong, UnknownChoice, Unmakeable
from bot.texts.discord_text import is_blank, storable
from bot.texts.prompt_parameters import ratio_of
from storage.bounds import LARGEST_REFERENCE_BYTES, LONGEST_TEMPLATE, LONGEST_WORDS
from storage.catalogue import MODELS, TRANSPARENT, Look, Model
from storage.models import NewReference, NewTask, PictureRequest, ReferenceKind

_RESOLUTION: Final = re.compile(r"[0-9]{1,3}(?:\.[0-9]{1,2})?K")
_OPTIONS: Final = {"enhance": Reason.ENHANCE_LACKING, "fallback": Reason.FALLBACK_LACKING}


def checked(new: NewTask, models: Mapping[str, Model], here: Mapping[str, Model] | None = None) -> NewTask:
    """Return the task as it may be stored, with its estimated price and number of creates. `models`: those that are
    switched on; `here`: those that the server offers (None: all of them). Raises UnknownChoice for a value that was not
    offered, Unmakeable for choices that do not go together or that the model lacks, TooLong or BlankPrompt for the
    prompt, BadReference for an input picture."""
    here = models if here is None else here
    if not isinstance(new.private, bool):
        raise UnknownChoice
    if new.parent_picture is not None and not (_is_whole(new.parent_picture) and new.parent_picture >= 0):
        raise UnknownChoice
    request = _sound(new.request)
    model = here.get(request.model)
    if model is None:
        if request.model not in MODELS and request.model not in models:
            raise UnknownChoice
        raise unavailable(models.get(request.model) or MODELS[request.model], models, here, request)
    _check_inputs(request, model, here)
    _check_look(request, model, here)
    _check_rest(request, model, here)
    images = sum(reference.kind is ReferenceKind.IMAGE for reference in request.references)
    price = model.price(variants=request.variants, resolution=request.resolution, references=images)
    return replace(
        new,
        request=request,
        creates_wanted=model.creates_for(request.variants),
        estimated_credits=price,
    )


def _sound(request: PictureRequest) -> PictureRequest:
    """Check each value by itself, whichever model makes the picture. Raises UnknownChoice, and what the prompt and the
    input pictures raise."""
    if not isinstance(request.model, str) or not isinstance(request.size, str) or ratio_of(request.size) is None:
        raise UnknownChoice
    resolution = "1K" if request.resolution is None else request.resolution
    if not isinstance(resolution, str) or not _RESOLUTION.fullmatch(resolution):
        raise UnknownChoice
    if request.background not in (None, TRANSPARENT) or not _is_whole(request.variants) or request.variants < 1:
        raise UnknownChoice
    if not isinstance(request.enhance, bool) or not isinstance(request.fallback, bool):
        raise UnknownChoice
    references = tuple(_checked_reference(reference) for reference in request.references)
    if sum(reference.kind is ReferenceKind.MASK for reference in references) > 1:
        raise UnknownChoice
    return replace(request, prompt=_checked_words(request), references=references)


def unavailable(
    model: Model, models: Mapping[str, Model], here: Mapping[str, Model], request: PictureRequest | None = None
) -> Unmakeable:
    """Return the error for a model that is switched off or not offered here. `request`: what it should make, if that is
    known."""
    reason = Reason.MODEL_NOT_HERE if model.key in models else Reason.MODEL_OFF
    if request is not None:
        return _lacking(reason, request, model, here, lambda other: takes(other, request))
    names = [other.name for other in here.values()]
    return Unmakeable(reason, model=model.name, models=",".join(names[:NAMED]), others="some" if names else "none")


def _check_inputs(request: PictureRequest, model: Model, here: Mapping[str, Model]) -> None:
    """Check the prompt, the input pictures and the mask against what the model takes. Raises Unmakeable."""
    if takes(model, request):
        return
    kinds = [reference.kind for reference in request.references]
    images, (least, most) = kinds.count(ReferenceKind.IMAGE), model.prompt_characters
    characters = len(request.prompt.strip())
    allowed: int | None = None
    if images and not model.most_references:
        reason = Reason.REFERENCES_LACKING
    elif images > model.most_references:
        reason, allowed = Reason.TOO_MANY_REFERENCES, model.most_references
    elif ReferenceKind.MASK in kinds and not model.takes_mask:
        reason = Reason.MASK_LACKING
    elif not characters:
        reason = Reason.PROMPT_MISSING
    elif characters < least:
        raise Unmakeable(Reason.PROMPT_TOO_SHORT, model=model.name, allowed=least)
    else:
        reason, allowed = Reason.PROMPT_TOO_LONG, most
    raise _lacking(reason, request, model, here, lambda other: takes(other, request), allowed=allowed)


def _check_look(request: PictureRequest, model: Model, here: Mapping[str, Model]) -> None:
    """Check the shape, the resolution and the background against what the model makes. Raises Unmakeable."""
    look = Look(request.size, request.resolution, request.background)
    if model.allows(look):
        return

    def makes(other: Model) -> bool:
        return takes(other, request) and other.allows(look)

    resolution = request.resolution or ""
    if request.size not in model.sizes:
        near = model.nearest_look(look, keep={"resolution", "background"})
        raise _lacking(
            Reason.SIZE_LACKING, request, model, here, makes, near=near, size=request.size, nearest_size=near.size
        )
    if request.background is not None and request.background not in model.backgrounds:
        near = model.nearest_look(look)
        raise _lacking(Reason.BACKGROUND_LACKING, request, model, here, makes, near=near)
    if resolution and not model.resolutions:
        near = model.nearest_look(look)
        raise _lacking(Reason.RESOLUTION_UNCHOSEN, request, model, here, makes, near=near, named=resolution)
    if resolution and resolution not in model.resolutions:
        near = model.nearest_look(look, keep={"size", "background"})
        raise Unmakeable(
            Reason.RESOLUTION_LACKING,
            nearest=for_model(request, model, near),
            model=model.name,
            named=resolution,
            resolutions=",".join(model.resolutions),
        )
    raise _not_together(request, model, look)


def _not_together(request: PictureRequest, model: Model, look: Look) -> Unmakeable:
    """Return the error for values that the model has, but not together."""
    with_size, with_resolution = model.nearest_look(look), model.nearest_look(look, keep={"resolution", "background"})
    parameters = {
        "model": model.name,
        "resolution": model.resolution_of(look.resolution),
        "nearest_resolution": model.resolution_of(with_size.resolution),
    }
    nearest = for_model(request, model, with_size)
    if look.background is not None and not model.allows(look._replace(size=with_resolution.size)):
        return Unmakeable(Reason.BACKGROUND_NOT_IN_RESOLUTION, nearest=nearest, **parameters)
    parameters |= {"size": look.size, "nearest_size": with_resolution.size}
    return Unmakeable(Reason.SIZE_NOT_IN_RESOLUTION, nearest=nearest, **parameters)


def _check_rest(request: PictureRequest, model: Model, here: Mapping[str, Model]) -> None:
    """Check the number of pictures and the options against what the model has. Raises Unmakeable."""
    if request.variants not in model.variants:
        raise Unmakeable(
            Reason.VARIANTS_LACKING,
            nearest=for_model(request, model),
            model=model.name,
            numbers=",".join(map(str, model.variants)),
        )
    for option, reason in _OPTIONS.items():
        if getattr(request, option) and option not in model.options:
            able = {key: other for key, other in here.items() if option in other.options}
            without = for_model(request, model)
            raise _lacking(reason, request, model, able, lambda other: takes(other, request), nearest=without)


def _lacking(
    reason: Reason,
    request: PictureRequest,
    model: Model,
    here: Mapping[str, Model],
    makes: Callable[[Model], bool],
    *,
    near: Look | None = None,
    nearest: PictureRequest | None = None,
    allowed: int | None = None,
    **parameters: str,
) -> Unmakeable:
    """Return an error that names the models that make this. What is nearest: the request with the look `near`, or the
    request for the one of these models with which the least changes."""
    others = [other for other in here.values() if other.key != model.key and makes(other)]
    if near is not None:
        nearest = for_model(request, model, near)
    elif nearest is None:
        possible = [for_model(request, other) for other in others if takes(other, request)]
        nearest = min(possible, key=lambda each: len(changes(request, each)), default=None)
    values: dict[str, str | int] = dict(parameters)
    if allowed is not None:
        values["allowed"] = allowed
    named = ",".join(other.name for other in others[:NAMED])
    return Unmakeable(
        reason, nearest=nearest, model=model.name, models=named, others="some" if others else "none", **values
    )


def _checked_words(request: PictureRequest) -> str:
    """Return the prompt as typed, without characters that no database stores; an empty string if no character of the
    prompt is visible, which only a request with references may have. Raises UnknownChoice, TooLong, or BlankPrompt."""
    if not isinstance(request.prompt, str):
        raise UnknownChoice
    longest = LONGEST_WORDS if request.style is None else LONGEST_WORDS + LONGEST_TEMPLATE
    if len(request.prompt) > longest:
        raise TooLong(longest)
    if not is_blank(request.prompt):
        return storable(request.prompt)
    if not request.references:
        raise BlankPrompt
    return ""


def _checked_reference(reference: NewReference) -> NewReference:
    """Check what is known without reading the file. The declared size of a stored copy is not limited here; its file is
    checked when it is read. Raises BadReference."""
    if not all(isinstance(text, str) for text in (reference.url, reference.filename, reference.declared_type or "")):
        raise BadReference(Reason.REFERENCE_NOT_A_PICTURE)
    if not _is_whole(reference.declared_bytes) or reference.declared_bytes < 0:
        raise BadReference(Reason.REFERENCE_NOT_A_PICTURE, filename=storable(reference.filename))
    if reference.declared_bytes > LARGEST_REFERENCE_BYTES and reference.stored_key is None:
        megabytes = LARGEST_REFERENCE_BYTES // 2**20
        raise BadReference(Reason.REFERENCE_TOO_LARGE, filename=storable(reference.filename), megabytes=megabytes)
    declared = storable(reference.declared_type) if reference.declared_type is not None else None
    return replace(
        reference,
        url=storable(reference.url.replace("\0", "%00")),
        filename=storable(reference.filename),
        declared_type=declared,
    )


def _is_whole(value: object) -> bool:
    """Return whether the value is an int. JSON may also contain true and 2.0, which are equal to ints."""
    return type(value) is int
