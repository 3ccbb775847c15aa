"""Test shapes in words: as they are shown, and as people type them."""

from __future__ import annotations

import pytest

from bot.texts import LANGUAGES, texts_in
from bot.texts.shapes import AS_PICTURE, shape, size_in
from storage.catalogue import MODELS, all_sizes


@pytest.mark.parametrize(
    ("size", "words"),
    [
        ("1:1", "square (1:1)"), ("9:8", "nearly square (9:8)"), ("3:2", "landscape (3:2)"), ("3:4", "portrait (3:4)"),
        ("16:9", "wide (16:9)"), ("9:16", "tall (9:16)"), ("21:9", "very wide (21:9)"), ("9:21", "very tall (9:21)"),
        ("8:1", "banner (8:1)"), ("1:4", "column (1:4)"), ("9:9", "square (9:9)"), ("none", "none"), ("", ""),
    ],
)  # fmt: skip
def test_a_size_is_shown_with_a_word(size: str, words: str) -> None:
    assert shape(texts_in("en-US"), size) == words


@pytest.mark.parametrize(
    ("typed", "key", "size"),
    [
        ("16:9", "gpt-image", "16:9"), ("16x9", "gpt-image", "16:9"), ("16 / 9", "gpt-image", "16:9"),
        ("16：9", "gpt-image", "16:9"), ("1920x1080", "4o", "16:9"), ("5:3", "gpt-image", "5:3"),
        ("2.35:1", "4o", "2.35:1"), ("Portrait", "4o", "2:3"), ("portrait", "flux-kontext", "3:4"),
        ("landscape", "flux-kontext", "4:3"), ("wide", "4o", "16:9"), ("very tall", "qwen", "9:21"),
        ("竖屏", "grok", "9:16"), ("wide (16:9)", "4o", "16:9"), ("横向 (3:2)", "4o", "3:2"),
        ("auto", "4o", AS_PICTURE),
        ("As the picture", "4o", AS_PICTURE), ("和图片一样", "4o", AS_PICTURE),
        ("竖", "4o", "2:3"), ("竖版", "flux-kontext", "3:4"), ("横", "4o", "3:2"), ("横版", "flux-kontext", "4:3"),
        ("方", "4o", "1:1"), ("正方形", "4o", "1:1"), ("横屏", "grok", "16:9"), ("Upright", "4o", "2:3"),
        ("与图片相同", "4o", AS_PICTURE), ("跟图片一样", "4o", AS_PICTURE), ("same as the picture", "4o", AS_PICTURE),
        ("0:1", "4o", None), ("big", "4o", None),
        ("", "4o", None), ("16:9:4", "4o", None),
    ],
)  # fmt: skip
def test_a_typed_shape_is_read(typed: str, key: str, size: str | None) -> None:
    assert size_in(typed, MODELS[key].sizes) == size


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("size", all_sizes())
def test_what_is_shown_can_be_typed(language: str, size: str) -> None:
    assert size_in(shape(texts_in(language), size), all_sizes()) == size
