"""
The bot's catalogue of models and the emulator's table were written independently of each other; here they are compared:
what one offers the other accepts, at the same price, and what one refuses the other refuses.
"""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest

from sandbox.forms.flux import FLUX
from sandbox.forms.flux import RATIOS as FLUX_RATIOS
from sandbox.forms.four_o import FOUR_O, MOST_FILES
from sandbox.forms.four_o import SIZES as FOUR_O_SIZES
from sandbox.forms.market import Market
from sandbox.jobs import Asked
from sandbox.models import MODELS as EMULATED
from sandbox.paint.manners import MANNERS
from sandbox.wire import Refused
from storage.catalogue import FOUR_O_AS_JOBS, MODELS, Look, Model, WireForm

MARKET = Market(gone=())
JOBS = [*(model for model in MODELS.values() if model.form is WireForm.JOBS), FOUR_O_AS_JOBS]
UNDOCUMENTED = {"isEnhance", "enableFallback", "uploadCn", "fallbackModel"}
"""Fields of 4o that its page shows in an example of the jobs API, though its schema lacks them."""

jobs = pytest.mark.parametrize("model", JOBS, ids=lambda model: f"{model.key} {model.form}")


def field_values(model: Model, look: Look, references: int) -> dict[str, Any]:
    """Return the fields of `input` for a request."""
    resolution = model.resolution_of(look.resolution)
    given: dict[str, Any] = {"prompt": "three letters", model.size_field: model.size_words[look.size]}
    if resolution:
        given[model.resolution_field] = model.resolution_words[resolution]
    if look.background:
        given[model.background_field] = look.background
    if references and model.references is not None:
        urls = [f"http://127.0.0.1/{number}.png" for number in range(references)]
        given[model.references.field] = urls if model.references.is_list else urls[0]
    return {**given, **model.operation(references).always}


def accepted(model: Model, look: Look, references: int) -> Asked:
    """Return what the emulator reads of the create. Raises Refused."""
    given = field_values(model, look, references)
    operation = model.operation(references)
    if model.form is WireForm.JOBS:
        return MARKET.asked({"model": operation.id, "input": given})
    return FOUR_O.asked(given) if model.form is WireForm.FOUR_O else FLUX.asked(given | {"model": operation.id})


def looks(model: Model) -> list[Look]:
    """Return every combination of the model's own sizes, resolutions and backgrounds, possible or not."""
    return [
        Look(size, resolution, background)
        for size, resolution, background in product(
            model.sizes, model.resolutions or (None,), (None, *model.backgrounds)
        )
    ]


@pytest.mark.parametrize("model", [*MODELS.values(), FOUR_O_AS_JOBS], ids=lambda model: f"{model.key} {model.form}")
def test_what_the_bot_offers_is_accepted_at_its_price_and_what_it_refuses_is_refused(model: Model) -> None:
    numbers = {0, *((1, model.most_references) if model.references else ())}
    for look, references in product(looks(model), sorted(numbers)):
        if not model.allows(look):
            with pytest.raises(Refused):
                accepted(model, look, references)
            continue
        asked = accepted(model, look, references)
        price = model.create_price(variants=1, resolution=look.resolution, references=references)
        assert asked.price == pytest.approx(price), (look, references)
        assert asked.ratio == look.size
        assert asked.size == (model.resolution_of(look.resolution) or "1K")
        assert asked.transparent is (look.background is not None)
        assert len(asked.references) == references
        assert (asked.pictures, asked.manner) == (1, model.key)


@jobs
def test_the_emulator_has_no_size_and_no_resolution_that_the_bot_does_not_offer(model: Model) -> None:
    for operation in filter(None, (model.words, model.pictures)):
        emulated = EMULATED[operation.id]
        ratios = emulated.fields[model.size_field].words
        extra = {"square"} if model.key == "ideogram" else set()
        assert {*ratios} - {"auto"} - extra == {*model.size_words.values()}
        if model.resolution_field:
            assert emulated.fields[model.resolution_field].words == tuple(model.resolution_words.values())
        assert emulated.size_field == model.resolution_field


@jobs
def test_each_field_that_the_bot_sends_is_one_that_the_model_has(model: Model) -> None:
    for operation, references in ((model.words, 0), (model.pictures, 1)):
        if operation is not None:
            fields = EMULATED[operation.id].fields.keys() | UNDOCUMENTED
            sent = field_values(model, Look(model.sizes[0], None, None), references).keys()
            assert sent <= fields
            assert {*model.options.values(), *filter(None, [model.background_field])} <= fields
    if model.mask is not None and model.pictures is not None:
        assert model.mask.field in EMULATED[model.pictures.id].fields
        assert model.mask.changes == EMULATED[model.pictures.id].mask_changes


@jobs
def test_where_a_model_can_check_for_indecent_content_the_bot_asks_for_it(model: Model) -> None:
    for operation in filter(None, (model.words, model.pictures)):
        assert (operation.always.get("nsfw_checker") is True) is ("nsfw_checker" in EMULATED[operation.id].fields)


@jobs
def test_prompts_and_input_pictures_have_the_same_limits(model: Model) -> None:
    for operation in filter(None, (model.words, model.pictures)):
        prompt = EMULATED[operation.id].fields["prompt"]
        assert (prompt.least, prompt.most) == model.prompt_characters
        assert prompt.required is model.needs_prompt
    if model.pictures is not None and model.references is not None:
        emulated = EMULATED[model.pictures.id]
        field = emulated.fields[emulated.pictures_field]
        assert emulated.pictures_field == model.references.field
        assert field.is_list is model.references.is_list
        assert (field.most if field.is_list else 1) == model.references.most
        assert model.references.most_megabytes <= emulated.most_megabytes
        assert model.references.most_megapixels == emulated.most_megapixels


def test_the_endpoints_of_their_own_have_the_same_sizes_and_prices() -> None:
    four_o = MODELS["4o"]
    assert (four_o.sizes, four_o.most_references) == (FOUR_O_SIZES, MOST_FILES)
    for variants in four_o.variants:
        asked = FOUR_O.asked({"size": "1:1", "prompt": "x", "nVariants": variants})
        assert (asked.price, asked.pictures) == (four_o.price(variants=variants), variants)
    for key in ("flux-kontext", "flux-kontext-max"):
        assert {*MODELS[key].sizes} == {*FLUX_RATIOS}


def test_each_model_has_a_manner() -> None:
    assert MANNERS.keys() == MODELS.keys() == {model.manner for model in EMULATED.values()} | {"flux-kontext-max"}
