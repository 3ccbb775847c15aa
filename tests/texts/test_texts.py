"""Tests for the catalogue of texts: complete in every language, in step with the code, and the only place of texts."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

import discord
import pytest
from babel import Locale
from fluent.runtime.types import FluentInt
from fluent.syntax import FluentSerializer
from fluent.syntax import ast as ftl
from structlog.testing import capture_logs

from bot.error_replies import explain, explain_to_operator
from bot.errors import Reason
from bot.texts import DEFAULT, FOLDER, LANGUAGES, VALUE_CHARACTERS, Texts, WholeNumber, link_commands, texts_in
from storage.catalogue import MODELS
from tests.texts.written_texts import entries, messages, plurals, variables

ROOT: Final = Path(__file__).parent.parent.parent
TELLING: Final = (
    "bot/ui",
    "bot/delivery",
    "bot/discord_errors.py",
    "bot/error_replies.py",
    "bot/texts/command_texts.py",
    "cogs",
)
"""Files and folders with code that shows texts to people."""
FAMILIES: Final = re.compile(
    r"reason-.+|operator-.+|permission-.+|option-.+|talk-.+|help-example-.+|model-.+|typed-shape-.+|.+-name"
)
"""Message names that code builds from a reason, an operator message, a permission, an option, a kind
of small talk, the number of an example, a model, a shape or a command."""
MOST_OF_MODEL: Final = 70
"""Characters of a model's line: a choice of autocomplete has 100, with the name and the price in it."""
TOLD_BY: Final = frozenset({"label", "description", "placeholder", "title", "text", "content"})
"""Arguments of discord.py whose text people read."""
WORDS: Final = re.compile(r"[^\W\d_] | [^\W\d_]|^[A-Z][a-z]+|[\u3000-\u9fff\uff00-\uffef]")
UNREAD: Final = frozenset({"debug", "info", "warning", "error", "exception", "critical", "compile"})
"""Functions whose arguments people do not read: log methods and `re.compile`."""
NOT_READ: Final = {
    "card ": "hashed into the number of a component",
    "Discord answered ": "the text of an exception, for the log",
    ", code ": "the same",
}
"""Literals that only look like text for people, with the reason."""
STAY_OUT: Final = {
    "en-US": r" %|'|\b(?:anew|once more|would like|cannot be|could not|does not|I (?:keep|bring|tell|wait) )",
    "zh-CN": r"运行我的人|图片集|来龙去脉|提出|提到我|正在生成|[\u4e00-\u9fff][,!?;:]",
}
"""What the texts of a language do not say, as another word is used for it everywhere."""


# -- files of the catalogue --------------------------------------------------------------------------------------------


def test_each_language_is_one_of_discords() -> None:
    assert DEFAULT in LANGUAGES
    assert set(LANGUAGES) <= {str(locale) for locale in discord.Locale}


@pytest.mark.parametrize("language", LANGUAGES)
def test_all_that_is_written_can_be_read_and_once_only(language: str) -> None:
    assert not [entry.content for entry in entries(language) if isinstance(entry, ftl.Junk)]
    names = [entry.id.name for entry in entries(language) if isinstance(entry, ftl.Message)]
    assert sorted(set(names)) == sorted(names)
    assert not [entry.id.name for entry in entries(language) if isinstance(entry, ftl.Message) and entry.attributes]


@pytest.mark.parametrize("language", LANGUAGES)
def test_each_language_has_the_same_messages_in_the_same_files(language: str) -> None:
    files = {path.name for path in (FOLDER / DEFAULT).glob("*.ftl")}
    assert {path.name for path in (FOLDER / language).glob("*.ftl")} == files
    assert sorted(messages(language)) == sorted(messages(DEFAULT))


@pytest.mark.parametrize("language", LANGUAGES)
def test_each_message_is_made_of_the_same_values(language: str) -> None:
    for name in messages(DEFAULT):
        assert variables(language, name) == variables(DEFAULT, name), name


@pytest.mark.parametrize("language", LANGUAGES)
def test_each_message_is_complete_if_it_is_the_first_that_is_shown(language: str) -> None:
    with capture_logs() as logged:
        for name, inside in messages(language).items():
            if inside.messages:
                Texts(language)(name, **dict.fromkeys(variables(language, name), 1))
    assert logged == []


@pytest.mark.parametrize("language", STAY_OUT)
def test_a_text_uses_the_one_word_that_there_is_for_a_thing(language: str) -> None:
    written = [entry for entry in entries(language) if isinstance(entry, ftl.Message)]
    said = {entry.id.name: FluentSerializer().serialize_entry(entry).partition("=")[2] for entry in written}
    found = {
        name: re.findall(STAY_OUT[language], text)
        for name, text in said.items()
        if not name.startswith(("talk-", "typed-"))
    }
    assert {name: words for name, words in found.items() if words} == {}


@pytest.mark.parametrize("language", LANGUAGES)
def test_numbers_have_all_plural_forms_of_the_language_and_no_others(language: str) -> None:
    needed = set(Locale.parse(language.replace("-", "_")).plural_form.tags) | {"other"}
    for name in messages(language):
        forms = plurals(language, name)
        for number, keys in forms.items():
            assert keys == needed, f"{name}: the forms of {number}"
        if needed != {"other"}:
            assert forms.keys() == plurals(DEFAULT, name).keys(), name


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("reason", Reason)
def test_each_reason_can_be_told_whatever_is_known_of_it(reason: Reason, language: str) -> None:
    say = texts_in(language)
    with capture_logs() as logged:
        for parameters in ({}, {"free_at": 1_800_000_000_000}):
            assert len(explain(reason, parameters, say)) > 5
        assert explain_to_operator(reason, {}, say)
    assert logged == []


def test_there_is_no_sentence_for_what_is_no_reason() -> None:
    reasons = {reason.value.replace("_", "-") for reason in Reason}
    told = {name.removesuffix("-at-once") for name in messages(DEFAULT) if name.startswith("reason-")}
    assert told == {f"reason-{reason}" for reason in reasons}
    told = {name for name in messages(DEFAULT) if name.startswith("operator-")} - {"operator-other"}
    assert told <= {f"operator-{reason}" for reason in reasons}


@pytest.mark.parametrize("language", LANGUAGES)
def test_each_model_is_described_in_one_short_line(language: str) -> None:
    lines = {name.removeprefix("model-") for name in messages(DEFAULT) if name.startswith("model-")}
    assert lines == MODELS.keys()
    said = [texts_in(language)(f"model-{key}") for key in MODELS]
    assert not [line for line in said if len(line) > MOST_OF_MODEL or "\n" in line]


def test_each_permission_is_one_of_discords() -> None:
    flags = {f"permission-{name.replace('_', '-')}" for name in discord.Permissions.VALID_FLAGS}
    assert {name for name in messages(DEFAULT) if name.startswith("permission-")} <= flags


# -- formatted texts ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("locale", "language"),
    [("en-US", "en-US"), ("en-GB", "en-US"), ("zh-CN", "zh-CN"), ("zh-TW", "zh-CN"), ("zh-HK", "zh-CN"),
     ("de", "en-US"), ("", "en-US"), (None, "en-US"), ("../zh-CN", "en-US")],
)  # fmt: skip
def test_each_locale_leads_to_the_nearest_language(locale: str | None, language: str) -> None:
    assert texts_in(locale).language == language


def test_a_language_is_read_once() -> None:
    assert texts_in("zh-TW") is texts_in("zh-CN")


def test_a_message_that_was_formatted_before_mentions_the_commands_that_were_published_since() -> None:
    say = texts_in("en-US")
    link_commands({})
    assert "`/imagine`" in say("card-nothing-spent")
    link_commands({"imagine": 7})
    assert "</imagine:7>" in say("card-nothing-spent")
    link_commands({})


def test_a_number_is_told_in_its_plural_form() -> None:
    assert texts_in("en-US")("card-before", count=1) == "1 request is ahead of yours."
    assert texts_in("en-US")("card-before", count=2) == "2 requests are ahead of yours."
    assert texts_in("zh-CN")("card-before", count=1) == "你前面还有 1 个请求。"


def test_large_numbers_stay_in_one_piece() -> None:
    assert "1234567 requests" in texts_in("en-US")("card-before", count=1_234_567)


@pytest.mark.parametrize("number", [0, 7, 1234567, 10**20, -3])
def test_a_whole_number_is_written_as_the_language_writes_it(number: int) -> None:
    for locale in map(Locale.parse, ("en_US", "zh_CN", "sv", "de_CH")):
        assert WholeNumber(number).format(locale) == FluentInt(number, useGrouping=False).format(locale)


def test_values_are_shown_as_they_are() -> None:
    words = "{ $count } { imagine-name } \\u0041 \u05d0 <@1>"
    assert texts_in("en-US")("text-alt", what="x", words=words) == f"x: {words}"


def test_a_value_that_is_too_long_is_cut_and_the_rest_is_told() -> None:
    assert texts_in("en-US")("text-alt", what="x", words="y" * 10_000) == f"x: {'y' * VALUE_CHARACTERS}"


def test_an_unknown_message_is_a_defect() -> None:
    with pytest.raises(KeyError, match="no-such-message"):
        texts_in("en-US")("no-such-message")


def test_a_missing_value_leaves_the_rest_standing_and_is_logged() -> None:
    with capture_logs() as logged:
        assert texts_in("en-US")("text-for") == "for asker"
    assert [(entry["log_level"], entry["message"], entry["language"]) for entry in logged] == [
        ("error", "text-for", "en-US")
    ]


# -- texts in code -----------------------------------------------------------------------------------------------------


def sources(*places: str) -> Iterator[tuple[str, ast.Module]]:
    for place in places:
        path = ROOT / place
        for file in [path] if path.is_file() else sorted(path.rglob("*.py")):
            yield str(file.relative_to(ROOT)), ast.parse(file.read_text(encoding="utf-8"))


def literals(node: ast.AST) -> set[str]:
    return {child.value for child in ast.walk(node) if isinstance(child, ast.Constant) and isinstance(child.value, str)}


def actions(tree: ast.Module) -> set[str]:
    """Return the values of `action=`, which are parts of a `custom_id`."""
    keywords = (node for node in ast.walk(tree) if isinstance(node, ast.keyword) and node.arg == "action")
    return set().union(*(literals(keyword.value) for keyword in keywords))


def sayings(tree: ast.Module) -> Iterator[tuple[str, ast.Call]]:
    """Yield the name and call of each `say("name", …)`, `said("name")` and `texts_in(…)("name", …)`. A conditional name
    yields the call once per name."""
    for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call) and node.args):
        by = call.func.func if isinstance(call.func, ast.Call) else call.func
        if isinstance(by, ast.Name) and by.id in ("say", "said", *(["texts_in"] if by is not call.func else [])):
            first = call.args[0]
            either = [first.body, first.orelse] if isinstance(first, ast.IfExp) else [first]
            for child in either:
                if isinstance(child, ast.Constant) and isinstance(child.value, str):
                    yield child.value, call


def labels(tree: ast.Module) -> Iterator[str]:
    """Yield the label names of buttons: `class …(TaskButton, action=…, label="name")`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef):
            for keyword in node.keywords:
                if keyword.arg == "label":
                    yield from literals(keyword.value)


def test_each_message_that_code_names_is_there_and_gets_its_values() -> None:
    for file, tree in sources("bot", "cogs", "sandbox"):
        assert not set(labels(tree)) - messages(DEFAULT).keys(), file
        for name, call in sayings(tree):
            where = f"{file}:{call.lineno}: {name}"
            assert name in messages(DEFAULT), where
            given = {keyword.arg for keyword in call.keywords}
            assert None in given or given == variables(DEFAULT, name), where


def test_each_name_in_a_table_of_code_is_there() -> None:
    """A literal that has the form of a message name and begins like one must be in the catalogue."""
    kinds = {name.partition("-")[0] for name in messages(DEFAULT)}
    shape = re.compile(rf"(?:{'|'.join(sorted(kinds))})(?:-[a-z0-9]+)+")
    for file, tree in sources(*TELLING):
        named = {name for name in literals(tree) - actions(tree) if shape.fullmatch(name)}
        assert not named - messages(DEFAULT).keys(), file


def test_each_message_is_said_somewhere() -> None:
    named = set[str]().union(*(literals(tree) for _, tree in sources("bot", "cogs", "sandbox")))
    referred = set[str]().union(*(inside.messages for inside in messages(DEFAULT).values()))
    unsaid = messages(DEFAULT).keys() - named - referred
    assert not [name for name in unsaid if not FAMILIES.fullmatch(name)]


def unread(tree: ast.Module) -> set[ast.AST]:
    """Return the nodes of docstrings, log calls, patterns, `raise` and `assert` statements, and `__all__`."""
    aside: set[ast.AST] = set()
    for node in ast.walk(tree):
        logs = isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in UNREAD
        gives_out = isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__"
        documents = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        if logs or documents or gives_out or isinstance(node, ast.Raise | ast.Assert):
            aside.update(ast.walk(node))
    return aside


def readable(tree: ast.Module) -> Iterable[str]:
    """Yield the literals that look like text for people."""
    aside = unread(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node not in aside:
            if WORDS.search(node.value):
                yield node.value
        elif isinstance(node, ast.keyword) and node.arg in TOLD_BY and isinstance(node.value, ast.Constant):
            told = node.value.value
            if isinstance(told, str) and re.search(r"[^\W\d_]", told) and told not in messages(DEFAULT):
                yield told


def test_no_text_that_people_read_stands_in_code() -> None:
    found = {text: file for file, tree in sources(*TELLING) for text in readable(tree)}
    assert not {text: file for text, file in found.items() if text not in NOT_READ}
    assert not NOT_READ.keys() - found.keys(), "an exception that is no longer needed"


@pytest.mark.parametrize(
    "code",
    ['x = "Try again"', 'ui.TextDisplay("Ready")', 'ui.Button(label="go")', 'f"{n} pictures"', 'x = "再试一次"',
     'x = ", and "', 'ui.TextInput(placeholder="words")', 'app_commands.Choice(name="Small", value=1)'],
)  # fmt: skip
def test_words_in_code_are_found(code: str) -> None:
    assert list(readable(ast.parse(code)))


@pytest.mark.parametrize(
    "code",
    ['log.info("interaction answer dropped", code=code)', 'raise RouteClosed("it has run out")', 'x = " · ".join(y)',
     '"""A docstring."""', 'say("card-next")', 'ui.Button(label=say("card-cancel"))', 'x = f"### {heading}"'],
)  # fmt: skip
def test_what_people_do_not_read_may_stand_in_code(code: str) -> None:
    assert not list(readable(ast.parse(code)))
