"""Tests for permutations, several requests from one prompt: what is a group in braces, and what is not."""

from __future__ import annotations

import json
import time
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as some

from bot.errors import BadChoice, Reason
from bot.texts.discord_text import is_blank
from bot.texts.prompt_expansion import MOST, expand, literal

typed = some.text(some.sampled_from('ab {},\\\n":'), max_size=40) | some.text(max_size=40)
alternative = some.text(
    some.characters(exclude_characters="{},\uff0c\\", exclude_categories=["Cs"]), min_size=1
).filter(lambda text: not is_blank(text) and '"' not in text)
group = some.lists(alternative, min_size=2, max_size=4, unique_by=str.strip)
between = some.text(some.characters(exclude_characters="{},\uff0c\\", exclude_categories=["Cs"]), max_size=10)


def test_each_group_is_gone_through_the_last_one_first() -> None:
    assert expand("{red, green} door in {oil, ink}") == [
        "red door in oil",
        "red door in ink",
        "green door in oil",
        "green door in ink",
    ]


@pytest.mark.parametrize(
    ("words", "made"),
    [
        ("{ red ,\tgreen }door", ["reddoor", "greendoor"]),
        ("{red, , green,}", ["red", "green"]),
        ("{red, red, green}", ["red", "green"]),
        ("{a, ab}{bc, c}", ["abc", "ac", "abbc"]),
        ("{red, red} door", ["red door"]),
        (r"{red\, dark, green} door", ["red, dark door", "green door"]),
        (r"{a\{, b\}}", ["a{", "b}"]),
        ("{ {a, b} door", ["{ a door", "{ b door"]),
        ("{a, b}} door", ["a} door", "b} door"]),
        ("{x} {a, b}", ["{x} a", "{x} b"]),
        (r"\{x\} {a, b}", ["{x} a", "{x} b"]),
        (r"a \n b {a, b}", [r"a \n b a", r"a \n b b"]),
        ("{红\uff0c绿} 门", ["红 门", "绿 门"]),
        ("{红\\\uff0c绿, 蓝} 门", ["红\uff0c绿 门", "蓝 门"]),
        ("{红, 绿} 门", ["红 门", "绿 门"]),
    ],
)
def test_what_is_made_of_a_group(words: str, made: list[str]) -> None:
    assert expand(words) == made


@pytest.mark.parametrize(
    "words",
    [
        "", "   ", "a red door", "{prompt} in oil", "{}", "{ }", "{,}", "{ , }", "{red,}", "{red, }", "{", "}", "}{",
        "} red, green {", "{{prompt}}", "red, green", "a\\b", "{red, green", "red, green}", "{a {b} c}",
        '{"subject": "a door", "colours": ["red", "green"], "light": {"from": "left", "soft": true}}',
        '{"a": 1, "b": 2} in oil',
        r"{red\, green} door",
    ],
)  # fmt: skip
def test_what_is_no_group_stays_as_typed(words: str) -> None:
    assert expand(words) == [words]


def test_a_backslash_makes_a_brace_a_brace() -> None:
    assert expand(r"\{red, green\} door") == ["{red, green} door"]
    assert expand(r"\{red, green} door") == ["{red, green} door"]


@pytest.mark.parametrize("words", ["{a, {b, c}}", "{{a, b}}", "{a {b}, c}", "{{a, b} door, c}", "x {a, {b}} y {c, d}"])
def test_a_group_within_a_group_is_refused(words: str) -> None:
    with pytest.raises(BadChoice) as refused:
        expand(words)
    assert refused.value.reason is Reason.BATCH_NESTED


@pytest.mark.parametrize(("words", "most"), [("{a, b, c}", 2), ("{a, b}" * 4, 15), ("{a, b}" * 600, 10)])
def test_more_than_is_allowed_is_refused_before_it_is_made(words: str, most: int) -> None:
    began = time.monotonic()
    with pytest.raises(BadChoice) as refused:
        expand(words, most=most)
    assert (refused.value.reason, refused.value.parameters) == (Reason.BATCH_TOO_LARGE, {"allowed": most})
    assert time.monotonic() - began < 1


def test_as_many_as_are_allowed_are_made() -> None:
    assert len(expand("{a, b}{c, d}", most=4)) == 4


def test_no_server_allows_more_than_there_may_be() -> None:
    with pytest.raises(BadChoice) as refused:
        expand("{a, b}" * 10, most=2000)
    assert refused.value.parameters == {"allowed": MOST}


@pytest.mark.parametrize(
    "words", ["{" * 4000, "}" * 4000, "{}" * 2000, "{" * 2000 + "}" * 2000, "{a," * 1300, "," * 4000, '{"a":' * 800,
              "{" + "," * 3990 + "}", "{" + "[" * 3990 + ",}", "\\" * 4000, "{" * 2000 + ",}" * 1000]
)  # fmt: skip
def test_hostile_words_take_no_time(words: str) -> None:
    began = time.monotonic()
    with suppress(BadChoice):
        assert expand(words) == [words]
    assert time.monotonic() - began < 1


@given(typed)
def test_whatever_is_typed_is_a_few_requests_or_refused(words: str) -> None:
    try:
        made = expand(words, most=20)
    except BadChoice:
        return
    assert 1 <= len(made) <= 20
    assert len(set(made)) == len(made)
    assert all(len(prompt) <= len(words) for prompt in made)


@given(typed)
def test_what_was_made_can_be_typed_so_that_it_is_made_again(words: str) -> None:
    assert expand(literal(words)) == [words]


def test_words_without_a_group_are_offered_as_they_are() -> None:
    assert literal("{prompt} in oil") == "{prompt} in oil"
    assert literal("{red, green} door") == r"\{red, green\} door"


def test_words_with_more_groups_than_may_be_expanded_are_escaped_too() -> None:
    words = "{red, green, blue} " * 20
    with pytest.raises(BadChoice):
        expand(words)
    assert expand(literal(words)) == [words]


@given(some.lists(some.tuples(between, group), min_size=1, max_size=3), between)
def test_there_are_as_many_as_the_alternatives_multiply_to(groups: list[tuple[str, list[str]]], end: str) -> None:
    words = "".join(f"{before}{{{','.join(parts)}}}" for before, parts in groups) + end
    made = expand(words)
    expected = [""]
    for before, parts in groups:
        expected = [f"{begun}{before}{part.strip()}" for begun in expected for part in parts]
    assert made == list(dict.fromkeys(f"{begun}{end}" for begun in expected))


plain = some.text(some.characters(exclude_characters="{}", exclude_categories=["Cs"]), max_size=5)


@given(some.dictionaries(plain, some.integers() | plain | some.none(), min_size=2, max_size=4), plain)
def test_a_json_object_stays_as_it_is(fields: dict[str, object], after: str) -> None:
    words = json.dumps(fields, ensure_ascii=False) + after
    assert expand(words) == [words]
