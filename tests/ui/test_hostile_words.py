"""Hostile prompts and file names do not change the text around them, and mention no user."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import discord
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bot.engine.ports import Card, CardPhase, Outcome
from bot.error_replies import explain
from bot.errors import BadReference, Reason
from bot.texts import texts_in
from bot.texts.discord_text import FIRST_STRONG_ISOLATE, POP_ISOLATE, escaped, units
from bot.ui.kit.text import quote
from bot.ui.results.outcomes import AttachedPicture, failure_view, pictures_view, prompt_quote
from bot.ui.waiting.cards import card_view
from storage.models import Reference, ReferenceKind, Task
from storage.pictures import THUMBNAIL
from tests.worlds.bot_world import PHOTO, BotWorld, a_part, a_picture, a_task, alt_texts, texts

HOSTILE = (
    *("@everyone @here", "<@7> <@!7> <@&8> <#9> </imagine:1> <t:1:R> <:a:1> <id:home>", "# big\n## less\n-# small"),
    *("```py\nx\n```", "`` ` ``", "||spoiler||", "> quote\n>>> all of it", "[click](https://evil.test)", "- a\n1. b"),
    *("https://evil.test <https://evil.test>", "discord.gg/evil", "**b** __u__ *i* ~~s~~", "\\", "\\\\`", "{x} %s {0}"),
    *("\u202eevil\u202c", "\u2066\u2067\u2068", "\u2069 out of it", "שלום", "\u200b\u200d\ufeff", "a\x00b", "\ud800x"),
    *(
        "z" + "\u0300" * 3999,
        "👩‍👩‍👧" * 500,
        "😀" * 4000,
        "`" * 4000,
        "\n" * 3999 + "x",
        "@" * 4000,
        "\u2028\u2029\x85\x0b",
    ),
    *("\u202e" * 4000, "<" * 4000, "\u3164\u115f", "ﷺ﷽" * 2000, "\x1b[2J", "../../../etc/passwd", "attachment://x.png"),
)
PIECES = (
    "@ everyone here <@7> <@&8> <#9> ` ``` || ** __ ~~ > >>> # -# [ ] ( ) \\ \u202e \u2069 \u2068 \u200d \ud800 \x00"
)
WORDS = st.one_of(
    st.sampled_from(HOSTILE),
    st.text(max_size=4000),
    st.text(alphabet="@<#>`*_~|[]()\\:/-. \n\u202e\u2066\u2069\u0300\u200d😀\x00\ud800a1", max_size=4000),
    st.lists(st.sampled_from([*PIECES.split(" "), " "])).map("".join),
)
ENGLISH = texts_in("en-US")
VISIBLE = "visible words"


# -- assertions --------------------------------------------------------------------------------------------------------
def shown(view: discord.ui.LayoutView) -> list[str]:
    return [item.content for item in view.walk_children() if isinstance(item, discord.ui.TextDisplay)]


def described(view: discord.ui.LayoutView) -> list[str]:
    found = []
    for item in view.walk_children():
        match item:
            case discord.ui.MediaGallery():
                found += [picture.description or "" for picture in item.items]
            case discord.ui.Thumbnail():
                found.append(item.description or "")
    return found


def bare(text: str) -> str:
    """Return the text with a blank for each of its escaped characters: those around it are no neighbours."""
    return re.sub(r"\\[\\`*_~|<>#\[@:]", " ", text)


def assert_harmless(text: str) -> None:
    """Assert that the text is one line in a closed bidi isolate, without markdown, mentions or links."""
    inside = text.removeprefix("> ")
    assert inside.startswith(FIRST_STRONG_ISOLATE)
    assert inside.endswith(POP_ISOLATE)
    inside = inside[1:-1]
    assert not re.search("[\u2066-\u2069\u202a-\u202e\x00-\x1f\x7f-\x9f\u2028\u2029]", inside)
    assert inside.isascii() or inside.encode()
    assert not re.search(r"[\\`*_~|<>#\[@]|://", bare(inside))


def assert_same_but_for(texts: Sequence[str], plain: Sequence[str], quoted: str) -> None:
    """Assert that the message equals the message for plain words, except for the quoted words."""
    ordinary = next(text for text in plain if VISIBLE in text)
    assert list(texts) == [quoted if text == ordinary else text for text in plain]
    assert sum(units(text) for text in texts) <= 4000


def reference(position: int, filename: str) -> Reference:
    kind = ReferenceKind.MASK if position == 2 else ReferenceKind.IMAGE
    return Reference(task_id="00c0ffee00c0ffee", position=position, kind=kind, url="https://x", filename=filename)


def outcome_of(prompt: str, **changes: Any) -> Outcome:
    pictures = tuple(a_picture(n, key=f"k{n}") for n in range(2))
    return Outcome(task=a_task(prompt=prompt, **changes), references=(reference(0, "a.png"),), pictures=pictures)


def card(prompt: str) -> discord.ui.LayoutView:
    return card_view(Card(task=a_task(prompt=prompt), phase=CardPhase.QUEUED, place=3))


def told(prompt: str) -> discord.ui.LayoutView:
    files = [AttachedPicture(position=n, filename=f"{n}.png", reencoded=True) for n in range(2)]
    return pictures_view(outcome_of(prompt), a_part(pictures=(0, 1)), files, [])


def failed(prompt: str) -> discord.ui.LayoutView:
    return failure_view(outcome_of(prompt, reason=Reason.POLICY.value), a_part())


@pytest.mark.parametrize("made", [card, told, failed])
@given(prompt=WORDS)
@example(prompt=HOSTILE[0])
@example(prompt=":://")
def test_a_prompt_changes_nothing_around_it(made: Callable[[str], discord.ui.LayoutView], prompt: str) -> None:
    """The rest of the message is the same as for plain words, the limits hold, and the text can be encoded."""
    view = made(prompt)
    quoted = next(text for text in shown(view) if text.startswith("> "))
    assert_same_but_for(shown(view), shown(made(VISIBLE)), quoted)
    if quoted != "> *no words, only pictures*":
        assert_harmless(quoted)
    assert view.total_children_count <= 40
    assert "".join(shown(view) + described(view)).encode()


@given(prompt=WORDS)
def test_alt_text_is_one_plain_line_within_its_limit(prompt: str) -> None:
    for text in described(told(prompt)):
        assert text.startswith("Picture ")
        assert units(text) <= 256
        assert not re.search("[\u2066-\u2069\u202a-\u202e\x00-\x1f\x7f-\x9f\u2028\u2029]", text)
        assert text.encode()


@given(filename=WORDS)
def test_a_file_name_changes_nothing_around_it(filename: str) -> None:
    """The name is in the alt text of the attachments, and in the sentence of a refusal."""
    references = tuple(reference(n, filename) for n in range(3))
    view = card_view(Card(task=a_task(), phase=CardPhase.QUEUED, place=3, references=references), strip="card-x.png")
    (description,) = described(view)
    assert units(description) <= 256
    assert description.encode()
    assert not re.search("[\u2066-\u2069\u202a-\u202e\x00-\x1f\x7f-\x9f]", description)
    plain = explain(Reason.REFERENCE_EMPTY, {"filename": VISIBLE}, ENGLISH)
    before, after = plain.split(escaped(VISIBLE, 200))
    parameters = BadReference(Reason.REFERENCE_EMPTY, filename=filename).parameters
    sentence = explain(Reason.REFERENCE_EMPTY, parameters, ENGLISH)
    assert sentence.startswith(before)
    assert sentence.endswith(after)
    assert units(sentence) < 1000
    assert_harmless(sentence.removeprefix(before).removesuffix(after))


@given(prompt=WORDS)
def test_what_is_not_shown_whole_goes_along_as_a_file(prompt: str) -> None:
    """A prompt that is not shown in full is attached as a file, so that no words are lost."""
    whole = prompt_quote(outcome_of(prompt)).whole
    files = [item for item in told(prompt).walk_children() if isinstance(item, discord.ui.File)]
    assert len(files) == (not whole)


@pytest.mark.parametrize("url", ["https://x.test/>) @everyone [a](<b", "https://x.test/\n# big", "https://x.test/ä\\"])
def test_the_address_of_a_result_changes_nothing_around_it(url: str) -> None:
    view = pictures_view(outcome_of("x"), a_part(), [], [a_picture(url=url)])
    (text,) = [text for text in shown(view) if "may work for a few more days" in text]
    assert re.fullmatch(r"[^\n]*\n\[Picture 1\]\(<https://x\.test/[^<>\s\\]+>\)", text)


# -- end to end --------------------------------------------------------------------------------------------------------
@pytest.mark.sweep
async def test_end_to_end_nobody_but_the_asker_is_called_and_the_words_are_kept(world: BotWorld) -> None:
    prompts = [
        f"a door {words}".encode("utf-8", "ignore").decode()[:4000] for words in HOSTILE[::3] if "\0" not in words
    ]
    for prompt in prompts:
        card = (await world.ask(prompt)).response
        assert card is not None
        assert texts(card).splitlines()[-1].startswith(f"-# for <@{world.alice.id}>")
    assert [world.pinged(message) for message in world.channel.history()] == [[]] * len(prompts)
    await world.work(200, every=20)
    told = world.channel.history()
    tasks = await world.stores.tasks.of_user(world.alice.id)
    assert sorted(task.prompt for task in tasks) == sorted(prompts)
    assert len(told) == len(prompts)
    for message in told:
        await assert_told(world, message, tasks)


async def assert_told(world: BotWorld, message: Any, tasks: Sequence[Task]) -> None:
    assert world.pinged(message) == [world.alice.id]
    lines = texts(message).splitlines()
    assert len(lines) == 3
    assert lines[0] == "### Your picture is ready"
    assert lines[2].startswith(f"-# for <@{world.alice.id}>")
    (picture,) = [attachment for attachment in message.attachments if attachment.filename.endswith(".png")]
    (prompt,) = [task.prompt for task in tasks if task.id in picture.filename]
    (alt,) = alt_texts(message)
    assert alt.startswith("Picture: a door")
    kept = [attachment for attachment in message.attachments if attachment.filename == "prompt.txt"]
    assert len(kept) == (not quote(ENGLISH, prompt, most=500).whole)
    assert [await attachment.read() for attachment in kept] == [prompt.encode()] * len(kept)


@pytest.mark.parametrize(
    "name", ["@everyone <@7> `x`.png", "\u202egnp.exe.png", "../../etc/passwd.png", "a\x00b.png", "x" * 4000 + ".png"]
)
@pytest.mark.sampled(every=5)
async def test_end_to_end_a_file_name_is_only_a_name(world: BotWorld, name: str, tmp_path: Path) -> None:
    await world.ask("a red door", image=(name, PHOTO[1]))
    await world.work(120)
    (message,) = world.channel.history()
    assert world.pinged(message) == [world.alice.id]
    task = await world.only_task()
    kept = {
        str(path.relative_to(tmp_path / "pictures")) for path in (tmp_path / "pictures").rglob("*") if path.is_file()
    }
    assert kept == {f"references/{task.id}/0", f"references/{task.id}/0{THUMBNAIL}", f"pictures/{task.id}/0"}
