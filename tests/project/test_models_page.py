"""Tests for docs/models.md: its tables say what the catalogue says."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import pytest

from bot.texts import texts_in
from storage.catalogue import DEFAULT, MODELS, Model, WireForm
from tests.project.test_docs import read

ROOT: Final = Path(__file__).parent.parent.parent
PAGE: Final = "docs/models.md"
FORMS: Final = {WireForm.FOUR_O: "4o’s own", WireForm.FLUX: "Flux Kontext’s own", WireForm.JOBS: "jobs"}


def rows(heading: str) -> dict[str, list[str]]:
    """Return the cells of the table under a heading, without the key, by the key of the model."""
    _, _, section = read(PAGE).partition(f"\n## {heading}\n")
    found = {}
    for line in section.partition("\n## ")[0].splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if match := re.fullmatch(r"`([\w-]+)`", cells[0]):
            found[match[1]] = cells[1:]
    return found


def price(model: Model) -> str:
    if model.credits_by_variants:
        return ", ".join(f"{cost:g} for {count}" for count, cost in model.credits_by_variants.items())
    each = set(model.credits.values())
    some = f"{each.pop():g}" if len(each) == 1 else ", ".join(f"{cost:g} in {of}" for of, cost in model.credits.items())
    further = model.credits_per_further_reference
    return f"{some}; {further:g} more for each picture to start from after the first" if further else some


def references(model: Model) -> str:
    return f"up to {model.most_references}" if model.most_references > 1 else str(model.most_references or "none")


def extras(model: Model) -> str:
    listed = [*(["mask"] if model.takes_mask else []), *model.backgrounds, *model.options]
    return ", ".join(listed) or "–"


def expected(model: Model) -> list[str]:
    good_for = texts_in("en-US")(f"model-{model.key}")
    resolutions = ", ".join(model.resolutions) or "–"
    return [
        model.name, good_for, ", ".join(model.sizes), resolutions, references(model), extras(model), price(model),
    ]  # fmt: skip


def test_the_page_has_a_row_for_every_model_in_their_order() -> None:
    assert list(rows("What each can do")) == list(rows("Where the facts come from")) == list(MODELS)


@pytest.mark.parametrize("key", MODELS)
def test_a_row_says_what_the_catalogue_says(key: str) -> None:
    assert rows("What each can do")[key] == expected(MODELS[key])


@pytest.mark.parametrize("key", MODELS)
def test_a_row_names_the_source_the_date_and_the_endpoint(key: str) -> None:
    model = MODELS[key]
    words = list(dict.fromkeys(each.id for each in (model.words, model.pictures) if each is not None and each.id))
    ids = ", ".join(f"`{word}`" for word in words) or "–"
    assert rows("Where the facts come from")[key] == [FORMS[model.form], ids, model.source, model.as_of]


def test_the_page_names_the_default() -> None:
    assert f"`{DEFAULT.key}` is the default" in read(PAGE)
