"""The content of outcome messages, and how pictures are distributed over messages."""

from __future__ import annotations

from dataclasses import replace
from io import BytesIO
from random import Random

import discord
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from bot.delivery.packing import pack
from bot.discord_limits import BYTES_PER_MESSAGE, FILES_PER_MESSAGE
from bot.engine.ports import Outcome
from bot.errors import Reason
from bot.texts.discord_text import units
from bot.ui.results.outcomes import AGAIN_REASONS, UNSURE_REASONS, AttachedPicture, failure_view, pictures_view
from bot.ui.results.picks import PickButton
from storage.models import Route
from storage.pictures import MissingCopy
from tests.worlds.bot_world import (
    BotWorld,
    a_part,
    a_picture,
    a_task,
    alt_texts,
    button_ids,
    components,
    failed,
    png,
    settled,
    texts,
)

NOISE = 500


def noise(seed: int = 0, edge: int = NOISE) -> bytes:
    """Return a picture that hardly compresses: about 3 bytes per pixel."""
    data = BytesIO()
    Image.frombytes("RGB", (edge, edge), Random(seed).randbytes(edge * edge * 3)).save(data, "PNG")
    return data.getvalue()


# Content of an outcome message


@pytest.mark.parametrize(
    ("missing", "locale", "says"),
    [
        ({Reason.GENERATION_FAILED: 1}, "en-US", "2 of 3 pictures came. One failed and cost nothing."),
        ({Reason.POLICY: 1}, "en-US", "The image service didn’t allow one of them, which cost nothing."),
        (
            {Reason.ACCOUNT_CREDIT: 1, None: 2},
            "en-US",
            "used up; it cost nothing. 2 were not started and cost nothing.",
        ),
        ({Reason.LOST: 1, Reason.UNCONFIRMED: 1}, "en-US", "2 brought no picture, but may have been charged."),
        ({Reason.SERVICE_FAULT: 1, Reason.INVALID_REQUEST: 1}, "en-US", "2 failed and cost nothing."),
        ({Reason.GENERATION_FAILED: 1}, "zh-CN", "3 张图片画好了 2 张。有 1 张没有画成，没有计费。"),
        (
            {None: 1, Reason.UNCONFIRMED: 1},
            "zh-CN",
            "有 1 张没有开始画，没有计费。有 1 张没有收到图片，但可能已经计费。",
        ),
    ],
)
def test_what_became_of_the_other_creates_is_said_and_whether_they_may_have_cost(
    missing: dict[Reason | None, int], locale: str, says: str
) -> None:
    asked = 2 + sum(missing.values())
    task = a_task(variants=asked, creates_wanted=asked, locale=locale)
    outcome = Outcome(task=task, references=(), pictures=(a_picture(0), a_picture(1)), missing=missing)
    shown = [AttachedPicture(position=at, filename=f"{at}.png", reencoded=False) for at in (0, 1)]
    first, later = (
        "\n".join(item.content for item in view.walk_children() if hasattr(item, "content"))
        for view in (pictures_view(outcome, a_part(number=n, pictures=(0, 1)), shown, []) for n in (0, 1))
    )
    assert says in first
    assert "sent only" not in first
    assert says not in later


async def test_the_outcome_names_the_asker_the_prompt_the_shape_and_the_time(world: BotWorld) -> None:
    await world.ask("a *red* door", size="3:2", variants=4)
    await world.work()
    (message,) = world.channel.history()
    said = texts(message)
    for part in (f"<@{world.alice.id}>", "a \\*red\\* door", "landscape (3:2)", "took", "Your 4 pictures are ready"):
        assert part in said
    assert alt_texts(message) == [f"Picture {n} of 4: a *red* door" for n in (1, 2, 3, 4)]
    assert world.pinged(message) == [world.alice.id]
    allowed = world.requests("POST", f"/channels/{world.channel.id}/messages")[-1].json["allowed_mentions"]
    assert allowed == {"parse": [], "users": [world.alice.id]}


def test_of_a_set_in_two_messages_each_has_the_numbers_of_its_own_pictures() -> None:
    outcome = Outcome(task=a_task(variants=4), references=(), pictures=tuple(a_picture(at) for at in range(4)))
    part = a_part(number=1, pictures=(2, 3))
    shown = [AttachedPicture(position=at, filename=f"{at}.png", reencoded=False) for at in part.pictures]
    view = pictures_view(outcome, part, shown, [])
    labels = [item.item.label for item in view.walk_children() if isinstance(item, PickButton)]
    assert labels == ["3", "4"]


async def test_a_long_prompt_goes_along_as_a_file(world: BotWorld) -> None:
    prompt = "a red door and " * 200
    await world.ask(prompt)
    await world.work()
    (message,) = world.channel.history()
    assert units(texts(message)) < 4000
    with world.env.time_context():
        (attached,) = [attachment for attachment in message.attachments if attachment.filename == "prompt.txt"]
        assert (await world.client.http.get_from_cdn(attached.url)).decode() == prompt
    assert any(part["type"] == 13 for part in components(message))


async def test_what_is_too_large_for_the_channel_is_saved_anew_and_told_so(world: BotWorld) -> None:
    outcome = await settled(world)
    small = replace(outcome, task=replace(outcome.task, upload_limit=200_000))
    data = noise()
    assert len(data) > 200_000
    assert outcome.pictures[0].key is not None
    await world.picture_store.put(outcome.pictures[0].key, data)
    picture = replace(outcome.pictures[0], bytes=len(data))
    posted = await world.post(replace(small, pictures=(picture,)), a_part(task_id=outcome.task.id, pictures=(0,)))
    message = next(message for message in world.channel.history() if message.id == posted.message_id)
    assert message.attachments[0].size <= 200_000
    assert "saved again" in texts(message)


async def test_a_picture_that_fits_is_sent_as_it_is(world: BotWorld) -> None:
    await world.ask()
    await world.work()
    (message,) = world.channel.history()
    with world.env.time_context():
        assert await world.client.http.get_from_cdn(message.attachments[0].url) == png()
    assert "saved again" not in texts(message)


async def test_a_picture_that_could_not_be_kept_is_told_as_a_link() -> None:
    pictures = (a_picture(0, key="k"), a_picture(1, unfetchable=True, url="https://results.test/2.png"))
    outcome = Outcome(task=a_task(), references=(), pictures=pictures)
    shown = [AttachedPicture(position=0, filename="atelier-x-1.png", reencoded=False)]
    view = pictures_view(outcome, a_part(pictures=(0,)), shown, [pictures[1]])
    said = "\n".join(item.content for item in view.walk_children() if hasattr(item, "content"))
    assert "[Picture 2](<https://results.test/2.png>)" in said


async def test_a_copy_that_was_spoilt_is_told_as_a_link_and_once(world: BotWorld) -> None:
    outcome = await settled(world)
    assert outcome.pictures[0].key is not None
    await world.picture_store.put(outcome.pictures[0].key, b"spoilt")
    await world.post(outcome, a_part(task_id=outcome.task.id, pictures=(0,)))
    assert texts(world.channel.history()[-1]).count("[Picture 1](<https://results.test/") == 1


async def test_a_picture_that_is_lost_after_it_was_planned_is_told_as_a_link_once(world: BotWorld) -> None:
    outcome = await settled(world)
    lost = replace(outcome, pictures=(replace(outcome.pictures[0], key=None, unfetchable=True),))
    await world.post(lost, a_part(task_id=outcome.task.id, pictures=(0,)))
    assert texts(world.channel.history()[-1]).count("[Picture 1](<https://results.test/") == 1


async def test_a_copy_that_is_gone_is_for_the_engine_to_fetch_anew(world: BotWorld) -> None:
    outcome = await settled(world)
    (picture,) = outcome.pictures
    assert picture.key is not None
    await world.picture_store.delete(picture.key)
    with pytest.raises(MissingCopy):
        await world.post(outcome, a_part(task_id=outcome.task.id, pictures=(0,)))
    with pytest.raises(MissingCopy):
        await world.delivery.outcomes.plan(replace(outcome, pictures=(replace(picture, bytes=None),)))
    await world.work(120)
    (message,) = world.channel.history()
    assert [attachment.filename for attachment in message.attachments] == [f"atelier-{outcome.task.id}-1.png"]


@pytest.mark.parametrize("reason", [reason for reason in Reason if reason is not Reason.MISSING_PERMISSIONS])
async def test_a_failure_offers_to_ask_again_only_where_that_may_help(reason: Reason) -> None:
    view = failure_view(failed(reason, prompt="*" * 4000), a_part(route=Route.DIRECT))
    said = "".join(item.content for item in view.walk_children() if hasattr(item, "content"))
    labels = [item.item.label for item in view.walk_children() if isinstance(item, discord.ui.DynamicItem)]
    assert units(said) <= 4000
    assert labels[-1] == "Dismiss"
    assert (len(labels) == 2) is (reason in AGAIN_REASONS)
    assert any("cost a second time" in label for label in labels) is (reason in UNSURE_REASONS)


# Distribution over messages


def test_pictures_are_packed_in_order_ten_to_a_message() -> None:
    assert pack([(n, 1) for n in range(12)]) == [tuple(range(10)), (10, 11)]
    assert pack([(n, 1) for n in range(12)], first_takes=9) == [tuple(range(9)), (9, 10, 11)]


def test_a_message_stays_below_its_limit_of_bytes() -> None:
    ten = 10 * 1024 * 1024
    assert pack([(n, ten) for n in range(4)]) == [(0, 1), (2, 3)]


def test_nothing_to_carry_is_one_message() -> None:
    assert pack([]) == [()]


@given(st.lists(st.integers(0, BYTES_PER_MESSAGE), max_size=40), st.sampled_from([9, 10]))
def test_every_picture_is_in_exactly_one_message_that_is_not_too_heavy(sizes: list[int], first: int) -> None:
    packs = pack(list(enumerate(sizes)), first_takes=first)
    assert [position for pack in packs for position in pack] == list(range(len(sizes)))
    assert all(sum(sizes[position] for position in pack) <= BYTES_PER_MESSAGE for pack in packs)
    assert len(packs[0]) <= first
    assert all(len(pack) <= FILES_PER_MESSAGE for pack in packs)
    assert all(packs) or packs == [()]


async def test_an_outcome_of_many_heavy_pictures_is_planned_as_several_messages(world: BotWorld) -> None:
    pictures = tuple(a_picture(n, key=f"pictures/{n}", bytes=10 * 1024 * 1024) for n in range(4))
    plan = await world.delivery.outcomes.plan(Outcome(task=a_task(), references=(), pictures=pictures))
    assert [part.pictures for part in plan] == [(0, 1), (2, 3)]
    assert len({part.nonce for part in plan}) == 2
    assert all(len(part.nonce) <= 25 for part in plan)


async def test_the_prompt_file_takes_a_place_in_the_first_message(world: BotWorld) -> None:
    pictures = tuple(a_picture(n, key=f"pictures/{n}", bytes=10) for n in range(12))
    plan = await world.delivery.outcomes.plan(
        Outcome(task=a_task(prompt="long " * 300), references=(), pictures=pictures)
    )
    assert [len(part.pictures) for part in plan] == [9, 3]


async def test_a_failure_is_one_part_and_a_later_success_of_the_same_task_another(world: BotWorld) -> None:
    (told,) = await world.delivery.outcomes.plan(failed(Reason.UNCONFIRMED))
    (adopted,) = await world.delivery.outcomes.plan(Outcome(task=a_task(), references=(), pictures=(a_picture(),)))
    assert told.pictures == ()
    assert told.nonce != adopted.nonce


async def test_only_the_first_part_mentions_the_asker(world: BotWorld) -> None:
    outcome = await settled(world, variants=2)
    for number in (0, 1):
        await world.post(
            outcome, a_part(task_id=outcome.task.id, number=number, pictures=(number,), nonce=f"n{number}")
        )
    *_, first, second = world.channel.history()
    assert (world.pinged(first), world.pinged(second)) == ([world.alice.id], [])


async def test_the_bytes_of_a_picture_are_let_go_of_when_it_is_sent(
    world: BotWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent = []

    class File(discord.File):
        def __init__(self, fp: BytesIO, filename: str) -> None:
            super().__init__(fp, filename)
            sent.append(fp)

    monkeypatch.setattr("bot.delivery.outcomes.discord.File", File)
    await world.ask(variants=2)
    await world.work()
    assert [fp.closed for fp in sent] == [True, True]


async def test_what_was_told_in_doubt_says_later_that_it_got_through_and_has_no_button_any_more(
    world: BotWorld,
) -> None:
    await world.ask("a very long story " * 60)
    task = await world.only_task()
    doubtful = Outcome(task=replace(task, reason=Reason.UNCONFIRMED.value), references=(), pictures=())
    part = a_part(task_id=task.id)
    posted = await world.post(doubtful, part)
    told = replace(part, number=-1, message_id=posted.message_id, message_channel_id=posted.channel_id)
    before = len(world.channel.history())
    with world.env.time_context():
        for _ in range(2):
            await world.delivery.outcomes.withdraw(replace(doubtful, task=task), told)
    (message,) = [message for message in world.channel.history() if message.id == posted.message_id]
    assert len(world.channel.history()) == before
    assert "worked after all" in texts(message)
    assert button_ids(message) == [f"a1:clear:{task.id}"]
    assert len(message.attachments) == 1
