"""Repost, report, hide and remove results, with the process dying between any two calls."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from structlog.testing import capture_logs

from bot.engine.outbox.curation import Role
from bot.engine.ports import Outcome, Posted
from bot.errors import NotAllowed, NotFound
from storage.community import ReportState, Repost, Setting
from storage.models import Route, Task, TaskState
from tests.worlds.engine_world import Crash, Deaths, EngineWorld
from tests.worlds.new_tasks import gallery_copy

GUILD, GALLERY, MODERATORS = 77, 500, 600
ASKER, REPORTER, MODERATOR = 1, 2, 3


@pytest.mark.sweep
async def test_whatever_it_dies_at_it_is_posted_and_reported_once_and_removed(world: EngineWorld) -> None:
    """The process dies after each call. A death before a call is the same as a death after the previous one."""
    deaths, died, at = Deaths(), True, 0
    world.wrap = deaths.wrap
    await world.restart()
    await world.stores.guilds.choose(GUILD, Setting.MODERATORS, MODERATORS, by=MODERATOR, now=world.clock())
    while died:
        died = await _story(world, deaths, at)
        at += 1
    assert at > 30, "the calls of a whole story"


async def _story(world: EngineWorld, deaths: Deaths, at: int) -> bool:
    """Deliver, copy, report, hide and remove a result. Return whether the process died."""
    task = await _told(world)
    discord = world.discord
    for kept in (discord.sent, discord.reposted, discord.report_nonces, discord.deleted, discord.redrawn):
        kept.clear()
    deaths.arm(at, after=True)
    died = False
    for act in (_copy, _report, _hide, _remove):
        died |= await _outlived(world, deaths, task, act)
        died |= await _worked(world, deaths)
    deaths.disarm()
    await _rest(world, steps=6)
    await _check(world, task)
    return died


async def _check(world: EngineWorld, task: Task) -> None:
    discord = world.discord
    assert discord.sent == [], "it was told before, and is not told again"
    assert len(discord.reposted) == 1
    assert len(discord.report_nonces) == 1
    ended = await world.now(task)
    assert ended.removed_at is not None
    assert ended.sync_at is None
    (part,) = await world.stores.parts.of_task(task.id)
    (repost,) = await world.stores.reposts.of_task(task.id)
    assert {part.message_id, repost.message_id} <= set(discord.deleted)
    assert (part.message_id, True) in discord.redrawn
    assert repost.due_at is None
    report_case = await world.stores.reports.get(task.id, GUILD)
    assert report_case is not None
    assert (report_case.state, report_case.due_at) == (ReportState.REMOVED, None)


async def _told(world: EngineWorld) -> Task:
    task = await world.ask(asker_id=ASKER, guild_id=GUILD)
    await world.work(60)
    assert (await world.now(task)).state is TaskState.CLOSED
    return task


async def _copy(world: EngineWorld, task: Task) -> None:
    new = gallery_copy(task, channel_id=GALLERY, guild_id=GUILD)
    await world.engine.curation.post_again(new, Role(person_id=ASKER, guild_id=GUILD, moderates=False))


async def _report(world: EngineWorld, task: Task) -> None:
    if await world.stores.reports.get(task.id, GUILD) is None:
        reports = world.engine.reports
        await reports.report(task.id, GUILD, by=REPORTER, why="", locale="en-US", seen=(9, 9))


async def _hide(world: EngineWorld, task: Task) -> None:
    report_case = await world.stores.reports.get(task.id, GUILD)
    if report_case is not None and report_case.state is ReportState.OPEN:
        await world.engine.reports.decide(task.id, GUILD, ReportState.HIDDEN, by=MODERATOR)


async def _remove(world: EngineWorld, task: Task) -> None:
    await world.engine.curation.remove(task.id, Role(person_id=MODERATOR, guild_id=GUILD, moderates=True))


async def _outlived(
    world: EngineWorld, deaths: Deaths, task: Task, act: Callable[[EngineWorld, Task], Awaitable[None]]
) -> bool:
    """Act, and act again if the process died: the person got no answer and presses again."""
    try:
        await act(world, task)
    except Crash:
        deaths.disarm()
        await world.restart()
        await act(world, task)
        return True
    return False


async def _worked(world: EngineWorld, deaths: Deaths) -> bool:
    """Run ten steps, which is enough for work that waits after a death. Return whether the process died."""
    died = False
    for _ in range(10):
        try:
            await world.engine.step_outbox()
        except Crash:
            deaths.disarm()
            died = True
            await world.restart()
        world.clock.turn(2)
    return died


async def _rest(world: EngineWorld, *, steps: int = 20) -> None:
    for _ in range(steps):
        await world.engine.step_outbox()
        world.clock.turn(30)


# -- Discord fails -----------------------------------------------------------------------------------------------------


async def test_a_posting_whose_answer_is_lost_is_looked_for_before_it_is_posted_again(world: EngineWorld) -> None:
    task = await _told(world)
    world.discord.lose_answers = 2
    await _copy(world, task)
    await _rest(world)
    assert len(world.discord.reposted) == 1
    assert (await world.stores.reposts.of_task(task.id))[0].message_id is not None


async def test_a_posting_that_discord_takes_for_no_day_is_given_up_and_can_be_asked_for_again(
    world: EngineWorld,
) -> None:
    task = await _told(world)
    world.discord.down = True
    await _copy(world, task)
    with capture_logs() as logged:
        for _ in range(30):
            world.clock.turn(3600)
            await world.engine.step()
    assert await world.stores.reposts.of_task(task.id) == ()
    assert [entry["task"] for entry in logged if entry["event"].startswith("repost given up")] == [task.id]
    world.discord.down = False
    await _copy(world, task)
    assert len(world.discord.reposted) == 1


async def test_a_posting_of_another_process_is_left_alone(world: EngineWorld) -> None:
    """With a shared PostgreSQL, two processes see the same due row, and only one claims the row."""
    task = await _told(world)
    world.discord.down = True
    await _copy(world, task)
    world.discord.down = False
    world.clock.turn(60)
    (due,) = await world.stores.reposts.outbox.due(now=world.clock(), limit=10)
    assert await world.stores.reposts.outbox.claim(due, now=world.clock(), until=world.clock() + 120_000)
    assert not await world.stores.reposts.outbox.claim(due, now=world.clock(), until=world.clock() + 120_000)
    await world.engine.step()
    assert world.discord.reposted == []
    world.clock.turn(121)
    await world.engine.step()
    assert len(world.discord.reposted) == 1


async def test_a_removal_waits_for_discord_and_then_takes_every_message(world: EngineWorld) -> None:
    task = await _told(world)
    await _copy(world, task)
    world.discord.down = True
    await _remove(world, task)
    await _rest(world)
    assert world.discord.deleted == []
    world.discord.down = False
    await _rest(world)
    assert len(world.discord.deleted) == 2
    assert (await world.now(task)).sync_at is None


async def test_an_update_is_retried_however_long_ago_the_last_copy_was_removed(world: EngineWorld) -> None:
    task = await _told(world)
    await _copy(world, task)
    (copy,) = await world.stores.reposts.of_task(task.id)
    await world.stores.curation.remove_repost(copy, now=world.clock())
    await world.stores.curation.hide(task.id, hidden=True, now=world.clock())
    await _rest(world)
    world.clock.turn(3 * 24 * 3600)
    await world.stores.curation.hide(task.id, hidden=False, now=world.clock())
    world.discord.down = True
    await _rest(world, steps=3)
    world.discord.down = False
    await _rest(world, steps=3)
    (part,) = await world.stores.parts.of_task(task.id)
    assert world.discord.redrawn[-1] == (part.message_id, False)


async def test_an_update_that_discord_takes_for_no_day_is_given_up_though_nothing_is_hidden(world: EngineWorld) -> None:
    task = await _told(world)
    await world.stores.curation.hide(task.id, hidden=True, now=world.clock())
    await _rest(world)
    world.discord.down = True
    await world.stores.curation.hide(task.id, hidden=False, now=world.clock())
    for hours in (23, 2):
        assert (await world.now(task)).sync_at is not None
        world.clock.turn(hours * 3600)
        await world.engine.step_outbox()
    assert (await world.now(task)).sync_at is None


async def test_what_is_removed_while_it_is_being_made_is_kept_and_not_posted(world: EngineWorld) -> None:
    task = await world.ask(asker_id=ASKER, guild_id=GUILD)
    await world.work(10)
    await _remove(world, task)
    await world.work(60)
    assert (await world.now(task)).state is TaskState.CLOSED
    assert world.discord.sent == []


async def test_a_report_that_nobody_can_be_told_is_carried_out_all_the_same(world: EngineWorld) -> None:
    """The bot loses access to the moderators' channel after they have decided."""
    task = await _told(world)
    await world.stores.guilds.choose(GUILD, Setting.MODERATORS, MODERATORS, by=MODERATOR, now=world.clock())
    await _report(world, task)
    await _rest(world)
    world.discord.closed_channels = {MODERATORS}
    await world.engine.reports.decide(task.id, GUILD, ReportState.REMOVED, by=MODERATOR)
    await _rest(world)
    assert len(world.discord.deleted) == 1


async def test_a_message_that_was_deleted_needs_no_update_and_nothing_is_given_up(world: EngineWorld) -> None:
    task = await _told(world)
    (part,) = await world.stores.parts.of_task(task.id)
    assert part.message_id is not None
    world.discord.gone.add(part.message_id)
    await world.stores.curation.hide(task.id, hidden=True, now=world.clock())
    with capture_logs() as logged:
        await _rest(world)
    assert (await world.now(task)).sync_at is None
    events = [entry["event"] for entry in logged]
    assert "update of one message not needed: it was deleted, the others are updated" in events
    assert not [event for event in events if "given up" in event]


async def test_a_direct_message_goes_by_its_askers_word_alone(world: EngineWorld) -> None:
    for by, gone in ((MODERATOR, 0), (ASKER, 1)):
        world.discord.closed_routes = {Route.CHANNEL, Route.ORIGINAL}
        task = await _told(world)
        who = Role(person_id=by, guild_id=GUILD, moderates=by == MODERATOR)
        await world.engine.curation.remove(task.id, who)
        await _rest(world)
        assert len(world.discord.deleted) == gone
        assert (await world.now(task)).sync_at is None


async def test_what_is_not_reported_or_known_is_neither_decided_nor_removed(world: EngineWorld) -> None:
    task, moderator = await _told(world), Role(person_id=MODERATOR, guild_id=GUILD, moderates=True)
    for act in (
        world.engine.reports.decide(task.id, GUILD, ReportState.HIDDEN, by=MODERATOR),
        world.engine.curation.remove_repost("0123456789abcdef", moderator),
        world.engine.curation.remove("0123456789abcdef", moderator),
    ):
        with pytest.raises(NotFound):
            await act
    assert ((await world.now(task)).hidden_at, (await world.now(task)).removed_at) == (None, None)


async def test_a_copy_is_removed_by_its_asker_and_the_moderators_of_its_server_alone(world: EngineWorld) -> None:
    task = await _told(world)
    await _copy(world, task)
    (copy,) = await world.stores.reposts.of_task(task.id)
    for who in (
        Role(person_id=REPORTER, guild_id=GUILD, moderates=False),
        Role(person_id=MODERATOR, guild_id=GUILD + 1, moderates=True),
        Role(person_id=MODERATOR, guild_id=None, moderates=True),
    ):
        with pytest.raises(NotAllowed):
            await world.engine.curation.remove_repost(copy.id, who)
    assert (await world.stores.reposts.of_task(task.id))[0].removed_at is None
    await world.engine.curation.remove_repost(copy.id, Role(person_id=MODERATOR, guild_id=GUILD, moderates=True))
    await _rest(world, steps=2)
    assert copy.message_id in world.discord.deleted


async def test_a_report_of_a_result_that_was_erased_is_posted_nowhere(world: EngineWorld) -> None:
    await world.stores.guilds.choose(GUILD, Setting.MODERATORS, MODERATORS, by=MODERATOR, now=world.clock())
    task = await _told(world)
    await _report(world, task)
    (due,) = await world.stores.reports.outbox.due(now=world.clock(), limit=9)
    await world.engine.erasures.ask(ASKER, removes=False, locale="en-US", token="t")
    for _ in range(3):
        await world.engine.erasures.outbox.step()
        world.clock.turn(20)
    assert await world.stores.tasks.get(task.id) is None
    assert await world.engine.reports._carry_out_and_post(due) is None
    assert world.discord.report_nonces == []


async def test_a_moderator_of_another_server_decides_nothing(world: EngineWorld) -> None:
    task = await _told(world)
    with pytest.raises(NotAllowed):
        await world.engine.curation.remove(task.id, Role(person_id=MODERATOR, guild_id=GUILD + 1, moderates=True))


async def test_two_quick_clicks_post_once_though_the_first_is_still_on_its_way(
    world: EngineWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    task, gate = await _told(world), asyncio.Event()
    post = world.discord.repost
    searched: list[bool] = []

    async def slow(outcome: Outcome, repost: Repost, *, uncertain: bool) -> Posted:
        searched.append(uncertain)
        await gate.wait()
        return await post(outcome, repost, uncertain=uncertain)

    monkeypatch.setattr(world.discord, "repost", slow)
    clicks = [asyncio.create_task(_copy(world, task)) for _ in range(2)]
    await asyncio.wait(clicks, return_when=asyncio.FIRST_COMPLETED, timeout=5)
    gate.set()
    await asyncio.gather(*clicks)
    assert searched == [False]
    assert len(world.discord.reposted) == 1
