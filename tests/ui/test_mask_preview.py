"""Tests for masks on the card: the tinted picture and the share that changes, for the asker, while they can cancel."""

from __future__ import annotations

import io

import pytest
from PIL import Image

from bot.engine.policy import PREVIEW_WAIT
from bot.errors import AccountRefused, Reason, Unavailable
from storage.models import TaskState
from storage.pictures import MASK_PREVIEW
from tests.worlds.bot_batches import begun
from tests.worlds.bot_world import BotWorld, alt_texts, png, texts

PHOTO = ("cat.png", png("white", (128, 96)))
SAID = "25% of the picture will change: the tinted part."
SOON = "I’ll start in a few seconds. Cancel if this isn’t the part you mean."
WAIT = PREVIEW_WAIT.total_seconds()


def hole(width: int = 64, height: int = 48, ground: str = "black") -> tuple[str, bytes]:
    """Return a mask for `PHOTO` whose transparent hole changes a quarter of it."""
    mask, file = Image.new("RGBA", (128, 96), ground), io.BytesIO()
    mask.paste((0, 0, 0, 0), (32, 24, 32 + width, 24 + height))
    mask.save(file, "PNG")
    return "mask.png", file.getvalue()


async def preview(world: BotWorld) -> bytes | None:
    return await world.picture_store.small(f"references/{(await world.only_task()).id}/0", MASK_PREVIEW)


async def test_the_tinted_part_is_shown_while_the_request_can_be_cancelled(world: BotWorld) -> None:
    await world.ask("a hat", image=PHOTO, mask=hole())
    await world.work(WAIT - 1, every=1)
    (card,) = world.channel.history()
    task = await world.only_task()
    assert task.state is TaskState.QUEUED
    assert SAID in texts(card)
    assert SOON in texts(card)
    assert [attachment.filename for attachment in card.attachments] == [f"mask-{task.id}.jpg"]
    assert alt_texts(card) == ["Your picture, with the part tinted that will change"]
    await world.alice.click(card, label="Cancel")
    await world.work(60)
    (card,) = world.channel.history()
    assert "will change" not in texts(card)
    assert card.attachments == []
    assert world.api.taken == []


async def test_it_is_shown_before_the_uploads(world: BotWorld) -> None:
    world.api.next_upload = [Unavailable("503")] * 9
    await world.ask("a hat", image=PHOTO, mask=hole())
    await world.work(10)
    assert (await world.only_task()).prepared_at is None
    assert SAID in texts(world.channel.history()[0])


async def test_the_create_is_sent_when_its_asker_had_time_to_look(world: BotWorld) -> None:
    await world.ask("a hat", image=PHOTO, mask=hole())
    await world.work(WAIT, every=1)
    assert world.api.taken == []
    await world.work(2, every=1)
    assert len(world.api.taken) == 1
    (card,) = world.channel.history()
    assert SAID in texts(card)
    assert SOON not in texts(card)


async def test_the_time_to_look_neither_begins_again_nor_ends_with_a_restart(world: BotWorld) -> None:
    await world.ask("a hat", image=PHOTO, mask=hole())
    for _ in range(3):
        await world.work(3, every=1)
        await world.restart()
    assert world.api.taken == []
    await world.work(1, every=1)
    assert SOON in texts(world.channel.history()[0])
    await world.work(2, every=1)
    assert len(world.api.taken) == 1


async def test_the_requests_of_others_do_not_wait_and_those_with_masks_wait_side_by_side(world: BotWorld) -> None:
    await world.ask("a hat", image=PHOTO, mask=hole())
    await world.work(1, every=1)
    await world.bob.slash(world.channel, "imagine", prompt="a scarf", image=PHOTO, mask=hole())
    await world.work(1, every=1)
    await world.bob.slash(world.channel, "imagine", prompt="a door")
    await world.work(3, every=1)
    assert [create.request.prompt for create in world.api.taken] == ["a door"]
    first, second, _ = world.channel.history()
    assert SOON in texts(first)
    assert "1 request is ahead of yours.\nCancel if this isn’t the part you mean." in texts(second)
    await world.work(WAIT, every=1)
    assert [create.request.prompt for create in world.api.taken] == ["a door", "a hat", "a scarf"]


async def test_while_creates_are_paused_the_card_says_that_instead(world: BotWorld) -> None:
    world.api.next_create = [AccountRefused(402, "credits", Reason.ACCOUNT_CREDIT)]
    world.api.balance = 0
    await world.ask("a door")
    await world.work(5)
    await world.ask("a hat", image=PHOTO, mask=hole())
    await world.work(5)
    (card,) = [message for message in world.channel.history() if "a hat" in texts(message)]
    assert "My credit with the image service is used up." in texts(card)
    assert SAID in texts(card)
    assert SOON not in texts(card)


async def test_a_request_that_is_prepared_again_does_not_wait_to_be_looked_at_again(world: BotWorld) -> None:
    await world.ask("a hat", image=PHOTO, mask=hole())
    await world.work(5, every=1)
    world.clock.turn(21 * 3600)
    await world.work(4, every=1)
    assert len(world.api.taken) == 1
    assert len(world.api.uploads) == 4


async def test_it_stays_until_the_result(world: BotWorld) -> None:
    world.api.seconds = 100
    await world.ask("a hat", image=PHOTO, mask=hole())
    await world.work(20)
    (card,) = world.channel.history()
    assert "Making your picture" in texts(card)
    assert SAID in texts(card)
    (tinted,) = card.attachments
    await world.work(40)
    assert [attachment.id for attachment in world.channel.history()[0].attachments] == [tinted.id]


async def test_it_survives_a_restart(world: BotWorld) -> None:
    world.api.seconds = 200
    await world.ask("a hat", image=PHOTO, mask=hole())
    await world.work(20)
    before = await preview(world)
    await world.restart()
    await world.work(60)
    (card,) = world.channel.history()
    assert card.attachments[0].filename.startswith("mask-")
    assert SAID in texts(card)
    assert before is not None
    assert await preview(world) == before


async def test_one_that_got_lost_is_made_again(world: BotWorld) -> None:
    world.api.seconds = 200
    await world.ask("a hat", image=PHOTO, mask=hole())
    await world.work(20)
    before, key = await preview(world), f"references/{(await world.only_task()).id}/0"
    copy = await world.picture_store.get(key)
    await world.picture_store.delete(key)
    await world.picture_store.put(key, copy)
    await world.restart()
    await world.work(60)
    assert await preview(world) == before


async def test_without_a_copy_of_the_picture_the_share_is_still_said(world: BotWorld) -> None:
    world.api.seconds = 200
    await world.ask("a hat", image=PHOTO, mask=hole())
    await world.work(20)
    await world.picture_store.delete(f"references/{(await world.only_task()).id}/0")
    await world.restart()
    await world.work(60)
    assert "25% of the picture will change." in texts(world.channel.history()[0])


async def test_of_a_private_request_only_its_asker_sees_it(world: BotWorld) -> None:
    world.api.seconds = 100
    asked = await world.ask("a hat", private=True, image=PHOTO, mask=hole())
    await world.work(20)
    assert asked.response is not None
    assert asked.ephemeral
    assert SAID in texts(asked.response)
    assert asked.response.attachments[0].filename.startswith("mask-")
    assert [message for message in world.channel.history() if not message.flags.ephemeral] == []
    assert world.requests("POST", "/messages") == []


@pytest.mark.parametrize(
    ("mask", "said"),
    [
        (hole(1, 1), "Less than 1% of the picture"),
        (hole(12, 10), "1% of the picture"),
        (hole(96, 72), "56% of the picture"),
        (("mask.png", png("black", (128, 96))), "100% of the picture"),
    ],
)
async def test_the_share_is_never_nothing_and_whole_only_if_all_changes(
    world: BotWorld, mask: tuple[str, bytes], said: str
) -> None:
    world.api.seconds = 100
    await world.ask("a hat", image=PHOTO, mask=mask)
    await world.work(20)
    assert f"{said} will change: the tinted part." in texts(world.channel.history()[0])


async def test_all_but_a_pixel_is_not_all(world: BotWorld) -> None:
    file = io.BytesIO()
    almost = Image.new("L", (128, 96))
    almost.putpixel((0, 0), 255)
    almost.save(file, "PNG")
    world.api.seconds = 100
    await world.ask("a hat", image=PHOTO, mask=("mask.png", file.getvalue()))
    await world.work(20)
    assert "99% of the picture" in texts(world.channel.history()[0])


async def test_in_chinese_it_is_said_in_chinese(world: BotWorld) -> None:
    world.locales[world.alice.id] = "zh-CN"
    world.api.seconds = 100
    await world.ask("一顶帽子", image=PHOTO, mask=hole())
    await world.work(20)
    assert "图片的 25% 会改变，也就是着色的部分。" in texts(world.channel.history()[0])


async def test_a_batch_that_shows_no_preview_begins_at_once(world: BotWorld) -> None:
    await begun(world, "a {red, green} hat", image=PHOTO, mask=hole())
    await world.work(3, every=1)
    assert sorted(create.request.prompt for create in world.api.taken) == ["a green hat", "a red hat"]


async def test_in_chinese_the_time_to_look_is_said_in_chinese(world: BotWorld) -> None:
    world.locales[world.alice.id] = "zh-CN"
    await world.ask("一顶帽子", image=PHOTO, mask=hole())
    await world.work(5)
    assert "几秒后就开始。如果不是这部分，请点“取消”。" in texts(world.channel.history()[0])


async def test_it_goes_with_everything_of_its_asker(world: BotWorld) -> None:
    await world.ask("a hat", image=PHOTO, mask=hole())
    await world.work(60)
    assert await preview(world) is not None
    task = await world.only_task()
    question = await world.alice.slash(world.channel, "privacy erase")
    assert question.response is not None
    await world.alice.click(question.response, label="Erase")
    await world.work(180)
    assert await world.picture_store.small(f"references/{task.id}/0", MASK_PREVIEW) is None
    assert [key async for keys in world.picture_store.older("", 2**62) for key in keys] == []
