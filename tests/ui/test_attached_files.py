"""Files as people have them, from the command to the image API, and refusals that only their asker sees."""

from __future__ import annotations

from typing import Any

import pytest
from PIL import Image

from bot.errors import Reason
from storage.models import TaskState
from tests.imaging.picture_files import file_of, noise, opened, oriented, painted
from tests.ui.test_mentions import mention, of_ours
from tests.worlds.bot_world import PHOTO, BotWorld, png, texts

BIG = (160, 120)
LYING = ("IMG_1.JPG", file_of(painted(*BIG), "JPEG", exif=oriented()))
ANIMATED = (
    "cat.gif",
    file_of(painted(*BIG), "GIF", save_all=True, append_images=[Image.new("RGB", BIG)], duration=100),
)
VAST = ("vast.jpg", file_of(Image.new("RGB", (5000, 5000)), "JPEG", exif=oriented()))
DETAILED = file_of(Image.blend(painted(*BIG), noise(*BIG), 0.1), "JPEG", quality=95)
CUT = ("torn.jpg", DETAILED[: len(DETAILED) * 9 // 10])
WORDS = ("notes.png", b"these are just words")
SMALL = ("dot.png", png("red", (20, 20)))
ON_CARDS = ("I’ll use the first", "so I’ll make it smaller", "I’ll use what’s there")
ON_RESULTS = (
    "Only the first picture in",
    "was made smaller for the image service",
    "ended too early: its lower edge or some detail",
)
CHANGES: dict[str, tuple[tuple[str, bytes], list[str], list[str]]] = {
    "animated": (ANIMATED, [ON_CARDS[0]], [ON_RESULTS[0]]),
    "vast": (VAST, [ON_CARDS[1]], [ON_RESULTS[1]]),
    "cut": (CUT, [ON_CARDS[2]], [ON_RESULTS[2]]),
    "lying": (LYING, [], []),
    "plain": (PHOTO, [], []),
}


def public(world: BotWorld) -> list[Any]:
    return [message for message in world.channel.history() if not message.flags.ephemeral]


async def test_what_is_not_plain_goes_by_upload_as_a_plain_copy(world: BotWorld) -> None:
    await world.ask(image=LYING)
    await world.work()
    task = await world.only_task()
    assert world.api.uploads == [f"atelier-{task.id}-0.jpeg image/jpeg"]
    assert world.api.taken[0].files == (f"https://uploads.test/atelier-{task.id}-0.jpeg",)
    (reference,) = await world.stores.references.of_task(task.id)
    assert (reference.width, reference.height, reference.is_converted) == (120, 160, True)
    assert opened(await world.picture_store.get(str(reference.key))).size == (120, 160)


async def test_what_is_plain_already_goes_as_its_link(world: BotWorld) -> None:
    await world.ask(image=PHOTO)
    await world.work()
    assert world.api.uploads == []
    assert world.api.taken[0].files[0].endswith("cat.png")


@pytest.mark.parametrize("name", CHANGES)
async def test_the_card_and_the_result_say_what_became_of_a_picture(world: BotWorld, name: str) -> None:
    file, on_card, on_result = CHANGES[name]
    await world.ask(image=file)
    await world.work(20)
    (card,) = world.channel.history()
    assert [sentence for sentence in ON_CARDS if sentence in texts(card)] == on_card
    await world.work(100)
    (result,) = world.channel.history()
    assert [sentence for sentence in ON_RESULTS if sentence in texts(result)] == on_result
    assert result.attachments
    assert (file[0] in texts(result)) == bool(on_result)


async def test_a_result_counts_several_pictures_with_the_same_change(world: BotWorld) -> None:
    await world.ask(image=ANIMATED, image2=("dog.gif", ANIMATED[1]), image3=CUT)
    await world.work(120)
    said = texts(world.channel.history()[-1])
    assert "Of 2 attached files, only the first picture was used." in said
    assert "ended too early: its lower edge or some detail" in said


async def test_asking_again_uses_the_copy_and_never_the_attached_file(world: BotWorld) -> None:
    await world.ask(image=LYING)
    await world.work(120)
    await world.alice.click(world.channel.history()[-1], label="Again")
    await world.work(120)
    assert len(world.api.taken) == 2
    assert all(request.files[0].startswith("https://uploads.test/") for request in world.api.taken)


async def test_all_bad_files_are_named_at_once_and_to_the_asker_alone(world: BotWorld) -> None:
    asked = await world.ask(image=WORDS, image2=PHOTO, image3=SMALL)
    await world.work()
    assert public(world) == []
    (told,) = asked.followups
    said = texts(told)
    assert "Of these files, 2 can’t be used" in said
    assert "notes.png" in said
    assert "dot.png" in said
    assert "20 × 20" in said
    assert "cat.png" not in said
    assert world.api.taken == []
    task = await world.only_task()
    assert (task.state, task.reason, task.charged) == (TaskState.CLOSED, Reason.REFERENCES_UNUSABLE, False)


async def test_one_bad_file_is_told_with_its_own_reason(world: BotWorld) -> None:
    asked = await world.ask(image=("drawing.jpg", b"<svg xmlns='http://www.w3.org/2000/svg'/>"))
    await world.work()
    assert public(world) == []
    assert "drawing.jpg" in texts(asked.followups[0])
    assert "SVG" in texts(asked.followups[0])


async def test_files_that_are_refused_at_the_door_are_named_together(world: BotWorld) -> None:
    refused = await world.ask(image=("a.png", b""), image2=("b.png", b""))
    said = world.refusal(refused)
    assert "a.png" in said
    assert "b.png" in said
    assert await world.stores.tasks.of_user(world.alice.id) == ()


async def test_a_refusal_comes_directly_once_the_command_is_too_old(world: BotWorld) -> None:
    asked = await world.ask(image=WORDS)
    world.clock.turn(16 * 60)
    await world.work()
    assert public(world) == []
    assert asked.followups == []
    (direct,) = world.alice.user.dm_channel.history()
    assert "notes.png" in texts(direct)


async def test_a_refusal_after_a_mention_comes_directly(world: BotWorld) -> None:
    await mention(world, attachments=[WORDS])
    await world.work()
    assert of_ours(world) == []
    (direct,) = world.alice.user.dm_channel.history()
    assert "notes.png" in texts(direct)
