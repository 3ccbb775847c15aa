"""Test what follows from the facts about a model: the nearest look, the sizes that go together, what it takes."""

from __future__ import annotations

from itertools import product

import pytest

from storage.catalogue import MODELS, Look, Model, all_sizes, catalogue, offered

MODEL = pytest.mark.parametrize("model", MODELS.values(), ids=list(MODELS))


@MODEL
def test_the_nearest_look_is_always_possible_and_the_same_if_the_look_is(model: Model) -> None:
    resolutions = (None, "1K", "2K", "4K", "8K")
    for look in (Look(*each) for each in product((*all_sizes(), "5:3"), resolutions, (None, "transparent"))):
        near = model.nearest_look(look)
        assert model.allows(near), look
        if model.allows(look):
            assert near == look


@MODEL
def test_what_is_to_be_kept_is_kept_where_the_model_has_it(model: Model) -> None:
    for size, resolution in product(model.sizes, model.resolutions):
        assert model.nearest_look(Look(size, resolution, None), keep={"resolution"}).resolution == resolution
        assert model.nearest_look(Look(size, resolution, None), keep={"size"}).size == size


def test_a_look_gives_way_where_least_is_lost() -> None:
    model = MODELS["gpt-image"]
    assert model.nearest_look(Look("1:1", "4K", None)) == Look("1:1", "2K", None)
    assert model.nearest_look(Look("1:1", "4K", None), keep={"resolution"}) == Look("4:3", "4K", None)
    assert model.nearest_look(Look("3:2", "4K", "transparent")) == Look("3:2", "1K", "transparent")
    assert model.nearest_look(Look("3:2", None, None)).resolution is None


def test_the_nearest_size_goes_together_with_the_resolution() -> None:
    model = MODELS["gpt-image"]
    assert model.nearest_size(100, 100) == "1:1"
    assert model.nearest_size(100, 100, resolution="4K") in {"4:3", "3:4"}
    assert "1:1" not in model.sizes_with("4K", None)


@pytest.mark.parametrize(
    ("key", "references", "masks", "characters", "taken"),
    [
        ("4o", 5, 1, 0, True), ("4o", 6, 0, 9, False), ("4o", 0, 0, 0, False), ("gpt-image", 16, 0, 1, True),
        ("gpt-image", 1, 1, 9, False), ("gpt-image", 1, 0, 0, False), ("seedream", 0, 0, 2, False),
        ("z-image", 0, 0, 1_000, True), ("z-image", 0, 0, 1_001, False), ("z-image", 1, 0, 9, False),
        ("qwen", 1, 1, 9, True),
    ],
)  # fmt: skip
def test_what_a_model_takes(key: str, references: int, masks: int, characters: int, taken: bool) -> None:
    assert MODELS[key].takes(references=references, masks=masks, characters=characters) is taken


def test_a_server_offers_all_if_none_of_its_models_is_switched_on() -> None:
    models = catalogue(offered=("4o", "qwen"))
    assert list(offered(models, ("qwen", "grok"))) == ["qwen"]
    assert list(offered(models, ("grok",))) == ["4o", "qwen"]
