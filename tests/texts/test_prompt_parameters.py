"""Tests for parameters at the end of a prompt, as Midjourney takes them: what is read, and what stays as typed."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as some

from bot.texts.prompt_expansion import expand, literal
from bot.texts.prompt_parameters import Parameters, parameters_of, without_parameters

typed = some.text(some.sampled_from("ab -—\\:169{},"), max_size=40) | some.lists(
    some.sampled_from(
        ["cat", "--ar", "16:9", "--v", "6", "—no", "dogs", "\\--tile", "--danger", "{a, b}", "-ar", "-v", "\\-tile"]
    ),
    max_size=8,
).map(" ".join)


def read(
    words: str = "a cat", *, ratio: str = "", without: str = "", left_out: str = "", stayed: bool = False
) -> Parameters:
    width, _, height = ratio.partition(":")
    return Parameters(
        words=words,
        ratio=(float(width), float(height)) if ratio else None,
        typed_ratio=ratio,
        without=(without,) if without else (),
        left_out=tuple(left_out.split()),
        stayed=stayed,
    )


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("a cat --ar 16:9", read(ratio="16:9")),
        ("a cat --aspect 16:9", read(ratio="16:9")),
        ("a cat —ar 16:9", read(ratio="16:9")),
        ("a cat –ar 16:9", read(ratio="16:9")),
        ("a cat ——ar 16:9", read(ratio="16:9")),
        ("a cat \u2010\u2010ar 16:9", read(ratio="16:9")),
        ("a cat \u2212\u2212ar 16:9", read(ratio="16:9")),
        ("a cat --AR 16:9", read(ratio="16:9")),
        ("a cat --ar 16：9", read(ratio="16:9")),
        ("a cat --ar 16x9", read(ratio="16:9")),
        ("a cat --ar 16×9", read(ratio="16:9")),
        ("a cat --ar 16/9", read(ratio="16:9")),
        ("a cat --ar 16 : 9", read(ratio="16:9")),
        ("a cat --ar=16:9", read(ratio="16:9")),
        ("a cat --ar16:9", read(ratio="16:9")),
        ("a cat --ar 1.91:1", read(ratio="1.91:1")),
        ("a cat --ar 16:9.", read(ratio="16:9")),
        ("a cat --ar 16:9, --v 6", read(ratio="16:9", left_out="v")),
        ("a cat\n--ar 16:9\n", read(ratio="16:9")),
        ("a cat --ar 16:9\u200b", read(ratio="16:9")),
        ("a cat --ar 1:1 --ar 16:9", read(ratio="16:9")),
        ("a cat --ar wide", read(left_out="ar")),
        ("a cat --ar 0:9", read(left_out="ar")),
        ("a cat --ar", read("a cat --ar", stayed=True)),
        ("a cat --v 6", read(left_out="v")),
        ("a cat --v6.1", read(left_out="v")),
        ("a cat --version 5.2", read(left_out="version")),
        ("a cat --niji", read(left_out="niji")),
        ("a cat --niji 6", read(left_out="niji")),
        ("a cat --style raw", read(left_out="style")),
        ("a cat --raw", read(left_out="raw")),
        ("a cat --s 250", read(left_out="s")),
        ("a cat --stylize 250", read(left_out="stylize")),
        ("a cat --c 10", read(left_out="c")),
        ("a cat --chaos 10", read(left_out="chaos")),
        ("a cat --weird 300", read(left_out="weird")),
        ("a cat --q .5", read(left_out="q")),
        ("a cat --quality 2", read(left_out="quality")),
        ("a cat --seed 123456", read(left_out="seed")),
        ("a cat --iw 1.5", read(left_out="iw")),
        ("a cat --repeat 4", read(left_out="repeat")),
        ("a cat --stop 80", read(left_out="stop")),
        ("a cat --tile", read(left_out="tile")),
        ("a cat --video", read(left_out="video")),
        ("a cat —fast", read(left_out="fast")),
        ("a cat --p", read(left_out="p")),
        ("a cat --p abc123 x9", read(left_out="p")),
        ("a cat --sref https://pictures.test/a.png 4417 --sw 100", read(left_out="sref sw")),
        ("a cat --sref random", read(left_out="sref")),
        ("a cat --cref https://pictures.test/a.png --cw 0", read(left_out="cref cw")),
        ("a cat --v 6 --style raw --v 7", read(left_out="v style")),
        ("a cat --no dogs", read(without="dogs")),
        ("a cat --no dogs, red cars", read(without="dogs, red cars")),
        ("a cat —no dogs --ar 3:2", read(without="dogs", ratio="3:2")),
        ("a cat --no", read(left_out="no")),
        ("--no dogs", read("", without="dogs")),
        ("--v 6", read("", left_out="v")),
        ("a cat --ar 16:9 --steps 30", read("a cat --steps 30", ratio="16:9", stayed=True)),
        ("a cat --steps 30 --ar 16:9", read("a cat --steps 30", ratio="16:9", stayed=True)),
        (
            "a cat --v 6 --cfg 7 --ar 16:9 --size 1024x1024",
            read("a cat --cfg 7 --size 1024x1024", ratio="16:9", left_out="v", stayed=True),
        ),
        ("a cat --ar 16:9, --cfg-scale 7, --v 6", read("a cat --cfg-scale 7", ratio="16:9", left_out="v", stayed=True)),
        ("a cat --ar 16:9 --stilize 250", read("a cat --stilize 250", ratio="16:9", stayed=True)),
        ("a cat --ar 16:9 --v six", read("a cat --v six", ratio="16:9", stayed=True)),
        ("a cat --ar 16:9 --stylize", read("a cat --stylize", ratio="16:9", stayed=True)),
        ("a cat --ar 16:9 --danger", read("a cat --danger", ratio="16:9", stayed=True)),
        ("a cat --ar 16:9 --4k", read("a cat --4k", ratio="16:9", stayed=True)),
        ("a cat --ar 16:9 —beautiful", read("a cat —beautiful", ratio="16:9")),
        ("a cat --no dogs --danger", read("a cat --danger", without="dogs", stayed=True)),
        ("--ar 16:9 --danger", read("--danger", ratio="16:9", stayed=True)),
        ("a cat –-ar 16:9", read(ratio="16:9")),
        ("a cat -–ar 16:9", read(ratio="16:9")),
        ("a cat -ar 16:9", read(ratio="16:9")),
        ("a cat -AR 16:9", read(ratio="16:9")),
        ("a cat -ar=16:9", read(ratio="16:9")),
        ("a cat −ar 16:9", read(ratio="16:9")),
        ("a cat --ar 16:9 -v 6", read(ratio="16:9", left_out="v")),
        ("a cat -ar 16:9 -tile --steps 30", read("a cat --steps 30", ratio="16:9", left_out="tile", stayed=True)),
        ("a cat -no dogs", read(without="dogs")),
        ("a cat --negative people", read(without="people")),
        ("a cat --negative-prompt people", read(without="people")),
        ("a cat --negative_prompt: people", read(without="people")),
        ("一只猫 --ar 16：9 --no 文字", read("一只猫", ratio="16:9", without="文字")),
        ("a door --model nano-banana", Parameters(words="a door", model="nano-banana")),
        (
            "a door —model GPT Image 2.5 Flare --ar 1:1",
            Parameters(
                words="a door",
                model="GPT Image 2.5 Flare",
                ratio=(1, 1),
                typed_ratio="1:1",
            ),
        ),
        ("a door --model qwen --model grok", Parameters(words="a door", model="grok")),
        ("a door --resolution 4k", Parameters(words="a door", resolution="4k")),
        ("a door --res 2K --model qwen", Parameters(words="a door", resolution="2K", model="qwen")),
        ("a door --res 1.5 k --res 4K", Parameters(words="a door", resolution="4K")),
        ("a door --res high", Parameters(words="a door --res high", stayed=True)),
        ("a door --model", Parameters(words="a door --model", stayed=True)),
    ],
)
def test_the_end_of_a_prompt_is_read(words: str, expected: Parameters) -> None:
    assert parameters_of(words) == expected


@pytest.mark.parametrize(
    "words",
    [
        "", "   ", "a cat", "a cat -- and a dog", "a cat--ar 16:9", "a well--known cat", "a cat --ar 16:9 in the rain",
        "a cat --v 6 in the rain", "a cat -ar 16:9 in the rain", "a cat -danger",
        "a cat -p", "a gun -p90", "a cat -red -blue", "a cat -v six", "minus -c", "a well -known cat",
        "a cat --ar 16:9 --danger zone ahead",
        "a cat — in the rain", "a cat —fast and red", "a woman—no makeup", "a woman —beautiful",
        "a cat --style raw and wild", "a cat --ar {3:2, 2:3}", "a cat --sref somewhere else",
    ],
)  # fmt: skip
def test_what_is_no_parameter_at_the_end_stays_as_typed(words: str) -> None:
    assert parameters_of(words) == Parameters(words=words)


@pytest.mark.parametrize(
    "words",
    ["a sign that says --danger", "the flag --help", "a cat --v six", "a cat --tile floor", "a cat --steps 30",
     "the flags --help and --version"],
)  # fmt: skip
def test_a_name_that_cannot_be_read_stays_in_the_words_as_typed(words: str) -> None:
    assert parameters_of(words) == Parameters(words=words, stayed=True)


def test_a_backslash_makes_a_parameter_words() -> None:
    assert parameters_of(r"a cat \--v 6") == Parameters(words="a cat --v 6")
    assert parameters_of(r"a cat \-v 6") == Parameters(words="a cat -v 6")
    assert parameters_of(r"a cat \-red") == Parameters(words=r"a cat \-red")
    assert parameters_of(r"a cat \--v 6 --v 7") == read("a cat --v 6", left_out="v")


def test_words_without_parameters_are_offered_as_they_are() -> None:
    assert without_parameters("a sign that says --danger") == "a sign that says --danger"
    assert without_parameters("a cat --v 6") == r"a cat \--v 6"
    assert without_parameters("a cat -v 6") == r"a cat \-v 6"
    assert without_parameters("a cat -v 6 in -red") == "a cat -v 6 in -red"


@given(typed)
def test_a_prompt_can_be_typed_so_that_it_is_read_as_it_is(words: str) -> None:
    shown = without_parameters(literal(words))
    again = parameters_of(shown)
    assert (again.words, again.found) == (literal(words), False)
    assert expand(parameters_of(shown).words) == [words]


@pytest.mark.parametrize(
    "words",
    ["--v " * 1000, "--v 6 " * 600, "--sref " + "1" * 3990 + "!", "--p " + "a1 " * 1300 + "!", "--ar " + "1" * 3990,
     "—" * 4000, "--no " * 800, "--danger " * 440, "-no " * 1000, "--a-b" * 800, "--v 6 --danger " * 260,
     "\\--v 6 " * 500],
)  # fmt: skip
def test_hostile_words_take_no_time(words: str) -> None:
    began = time.monotonic()
    parameters_of(words)
    without_parameters(words)
    assert time.monotonic() - began < 1
