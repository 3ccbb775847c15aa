"""Server settings for requests: channels, defaults, language and upload limit."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, Final

import discord
import pytest
import sqlalchemy as sa

from bot.intake.origin import upload_limit
from storage.models import Reach
from storage.schema import guild_settings
from tests.worlds.bot_world import BotWorld, texts

MIB: Final = 1024 * 1024


async def choose(world: BotWorld, **chosen: Any) -> None:
    row = {"guild_id": world.guild.id, "channels": (), **chosen}
    async with world.database.write(changing=f"settings of {world.guild.id}") as connection:
        await connection.execute(sa.delete(guild_settings))
        await connection.execute(sa.insert(guild_settings).values(row))


async def test_where_a_server_has_chosen_channels_the_others_point_to_them_and_nothing_is_stored(
    world: BotWorld,
) -> None:
    studio = world.guild.create_text_channel("studio")
    await choose(world, channels=(studio.id,))
    refused = world.refusal(await world.ask())
    assert f"<#{studio.id}>" in refused
    assert await world.stores.tasks.of_user(world.alice.id) == ()


async def test_a_chosen_channel_and_its_threads_make_pictures(world: BotWorld) -> None:
    await choose(world, channels=(world.channel.id,))
    await world.ask()
    with world.env.time_context():
        channel = await world.client.fetch_channel(world.channel.id)
        assert isinstance(channel, discord.TextChannel)
        await channel.create_thread(name="corner", type=discord.ChannelType.public_thread)
    (thread,) = world.channel.threads
    await world.alice.slash(thread, "imagine", prompt="a blue door")
    assert len(await world.stores.tasks.of_user(world.alice.id)) == 2


async def test_what_a_person_leaves_open_is_what_the_server_has_chosen(world: BotWorld) -> None:
    await choose(world, size="2:3", variants=2)
    await world.ask()
    task = await world.only_task()
    assert (task.size, task.variants) == ("2:3", 2)


async def test_what_a_person_says_is_what_they_get(world: BotWorld) -> None:
    await choose(world, size="2:3", variants=2)
    await world.ask(size="1:1", variants=1)
    task = await world.only_task()
    assert (task.size, task.variants) == ("1:1", 1)


async def test_what_everybody_reads_is_in_the_language_the_server_has_chosen(world: BotWorld) -> None:
    await choose(world, language="zh-CN")
    await world.ask()
    await world.work(60)
    assert "你的图片" in texts(world.channel.history()[-1])


async def test_what_only_the_asker_reads_is_in_their_own_language(world: BotWorld) -> None:
    await choose(world, language="zh-CN")
    asked = await world.ask(private=True)
    assert asked.ephemeral
    task = await world.only_task()
    assert (task.locale, task.private, task.reach) == ("en-US", True, Reach.ANSWER)


async def test_of_many_chosen_channels_five_are_named(world: BotWorld) -> None:
    studios = [world.guild.create_text_channel(f"studio-{number}") for number in range(7)]
    await choose(world, channels=tuple(studio.id for studio in studios))
    assert world.refusal(await world.ask()).count("<#") == 5


@pytest.mark.parametrize(("server", "here", "ours"), [(50, 500, 50), (50, 25, 25), (None, 500, 10)])
def test_a_file_may_be_as_large_as_the_server_lets_us_whatever_its_asker_pays(
    server: int | None, here: int, ours: int
) -> None:
    guild = SimpleNamespace(filesize_limit=server * MIB) if server is not None else None
    interaction: Any = SimpleNamespace(guild=guild, filesize_limit=here * MIB)
    assert upload_limit(interaction) == ours * MIB
