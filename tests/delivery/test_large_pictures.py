"""Transparent pictures and pictures in 4K: they arrive as they were made, or reduced, with the original available."""

from __future__ import annotations

from dataclasses import replace
from io import BytesIO
from random import Random
from typing import Any

import pytest
from PIL import Image

from tests.worlds.bot_world import BotWorld, a_part, button_ids, settled, texts

DEFAULT_LIMIT = 10 * 1024 * 1024
"""Bytes per file in a server without boosts."""


def cut_out(edge: int, seed: int = 0) -> bytes:
    """Return a PNG of noise that hardly compresses, with a transparent half and a soft edge."""
    image = Image.frombytes("RGB", (edge, edge), Random(seed).randbytes(edge * edge * 3))
    image.putalpha(Image.linear_gradient("L").point(lambda value: max(0, 2 * value - 255)).resize((edge, edge)))
    return file_of(image)


def in_4k() -> bytes:
    """Return a PNG of 4096 x 4096 pixels, 48 MiB large, as it is not compressed."""
    small = Image.frombytes("RGB", (256, 256), Random(1).randbytes(256 * 256 * 3))
    return file_of(small.resize((4096, 4096), Image.Resampling.BILINEAR), compress_level=0)


def file_of(image: Image.Image, **options: Any) -> bytes:
    file = BytesIO()
    image.save(file, "PNG", **options)
    return file.getvalue()


async def attached(world: BotWorld, message: Any) -> bytes:
    with world.env.time_context():
        return bytes(await world.client.http.get_from_cdn(message.attachments[0].url))


async def test_a_transparent_picture_is_posted_byte_for_byte(world: BotWorld) -> None:
    made = cut_out(200)
    world.api.next_fetch = [made]
    await world.ask()
    await world.work()
    (message,) = world.channel.history()
    assert message.attachments[0].filename.endswith(".png")
    assert await attached(world, message) == made
    assert "saved again" not in texts(message)


async def test_a_transparent_picture_that_is_too_large_stays_transparent(world: BotWorld) -> None:
    outcome = await settled(world)
    made = cut_out(500)
    assert outcome.pictures[0].key is not None
    await world.picture_store.put(outcome.pictures[0].key, made)
    task = replace(outcome.task, upload_limit=len(made) // 3)
    shown = replace(outcome, task=task, pictures=(replace(outcome.pictures[0], bytes=len(made)),))
    posted = await world.post(shown, a_part(task_id=task.id, pictures=(0,)))
    message = next(message for message in world.channel.history() if message.id == posted.message_id)
    with Image.open(BytesIO(await attached(world, message))) as seen, Image.open(BytesIO(made)) as original:
        assert seen.size == original.size
        assert seen.getchannel("A").tobytes() == original.getchannel("A").tobytes()
    assert message.attachments[0].filename.endswith(".webp")
    assert "saved again" in texts(message)


@pytest.mark.sweep
async def test_a_picture_in_4k_keeps_its_pixels_and_its_original_is_a_link(world: BotWorld) -> None:
    world.api.next_fetch = [in_4k()]
    await world.ask()
    await world.work()
    (message,) = world.channel.history()
    data = await attached(world, message)
    assert len(data) <= DEFAULT_LIMIT
    with Image.open(BytesIO(data)) as seen:
        assert seen.size == (4096, 4096)
    assert "saved again" in texts(message)
    (full_size,) = [each for each in button_ids(message) if each.startswith("a1:full:")]
    pressed = await world.alice.click(message, custom_id=full_size)
    assert "link-of=kie1" in texts(pressed.response)

    listed = await world.alice.slash(world.channel, "tasks")
    assert listed.response is not None
    (small,) = listed.response.attachments
    assert small.size < 200_000
