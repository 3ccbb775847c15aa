"""Test the user context menu "Use avatar"."""

from __future__ import annotations

from simcord.results import InteractionResult
from yarl import URL

from bot.net.attachments import HOSTS
from storage.models import TaskState
from tests.worlds.bot_world import BotWorld, png

MENU = "Use avatar"
STILL = "0123456789abcdef0123456789abcdef"


async def menu(world: BotWorld) -> InteractionResult:
    return await world.alice.context_menu(world.channel, MENU, world.bob)


async def address(world: BotWorld) -> URL:
    task = await world.only_task()
    (reference,) = await world.stores.references.of_task(task.id)
    return URL(reference.url)


async def test_a_persons_avatar_goes_in_after_a_restart(world: BotWorld) -> None:
    world.env.backend.users[world.bob.id].avatar = STILL
    url = f"https://cdn.discordapp.com/avatars/{world.bob.id}/{STILL}.png?size=1024"
    world.env.backend.cdn._blobs[url] = png()
    opened = await menu(world)
    await world.restart()
    await world.alice.submit_modal(opened, {"words": "as a knight", "size": ["2:3"], "variants": ["2"]})
    await world.work(60)
    task = await world.only_task()
    assert (task.prompt, task.size, task.variants, task.state) == ("as a knight", "2:3", 2, TaskState.CLOSED)
    assert str(await address(world)) == url


async def test_one_that_moves_goes_in_as_a_still_picture(world: BotWorld) -> None:
    world.env.backend.users[world.bob.id].avatar = f"a_{STILL}"
    await world.alice.submit_modal(await menu(world), {"words": "as a knight"})
    assert (await address(world)).path.endswith(f"/a_{STILL}.png")


async def test_that_of_the_server_goes_first(world: BotWorld) -> None:
    world.env.backend.get_guild(world.guild.id).members[world.bob.id].avatar = STILL
    await world.alice.submit_modal(await menu(world), {"words": "as a knight"})
    found = await address(world)
    assert found.path == f"/guilds/{world.guild.id}/users/{world.bob.id}/avatars/{STILL}.png"
    assert found.host in HOSTS


async def test_who_has_none_has_the_one_that_discord_shows(world: BotWorld) -> None:
    await world.alice.submit_modal(await menu(world), {"words": "as a knight", "private": True})
    found = await address(world)
    assert found.path.startswith("/embed/avatars/")
    assert found.host in HOSTS
    assert (await world.only_task()).private


async def test_a_form_that_was_open_for_too_long_says_so(world: BotWorld) -> None:
    opened = await menu(world)
    world.clock.turn(25 * 60 * 60)
    assert "open for too long" in world.refusal(await world.alice.submit_modal(opened, {"words": "x"}))
    assert not await world.stores.tasks.of_user(world.alice.id)
