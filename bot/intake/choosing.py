"""
From a wish to a new task: what the person chose and typed, what a style or an earlier result brings, and the defaults
of the person and the server become one request that a model can make.

The order of precedence for each value: chosen by the person, words such as `--ar`, style, the result that the request
starts from, the person's own defaults, the server's, the catalogue's. The shape of the first input picture comes before
the defaults. Values that were not chosen by the person are adapted in silence to what the model makes; chosen ones are
left as they are, and `bot.engine.intake.checks` refuses what does not go together.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import SequenceMatcher
from typing import Final

from bot.engine.intake.checks import unavailable
from bot.engine.intake.models import NAMED, model_for
from bot.errors import BadReference, Reason, TooLong, Unmakeable
from bot.intake.requests import Wish
from bot.services import Services
from bot.texts.discord_text import is_blank
from bot.texts.prompt_expansion import literal
from bot.texts.prompt_parameters import ratio_of
from bot.texts.shapes import AS_PICTURE, size_in
from storage.bounds import LONGEST_WORDS
from storage.catalogue import DEFAULT, MODELS, Look, Model, default_model, offered
from storage.community import GuildSettings, Preferences
from storage.models import NewReference, NewTask, Origin, PictureRequest, ReferenceKind, Task
from storage.search import comparable

NEAR: Final = 3
"""Most models that are named for a name that is not known."""
ALIKE: Final = 0.6
"""Least likeness of two names, from 0 to 1, by which one may be meant by the other."""
SHORTEST_WORD: Final = 4
"""Characters of a word of a name that may be meant alone."""
TYPED_CHARACTERS: Final = 60
"""Characters of a typed name that are compared."""

_RESOLUTION: Final = re.compile(r"([0-9]{1,3}(?:[.,][0-9]{1,2})?)\s*k?", re.IGNORECASE)
_NO_LETTER: Final = re.compile(r"[\W_]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Defaults:
    """What holds for a request of one person in one place where the person chooses nothing."""

    models: Mapping[str, Model]
    """The models that are switched on, by key."""
    here: Mapping[str, Model]
    """Those of them that the server offers."""
    settings: GuildSettings
    preferences: Preferences

    @property
    def keys(self) -> tuple[str, ...]:
        """Return the keys of the default models, in the order of precedence: the person's own, also if it is not
        offered here, as the person is then told so; of the others, those that are offered here."""
        own = self.preferences.model
        others = (key for key in (self.settings.model, DEFAULT.key) if key in self.here)
        return (*((own,) if own is not None else ()), *others)

    @property
    def model(self) -> Model:
        """Return the model of a plain request."""
        return default_model(self.here, *self.keys)

    def variants(self, model: Model) -> int:
        own = self.preferences.variants
        return model.nearest_variants(own if own is not None else self.settings.variants)

    def size(self, model: Model) -> str:
        """Return the shape of a picture from words alone."""
        own = self.preferences.size
        usual = own if own is not None and ratio_of(own) is not None else self.settings.size
        return model.like_size(usual)


async def defaults_of(services: Services, guild_id: int | None, person_id: int) -> Defaults:
    settings = await services.stores.guilds.settings(guild_id)
    preferences = await services.stores.preferences.of(person_id)
    models = services.engine.models
    return Defaults(models=models, here=offered(models, settings.models), settings=settings, preferences=preferences)


def new_task(wish: Wish, origin: Origin, defaults: Defaults) -> NewTask:
    """Build the task; the engine checks every new task. Raises Unmakeable for a model, shape or resolution that cannot
    be read, and BadReference if the shape shall be that of a picture and there is none."""
    model, replaced = _model(wish, defaults)
    request = _with_look(wish, model, defaults)
    if wish.derivation is not None:  # options of the earlier request, which were not chosen for this one
        request = replace(
            request,
            enhance=request.enhance and "enhance" in model.options,
            fallback=request.fallback and "fallback" in model.options,
        )
    return NewTask(
        **origin.fields(),
        request=replace(request, model=model.key, variants=_variants(wish, model, defaults)),
        derivation=wish.derivation,
        parent_id=wish.parent_id,
        parent_picture=wish.parent_picture,
        parameters={**wish.parameters, **replaced},
    )


def with_usual_words(wish: Wish, words: str) -> Wish:
    """Return the wish with the words that the person always wants added at the end of its prompt, read as they are: no
    group, no parameter. A stored prompt, and one that ends with them already, stays as it is, and so does a request
    without words and pictures. Raises TooLong if both do not fit."""
    prompt = wish.request.prompt
    if wish.as_stored or is_blank(words) or (is_blank(prompt) and not wish.request.references):
        return wish
    added = literal(words.strip())
    if prompt.rstrip().endswith((added, words.strip())):
        return wish
    whole = added if is_blank(prompt) else f"{prompt.rstrip(' ,;')}, {added}"
    if len(whole) > LONGEST_WORDS:
        raise TooLong(LONGEST_WORDS - len(added) - 2)
    return replace(wish, request=replace(wish.request, prompt=whole))


def model_named(typed: str, here: Mapping[str, Model]) -> Model:
    """Return the model that a typed key or name means, also one that is not in `here`: the checks say so. The
    beginnings of some of its words are enough if they mean one model. Raises Unmakeable, which names the models that
    can be meant."""
    known = {**MODELS, **here}
    wanted = _folded(typed)
    for model in known.values():
        if typed == model.key or wanted in (_folded(model.key), _folded(model.name)):
            return model
    words = _NO_LETTER.sub(" ", comparable(typed)).split()
    meant = [model for model in here.values() if _begin_words_of(words, model)]
    if len(meant) == 1:
        return meant[0]
    if near := (meant or _like(wanted, here.values()))[:NEAR]:
        others, named = "near", near
    else:
        others, named = ("some", list(here.values())) if len(here) <= NAMED else ("none", [])
    models = ",".join(model.name for model in named)
    raise Unmakeable(Reason.MODEL_UNKNOWN, named=typed, models=models, others=others)


def model_here(typed: str, defaults: Defaults) -> Model:
    """Return the model that a typed key or name means. Raises Unmakeable for one that is unknown, switched off, or not
    offered here."""
    model = model_named(typed, defaults.here)
    if model.key not in defaults.here:
        raise unavailable(model, defaults.models, defaults.here)
    return model


def model_of_edit(task: Task, defaults: Defaults) -> tuple[Model, Mapping[str, str]]:
    """Return the model that makes an edit of a picture of the task if the person chooses none, and what became of the
    task's own model, as `model_for` does."""
    picture = NewReference(kind=ReferenceKind.IMAGE, url="", filename="")
    request = replace(task.request, references=(picture,))
    return model_for((task.model, *defaults.keys), request, defaults.here, defaults.models)


def resolution_in(typed: str) -> str | None:
    """Return the resolution that a typed text means (4k, 4 K, 4), whether or not there is such a one; None if the text
    is none."""
    read = _RESOLUTION.fullmatch(typed.strip())
    return f"{float(read[1].replace(',', '.')):g}K" if read else None


def _model(wish: Wish, defaults: Defaults) -> tuple[Model, Mapping[str, str]]:
    if wish.model is not None:
        return model_named(wish.model, defaults.here), {}
    return model_for((wish.former.model, *defaults.keys), wish.request, defaults.here, defaults.models)


def _variants(wish: Wish, model: Model, defaults: Defaults) -> int:
    if wish.variants is not None:
        return wish.variants
    for less in (wish.style_variants, wish.former.variants):
        if less is not None:
            return model.nearest_variants(less)
    return defaults.variants(model)


def _with_look(wish: Wish, model: Model, defaults: Defaults) -> PictureRequest:
    """Return the request with shape, resolution and background. What was not chosen is adapted to what was."""
    size = _chosen_size(wish, model)
    resolution = _chosen_resolution(wish, model)
    chosen = {
        name
        for name, value in (("size", size), ("resolution", resolution), ("background", wish.background))
        if value is not None and value != AS_PICTURE
    }
    as_picture = size == AS_PICTURE
    if size is None and wish.ratio is not None:
        size = model.nearest_size(*wish.ratio, resolution=resolution, background=wish.background)
    if size is None:
        size = next((usual for usual in (wish.style_size, wish.former.size) if usual is not None), None)
    if size is None:
        as_picture = wish.fits_picture and _has_picture(wish)
    asked = Look(
        size if size is not None and size != AS_PICTURE else defaults.size(model),
        resolution if resolution is not None else wish.former.resolution,
        wish.background if wish.background is not None else wish.former.background,
    )
    near = model.nearest_look(asked, keep=chosen)
    return replace(
        wish.request,
        size=asked.size if "size" in chosen else near.size,
        resolution=asked.resolution if "resolution" in chosen else near.resolution,
        background=asked.background if "background" in chosen else near.background,
        fits_picture=as_picture,
    )


def _chosen_size(wish: Wish, model: Model) -> str | None:
    if wish.size is None:
        return None
    size = size_in(wish.size, model.sizes)
    if size is None:
        sizes = ",".join(model.sizes)
        resolution = resolution_in(wish.size) if wish.size.strip()[-1:] in {"k", "K"} else None
        if resolution is not None:
            raise Unmakeable(Reason.SIZE_IS_RESOLUTION, resolution=resolution, model=model.name, sizes=sizes)
        raise Unmakeable(Reason.SIZE_UNKNOWN, named=wish.size, model=model.name, sizes=sizes)
    if size == AS_PICTURE and not (wish.fits_picture and _has_picture(wish)):
        raise BadReference(Reason.SIZE_OF_NO_PICTURE)
    return size


def _chosen_resolution(wish: Wish, model: Model) -> str | None:
    if wish.resolution is None:
        return None
    resolution = resolution_in(wish.resolution)
    if resolution is None:
        size = size_in(wish.resolution, model.sizes)
        if size is not None and size != AS_PICTURE:
            raise Unmakeable(Reason.RESOLUTION_IS_SIZE, size=size)
        named = ",".join(model.resolutions)
        reason = Reason.RESOLUTION_LACKING if named else Reason.RESOLUTION_UNCHOSEN
        raise Unmakeable(reason, model=model.name, named=wish.resolution, resolutions=named)
    return resolution


def _has_picture(wish: Wish) -> bool:
    return any(reference.kind is ReferenceKind.IMAGE for reference in wish.request.references)


def _begin_words_of(words: Sequence[str], model: Model) -> bool:
    """Return whether each of the words begins a word of the model's name or key. Digits alone mean no model."""
    own = _NO_LETTER.sub(" ", comparable(f"{model.name} {model.key}")).split()
    all_begin = all(any(each.startswith(word) for each in own) for word in words)
    return all_begin and any(character.isalpha() for word in words for character in word)


def _like(wanted: str, models: Iterable[Model]) -> list[Model]:
    """Return the models of which the name, the key, or a word of the name resembles the text, the most alike first."""
    alike = list[tuple[float, Model]]()
    for model in models:
        words = [word for word in _NO_LETTER.sub(" ", comparable(model.name)).split() if len(word) >= SHORTEST_WORD]
        own = (_folded(model.key), _folded(model.name), *words)
        alike.append((max(SequenceMatcher(None, each, wanted[:TYPED_CHARACTERS]).ratio() for each in own), model))
    alike.sort(key=lambda each: -each[0])
    return [model for likeness, model in alike if likeness >= ALIKE]


def _folded(text: str) -> str:
    return _NO_LETTER.sub("", comparable(text))
