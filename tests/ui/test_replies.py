"""Tests for the texts that the bot shows when something does not work."""

from __future__ import annotations

import re

import pytest

from bot.error_replies import explain, explain_away, explain_to_operator
from bot.errors import Reason
from bot.texts import texts_in
from bot.texts.discord_text import FIRST_STRONG_ISOLATE, POP_ISOLATE, cleaned, escaped, is_blank, shortened, units
from bot.ui.kit.text import ALT_UNITS, alt_text, quote, rough_time
from storage.availability import DatabaseAway
from storage.community import PROMPT

VERBS = "ask attach choose write try type wait save make use paint rename tell open remove look see contact"
NEXT = re.compile(rf"\b({VERBS.replace(' ', '|')})\b", re.IGNORECASE)
ENGLISH = texts_in("en-US")
PARAMETERS: dict[str, str | int] = {
    "allowed": 3, "free_at": 1_800_000_000_000, "permissions": "attach_files,view_channel", "filename": "cat.heic",
    "format": "HEIC", "named": "PNG", "megabytes": 25, "number": "c0ffee", "width": 1, "height": 2, "mask_width": 3,
    "mask_height": 4,
}  # fmt: skip


@pytest.mark.parametrize("reason", Reason)
@pytest.mark.parametrize("parameters", [PARAMETERS, {}], ids=["told", "untold"])
def test_every_reason_has_a_sentence_that_says_what_to_do_next(
    reason: Reason, parameters: dict[str, str | int]
) -> None:
    sentence = explain(reason, parameters, ENGLISH).replace(PROMPT, "")
    assert NEXT.search(sentence)
    assert sentence.endswith(".")
    assert sentence[0].isupper() or sentence.startswith("**")
    for unwanted in ("!", "{", "Error", "None", reason.value if "_" in reason.value else "{"):
        assert unwanted not in sentence


@pytest.mark.parametrize("reason", [Reason.TOO_MANY_TODAY, Reason.SERVICE_FULL_TODAY])
def test_more_than_a_day_has_is_not_to_be_asked_tomorrow(reason: Reason) -> None:
    assert "<t:1800000000:R>" in explain(reason, PARAMETERS, ENGLISH)
    too_much = explain(reason, {"allowed": 3}, ENGLISH)
    assert "more than the 3" in too_much
    assert too_much.endswith("Ask for fewer pictures at once.")


@pytest.mark.parametrize("language", ["en-US", "zh-CN"])
@pytest.mark.parametrize("uncertain", [False, True])
def test_a_database_that_is_away_is_no_defect_and_only_a_lost_commit_is_to_be_looked_for(
    language: str, uncertain: bool
) -> None:
    away = DatabaseAway("the connection was lost", uncertain=uncertain)
    sentence = explain_away(away, texts_in(language))
    assert ("`/" in sentence) == uncertain
    assert "connection" not in sentence
    assert sentence.endswith((".", "。"))


def test_a_file_name_changes_nothing_around_it() -> None:
    sentence = explain(Reason.REFERENCE_EMPTY, {"filename": "**x**\u202e<@1> @everyone.png\n# big"}, ENGLISH)
    assert "\\*\\*x\\*\\*\\<\\@1\\> \\@everyone.png \\# big" in sentence
    assert "\u202e" not in sentence


def test_missing_permissions_are_listed_in_words() -> None:
    sentence = explain(Reason.MISSING_PERMISSIONS, {"permissions": "attach_files,send_messages,view_channel"}, ENGLISH)
    assert "attach files, send messages and see this channel" in sentence


@pytest.mark.parametrize("reason", [Reason.ACCOUNT_KEY, Reason.ACCOUNT_CREDIT, Reason.ACCOUNT_QUOTA, Reason.LOST])
def test_the_operator_is_told_what_to_look_at(reason: Reason) -> None:
    sentence = explain_to_operator(reason, {}, ENGLISH)
    assert NEXT.search(sentence) or "heck" in sentence


@pytest.mark.parametrize("text", ["*a*" * 2000, "word " * 900, "👩‍👩‍👧" * 900, "é" * 4000, "<@1>" * 1000, "\\" * 4000])
@pytest.mark.parametrize("room", [10, 300, 4000])
def test_escaped_text_never_takes_more_than_its_room(text: str, room: int) -> None:
    result = escaped(text, room)
    assert units(result) <= room
    inside = result.removeprefix(FIRST_STRONG_ISOLATE).removesuffix(POP_ISOLATE).removesuffix("…")
    assert not re.search(r"(?<!\\)(\\\\)*\\$", inside)
    assert not inside.endswith("\u200d")


def test_what_is_short_enough_is_shown_whole() -> None:
    assert quote(ENGLISH, "a red door", most=300).text == f"> {FIRST_STRONG_ISOLATE}a red door{POP_ISOLATE}"
    assert quote(ENGLISH, "a red door", most=300).whole
    assert not quote(ENGLISH, "a red door " * 50, most=300).whole


def test_the_prompt_gives_way_to_the_texts_beside_it() -> None:
    beside = ("x" * 1500, "y" * 2300)
    text = quote(ENGLISH, "word " * 800, beside=beside, most=4000).text
    assert sum(map(units, beside)) + units(text) <= 4000
    assert text.endswith(f"…{POP_ISOLATE}")


def test_control_characters_and_direction_marks_are_taken_out() -> None:
    assert cleaned("a\0b\u202ec\u2069 d\n\n  e\ud800f") == "abc d ef"


def test_letters_of_every_script_stay() -> None:
    text = "שלום عالم 世界 👩‍🎨 ñ"
    assert cleaned(text) == text


@pytest.mark.parametrize(
    "text",
    ["", "   ", "\u200b\n", "\u2060\u00a0", "\u2800", "\u3164", "\u115f\u1160", "\uffa0", "\u034f", "\u17b4\u17b5",
     "\u180b\u180e", "\ufe0f", "\ufeff", "\u00ad", "\u3000", "\u200e\u200f\u202e", "\u2062", "\U0001d159", "\U0001d173",
     "\U000e0001\U000e0041\U000e007f", "\U000e0100", "\u200b\u2800 \u3164\n"],
)  # fmt: skip
def test_what_cannot_be_seen_is_blank(text: str) -> None:
    assert is_blank(text)


@pytest.mark.parametrize(
    "text", ["a", "猫", "\u2801", "👩\u200d🎨", "❤\ufe0f", "\u0301", ".", "-", "🏴\U000e0067\U000e007f"]
)
def test_what_can_be_seen_is_not_blank(text: str) -> None:
    assert not is_blank(text)


def test_text_is_cut_between_words() -> None:
    assert shortened("a tin robot watering sunflowers", 24) == "a tin robot watering…"


@pytest.mark.parametrize(
    "shown",
    [
        *("👍🏽", "👩🏽\u200d🚀", "👩\u200d👩\u200d👧", "🇩🇪", "1\ufe0f\u20e3", "❤\ufe0f", "e\u0301", "की"),
        "🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f",
    ],
)
@pytest.mark.parametrize("before", ["", "a", "🇫🇷", "🦊"])
def test_text_is_not_cut_inside_what_is_shown_as_one_character(shown: str, before: str) -> None:
    text = f"{before}{shown}{shown}"
    for room in range(1, units(text)):
        assert shortened(text, room) in {"…", f"{before}…", f"{before}{shown}…"}


def test_alt_text_is_plain_and_short() -> None:
    text = alt_text(ENGLISH, "Picture 1 of 4", "*stars* " * 100)
    assert text.startswith("Picture 1 of 4: *stars*")
    assert units(text) <= ALT_UNITS


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(3, "a few seconds"), (30, "about half a minute"), (70, "about a minute"), (150, "about 2 minutes"),
     (3600, "about an hour"), (20_000, "about 6 hours")],
)  # fmt: skip
def test_durations_are_told_roughly(seconds: float, words: str) -> None:
    assert rough_time(ENGLISH, seconds) == words
