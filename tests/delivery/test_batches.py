"""The messages of batches keep Discord's limits with any content."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import discord
import pytest
from hypothesis import given
from hypothesis import strategies as some
from simcord.components import walk_components

from bot.delivery.batches import SHARE
from bot.discord_limits import BYTES_PER_MESSAGE
from bot.engine.batch_view import BatchEntry, BatchEntryState, BatchView
from bot.engine.intake.batches import Proposal
from bot.error_replies import explain
from bot.errors import Reason
from bot.texts import LANGUAGES, texts_in
from bot.texts.discord_text import units
from bot.ui.asking.batches import proposal_view
from bot.ui.results.batch_messages import batch_view, ended_view
from storage.community import Batch, BatchMessage
from storage.models import Reach, Route, TaskState
from tests.imaging.picture_files import file_of, noise
from tests.worlds.bot_world import BotWorld, a_picture, a_task, texts
from tests.worlds.new_tasks import new_task

LONG = "@everyone **`~|<@1>`** 語" * 200
PARAMETERS: dict[str, str | int] = {"filename": "x" * 300, "format": "TIFF", "named": "PNG", "megapixels": 67}


def a_batch(words: tuple[str, ...], **changes: Any) -> Batch:
    values: dict[str, Any] = {
        "interaction_id": 1, "interaction_token": "", "arrived_at": 0, "asker_id": 1 << 62, "channel_id": 1 << 62,
        "guild_id": 1 << 62, "prompt": LONG,
    }  # fmt: skip
    asked = new_task(**(values | changes))
    return Batch(
        id="00c0ffee00c0ffee", asked=asked, words=words, created_at=0, begun_at=0, due_at=0, owner=None, lease_until=0,
        failures=0, route=Route.CHANNEL, ending_nonce="end", ending_attempted_at=None, closed_at=None,
    )  # fmt: skip


def a_message(number: int = 0, **changes: Any) -> BatchMessage:
    values: dict[str, Any] = {
        "batch_id": "00c0ffee00c0ffee", "route": Route.DIRECT, "number": number, "nonce": "begin", "attempted_at": 0,
        "message_id": 1 << 62, "message_channel_id": 1 << 62, "shows": None, "shown_at": None,
    }  # fmt: skip
    return BatchMessage(**(values | changes))


def an_entry(position: int, **changes: Any) -> BatchEntry:
    task_id = f"{position:016x}"
    values: dict[str, Any] = {"id": task_id, "prompt": LONG, "batch_position": position, "state": TaskState.CLOSED}
    pictures = tuple(a_picture(n, task_id=task_id) for n in range(changes.get("variants", 1)))
    return BatchEntry(task=a_task(**(values | changes)), pictures=() if changes.get("reason") else pictures)


def files_of(shared: BatchView, number: int) -> dict[tuple[str, int], str]:
    return {(entry.task.id, picture.position): "x.png" for entry in shared.on(number) for picture in entry.shown}


def check(view: Any) -> list[Any]:
    """Assert that the view keeps Discord's limits."""
    parts = list(walk_components(view.to_components()))
    assert sum(units(component["content"]) for component in parts if component["type"] == 10) <= 4000
    assert len(parts) <= 40
    for gallery in (component for component in parts if component["type"] == 12):
        assert len(gallery["items"]) <= 10
    for select in (component for component in parts if component["type"] == 3):
        assert all(len(option["label"]) <= 100 for option in select["options"])
        assert 1 <= len(select["options"]) <= 25
        assert len(select["placeholder"]) <= 150
    return parts


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_longest_words_and_reasons_fit(language: str) -> None:
    say = texts_in(language)
    longest = sorted(Reason, key=lambda reason: len(explain(reason, PARAMETERS, say)))[-11:]
    failed = [an_entry(n, reason=reason, reason_parameters=PARAMETERS) for n, reason in enumerate(longest)]
    waits = an_entry(11, state=TaskState.QUEUED)
    shared = BatchView(batch=a_batch((LONG,) * 12, locale=language), entries=(*failed, waits))
    for number in range(shared.messages):
        check(batch_view(shared, a_message(number), files_of(shared, number)))
    check(ended_view(shared, a_message()))


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("variants", [1, 2, 4])
def test_hidden_pictures_with_the_longest_words_fit(language: str, variants: int) -> None:
    batch = a_batch((LONG,) * 10, locale=language, variants=variants)
    shared = BatchView(batch=batch, entries=tuple(an_entry(n, variants=variants, hidden_at=1) for n in range(10)))
    for number in range(shared.messages):
        check(batch_view(shared, a_message(number), files_of(shared, number)))


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("variants", [2, 3, 4])
def test_the_longest_words_about_missing_pictures_fit(language: str, variants: int) -> None:
    reasons = (Reason.UNCONFIRMED, Reason.POLICY, Reason.ACCOUNT_CREDIT)[: variants - 1]
    entry = replace(an_entry(0, variants=variants, hidden_at=1), missing=dict.fromkeys(reasons, 1))
    entry = replace(entry, pictures=entry.pictures[:1])
    entries = tuple(replace(entry, task=replace(entry.task, batch_position=n)) for n in range(10))
    shared = BatchView(batch=a_batch((LONG,) * 10, locale=language, variants=variants), entries=entries)
    for number in range(shared.messages):
        check(batch_view(shared, a_message(number), files_of(shared, number)))
    check(ended_view(shared, a_message()))


SHORT = {"prompt": "x", "variants": 2}


@pytest.mark.parametrize(
    ("entry", "missing", "made", "said"),
    [
        (SHORT, {}, 2, "Your 4 pictures are ready"),
        (SHORT | {"withheld_at": 1}, {}, 2, "Your 4 pictures are ready"),
        (SHORT, {}, 1, "3 of 4 pictures are ready, and the rest didn’t work: LINK"),
        (SHORT, {Reason.POLICY: 1}, 1, "3 of 4 pictures are ready, and the rest didn’t work: LINK\n-# The rest cost"),
        (SHORT, {None: 1}, 1, "3 of 4 pictures are ready, and the rest didn’t work: LINK\n-# The rest cost nothing."),
        (SHORT, {Reason.UNCONFIRMED: 1}, 1, "work: LINK\n-# The rest may have cost something."),
        (SHORT | {"reason": "policy"}, {}, 0, "2 of 4 pictures are ready, and the rest didn’t work: LINK\n-# The rest"),
        (SHORT | {"reason": "lost", "charged": True}, {}, 0, "work: LINK\n-# The rest may have cost something."),
        (SHORT | {"state": TaskState.CANCELLED}, {}, 0, "Your 2 pictures are ready"),
    ],
)  # fmt: skip
def test_the_end_says_how_many_of_the_pictures_came_and_what_the_others_cost(
    entry: dict[str, Any], missing: dict[Reason | None, int], made: int, said: str
) -> None:
    other = an_entry(1, **entry)
    other = replace(other, pictures=other.pictures[:made], missing=missing)
    shared = BatchView(batch=a_batch(("x", "y"), variants=2), entries=(an_entry(0, variants=2), other))
    (text,) = [part["content"] for part in check(ended_view(shared, a_message())) if part["type"] == 10]
    assert said in re.sub(r"\[have a look\]\S+", "LINK", text)
    assert ("The rest" in text) == ("The rest" in said)


def test_one_of_two_pictures_is_ready() -> None:
    entry = replace(an_entry(0, variants=2), missing={None: 1})
    shared = BatchView(batch=a_batch(("x",), variants=2), entries=(replace(entry, pictures=entry.pictures[:1]),))
    (text,) = [part["content"] for part in check(ended_view(shared, a_message())) if part["type"] == 10]
    assert "1 of 2 pictures is ready, and the rest didn’t work" in text


def test_what_is_missing_later_is_another_edit() -> None:
    entry = an_entry(0, variants=2)
    batch = a_batch(("x",), variants=2)
    missings: list[dict[Reason | None, int]] = [{}, {None: 1}]
    looks = {BatchView(batch=batch, entries=(replace(entry, missing=missing),)).look(0) for missing in missings}
    assert len(looks) == 2


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_longest_question_fits(language: str) -> None:
    batch = a_batch((LONG,) * 20, variants=4, reach=Reach.ANSWER)
    check(proposal_view(texts_in(language), Proposal(batch=batch, allowed=10**6, left=10**6)))


@pytest.mark.parametrize(("variants", "messages"), [(1, [10, 10]), (2, [5, 5, 5, 5]), (4, [2] * 10)])
def test_a_message_has_ten_pictures_at_most(variants: int, messages: list[int]) -> None:
    entries = tuple(an_entry(n, variants=variants) for n in range(20))
    shared = BatchView(batch=a_batch(("x",) * 20, variants=variants), entries=entries)
    assert [len(shared.on(number)) for number in range(shared.messages)] == messages
    assert list(shared.begun()) == list(range(len(messages)))


states = some.sampled_from([*TaskState])


@given(some.lists(some.tuples(states, some.booleans(), some.booleans()), min_size=1, max_size=20))
@pytest.mark.sweep
def test_whatever_becomes_of_them_each_is_told_in_one_message(fates: list[tuple[TaskState, bool, bool]]) -> None:
    entries = tuple(
        an_entry(n, state=state, removed_at=1 if removed else None, reason="policy" if failed else None)
        for n, (state, removed, failed) in enumerate(fates)
    )
    shared = BatchView(batch=a_batch(("x",) * len(fates)), entries=entries)
    begun = list(shared.begun())
    assert begun[0] == 0
    told = [entry for number in begun for entry in shared.on(number)]
    assert {entry.number for entry in entries if entry.task.state is TaskState.CLOSED} <= {
        shown.number for shown in told
    }
    assert len({entry.number for entry in told}) == len(told)
    for number in begun:
        check(batch_view(shared, a_message(number), files_of(shared, number)))


def test_another_look_is_another_edit_and_the_same_is_none() -> None:
    batch = a_batch(("x", "y"))
    looks = {
        BatchView(batch=batch, entries=(an_entry(0, **changes), an_entry(1))).look(0)
        for changes in (
            {},
            {"state": TaskState.QUEUED},
            {"state": TaskState.GENERATING},
            {"state": TaskState.SETTLED},
            {"state": TaskState.CANCELLED},
            {"reason": "policy"},
            {"hidden_at": 1},
            {"hidden_at": 2},
            {"removed_at": 1},
            {"withheld_at": 1},
        )
    }
    assert len(looks) == 8, "being made and made look the same, as do hidden then and hidden later"


def test_what_is_removed_shows_neither_picture_nor_words() -> None:
    shared = BatchView(batch=a_batch(("x", "y")), entries=(an_entry(0, removed_at=1), an_entry(1, prompt="y")))
    parts = check(batch_view(shared, a_message(), files_of(shared, 0)))
    assert "**1.** *removed*" in "".join(component["content"] for component in parts if component["type"] == 10)
    (gallery,) = [component for component in parts if component["type"] == 12]
    assert len(gallery["items"]) == 1
    (select,) = [component for component in parts if component["type"] == 3]
    assert [option["label"] for option in select["options"]] == ["2. y"]


def test_what_is_kept_for_its_asker_alone_is_not_shown() -> None:
    entry = an_entry(0, withheld_at=1)
    assert (entry.state, entry.shown) == (BatchEntryState.WITHHELD, ())
    shared = BatchView(batch=a_batch(("x",)), entries=(entry,))
    assert not [
        component
        for component in check(batch_view(shared, a_message(), files_of(shared, 0)))
        if component["type"] in {3, 12}
    ]


def test_a_picture_that_could_not_be_fetched_is_named() -> None:
    shared = BatchView(batch=a_batch(("x", "y")), entries=(an_entry(0), an_entry(1)))
    parts = check(batch_view(shared, a_message(), {(shared.entries[1].task.id, 0): "y.png"}))
    told = "".join(component["content"] for component in parts if component["type"] == 10)
    assert "ready, but not shown here: open it below" in told
    assert "picture 1 below" in told


def test_ten_of_the_largest_go_in_one_request() -> None:
    assert 10 * SHARE <= BYTES_PER_MESSAGE


# -- sent to Discord ---------------------------------------------------------------------------------------------------


async def begun(world: BotWorld) -> None:
    asked = await world.ask("a {red, green} door")
    assert asked.response is not None
    await world.alice.click(asked.response, label="Make them")


@pytest.mark.sweep
async def test_large_pictures_are_scaled_and_kept_whole_for_whoever_opens_them(world: BotWorld) -> None:
    large = file_of(noise(1200, 1200))
    assert len(large) > SHARE
    world.api.next_fetch = [large, large]
    await begun(world)
    await world.work(60)
    message = world.channel.history()[-2]
    assert [attachment.size <= SHARE for attachment in message.attachments] == [True, True]
    (first, _) = await world.stores.tasks.of_user(world.alice.id)
    (picture,) = await world.stores.pictures.of_task(first.id)
    assert picture.bytes == len(large)


async def test_what_discord_finds_too_large_is_made_smaller_then_left_to_be_opened(world: BotWorld) -> None:
    await begun(world)
    await world.work(20)
    world.env.inject_error("PATCH", "/channels/*/messages/*", status=413, code=40005, times=3)
    for _ in range(10):
        await world.work(5)
        said = texts(world.channel.history()[-1])
        if "1 of 2 done" in said:
            break
    assert "ready, but not shown here: open it below" in said
    await world.work(30)
    assert len(world.channel.history()[-2].attachments) == 2, "tried again with the next one"


async def test_an_archived_thread_is_opened_for_it(world: BotWorld) -> None:
    with world.env.time_context():
        channel = world.client.get_channel(world.channel.id)
        assert isinstance(channel, discord.TextChannel)
        await channel.create_thread(name="corner", type=discord.ChannelType.public_thread)
    (thread,) = world.channel.threads
    asked = await world.alice.slash(thread, "imagine", prompt="a {red, green} door")
    assert asked.response is not None
    await world.alice.click(asked.response, label="Make them")
    await world.work(10)
    world.env.inject_error("PATCH", f"/channels/{thread.id}/messages/*", status=400, code=50083)
    await world.work(60)
    assert "2 of 2 done" in texts(thread.history()[-2])
    assert world.alice.user.dm_channel.history() == []
