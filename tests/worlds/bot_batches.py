"""Helpers for batches through simcord's actors: proposing, confirming, and the messages that follow."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from storage.community import Setting
from storage.schema import batches
from tests.worlds.bot_world import BotWorld, components

DOORS = "{red, green} door in {oil, ink}"
MADE = ["red door in oil", "red door in ink", "green door in oil", "green door in ink"]


async def proposed(world: BotWorld, words: str = DOORS, **options: Any) -> Any:
    """Return the ephemeral message that asks for confirmation."""
    asked = await world.ask(words, **options)
    assert asked.ephemeral
    assert asked.response is not None
    return asked.response


async def begun(world: BotWorld, words: str = DOORS, **options: Any) -> Any:
    question = await proposed(world, words, **options)
    await world.alice.click(question, label="Make them")
    return question


async def tasks_of(world: BotWorld) -> list[Any]:
    return sorted(await world.stores.tasks.of_user(world.alice.id), key=lambda task: task.batch_position)


async def stored(world: BotWorld) -> int:
    async with world.database.read() as connection:
        return int((await connection.execute(sa.select(sa.func.count()).select_from(batches))).scalar_one())


async def choose(world: BotWorld, setting: Setting, value: Any) -> None:
    await world.client.services.stores.guilds.choose(world.guild.id, setting, value, by=1, now=world.clock())


def answer(world: BotWorld, pressed: Any) -> str:
    """Return the ephemeral answer to a click; an error of the bot behind it is expected."""
    world.acknowledged = world.env.error_cursor
    return str((pressed.followups or [pressed.response])[-1].content)


def seen(asked: Any) -> Any:
    assert asked.response is not None
    return asked.response


def spoilers(message: Any) -> list[bool]:
    return [item["spoiler"] for part in components(message) if part["type"] == 12 for item in part["items"]]


def posted(world: BotWorld) -> list[Any]:
    return [message for message in world.channel.history() if not message.flags.ephemeral]
