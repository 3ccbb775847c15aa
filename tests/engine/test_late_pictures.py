"""Pictures that were delivered as links: their downloads are retried, and in spite of crashes each is added once."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from bot.engine.outbox.attempts import WorkKind
from bot.engine.outbox.curation import Role
from bot.engine.outbox.late_pictures import RESULTS_LIVE
from bot.engine.timing.schedule import FIRST_LATE_RETRY, LONGEST_LATE_RETRY, late_retry_ms
from bot.engine.work.quarantine import HELD_MS
from bot.errors import HostNotAllowed, Refused, ResultTooLarge, Throttled, Unavailable, Unreachable
from storage.models import LATE_PARTS, Picture, Reach, Route, Task, TaskState
from tests.hostile.pictures import jpeg_sized
from tests.worlds.engine_batches import begun
from tests.worlds.engine_world import Crash, Deaths, EngineWorld, png
from tests.worlds.new_tasks import gallery_copy
from tests.worlds.waiting import eventually

HOUR = 3600.0
DAY = 24 * HOUR
SECOND = "/1.png"
NO = Refused(403, "to a result")


async def told_as_a_link(world: EngineWorld, *, error: Exception = NO, **changes: Any) -> Task:
    """Return a closed task of two pictures, the second of which was delivered as a link."""
    world.api.broken[SECOND] = error
    task = await world.ask(**({"variants": 2} | changes))
    await world.work(200)
    told = await world.now(task)
    assert told.state is TaskState.CLOSED
    (_, second) = await world.stores.pictures.of_task(task.id)
    assert (second.key, second.unfetchable) == (None, True)
    return told


async def later(world: EngineWorld, seconds: float, *, steps: int = 3) -> None:
    """Advance the clock by `seconds`, then run `steps` of the engine."""
    world.clock.turn(seconds)
    for _ in range(steps):
        await world.engine.step()
        world.clock.turn(1)


async def second_of(world: EngineWorld, task: Task) -> Picture:
    return (await world.stores.pictures.of_task(task.id))[1]


async def assert_brought(world: EngineWorld, task: Task) -> None:
    """Assert that the second picture is stored, and that no work on it is due."""
    second, now = await second_of(world, task), await world.now(task)
    assert second.key is not None
    assert await world.picture_store.get(second.key) == png()
    assert (second.unfetchable, second.due_at, second.late_at, now.sync_at) == (False, None, None, None)


# -- crashes -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("after", [False, True], ids=["before its effect", "after its effect"])
@pytest.mark.sweep
async def test_whatever_it_dies_at_the_message_is_edited_to_hold_the_picture_once(
    world: EngineWorld, after: bool
) -> None:
    calls = await every_death(world, after=after, expected={1: [0, 1]})
    assert calls > 8, "the calls of a late picture"


@pytest.mark.parametrize("after", [False, True], ids=["before its effect", "after its effect"])
@pytest.mark.sweep
async def test_whatever_it_dies_at_a_private_picture_is_sent_directly_once(world: EngineWorld, after: bool) -> None:
    """The private message can no longer be edited, so the picture is sent as a direct message."""
    world.discord.out_of_reach = {Route.ORIGINAL}
    calls = await every_death(world, after=after, expected={1: [0], 2: [1]}, reach=Reach.ANSWER, private=True)
    assert calls > 12, "the calls of a late picture and its message"


async def every_death(world: EngineWorld, *, after: bool, expected: dict[int, list[int]], **changes: Any) -> int:
    """Recover late pictures one by one, with a death at another call each time. Return the number of calls."""
    deaths, at, died = Deaths(), 0, True
    world.wrap = deaths.wrap
    await world.restart()
    while died:
        for kept in (world.discord.sent, world.discord.files, world.discord.redrawn):
            kept.clear()
        task = await told_as_a_link(world, error=HostNotAllowed("elsewhere.test"), **changes)
        world.api.broken.clear()
        deaths.arm(at, after=after)
        died = await outlived(world, deaths)
        deaths.disarm()
        await later(world, HOUR)
        assert world.discord.files == expected, at
        await assert_brought(world, task)
        at += 1
    return at


async def outlived(world: EngineWorld, deaths: Deaths) -> bool:
    """Download the late picture and update its message. Return whether the process died."""
    died = False
    world.clock.turn(6 * 60)
    for _ in range(3):
        try:
            await world.engine.late_pictures.step()
            await world.engine.step_outbox()
            world.clock.turn(60)
        except Crash:
            deaths.disarm()
            died = True
            await world.restart()
    return died


async def test_an_edit_whose_answer_is_lost_is_repeated_and_adds_nothing(world: EngineWorld) -> None:
    task = await told_as_a_link(world)
    world.api.broken.clear()
    world.discord.lose_answers = 2
    for _ in range(6):
        await later(world, 10 * 60)
    assert world.discord.files == {1: [0, 1]}
    await assert_brought(world, task)


async def test_a_picture_waits_for_discord_and_is_then_put_into_its_message(world: EngineWorld) -> None:
    task = await told_as_a_link(world)
    world.api.broken.clear()
    world.discord.down = True
    await later(world, HOUR)
    assert (await second_of(world, task)).late_at is not None
    await world.restart()
    world.discord.down = False
    await later(world, HOUR)
    assert world.discord.files == {1: [0, 1]}
    await assert_brought(world, task)


async def test_what_happened_to_a_late_picture_is_in_the_audit_trail(world: EngineWorld) -> None:
    task = await told_as_a_link(world)
    world.api.broken.clear()
    await later(world, HOUR)
    last = (await world.stores.tasks.events(task.id))[-1]
    assert (last.before, last.after, last.why) == (TaskState.CLOSED, TaskState.CLOSED, "picture 2 fetched late")


# -- when downloads are retried ----------------------------------------------------------------------------------------


def test_tries_are_further_and_further_apart() -> None:
    distances = [late_retry_ms(tries) for tries in range(100)]
    assert distances[0] == FIRST_LATE_RETRY.total_seconds() * 1000
    assert distances == sorted(distances)
    assert distances[-1] == LONGEST_LATE_RETRY.total_seconds() * 1000


@pytest.mark.sweep
async def test_an_hour_of_refusals_costs_few_tries_and_two_weeks_not_many(world: EngineWorld) -> None:
    await told_as_a_link(world)
    counts = []
    for hours in (1, 24, 24 * 13):
        world.api.fetched.clear()
        end = world.clock() + hours * 3_600_000
        while world.clock() < end:
            await world.engine.late_pictures.step()
            world.clock.turn(300)
        counts.append(len(world.api.fetched))
    assert counts[0] == 2 * 3, "each try asks for both addresses"
    assert 2 * 8 <= counts[1] <= 2 * 11
    assert counts[2] <= 2 * 8 * 13 + 2


@pytest.mark.parametrize(
    "error",
    [NO, Refused(404, "no"), Refused(410, "no"), Refused(415, "html"), Throttled("429"), Unavailable("503"),
     Unreachable("no connection"), ValueError("no picture")],
    ids=repr,
)  # fmt: skip
@pytest.mark.sampled(every=4)
async def test_a_picture_that_never_comes_is_given_up_when_the_image_api_keeps_it_no_longer(
    world: EngineWorld, error: Exception
) -> None:
    task = await told_as_a_link(world, error=error)
    await later(world, RESULTS_LIVE.total_seconds() - HOUR)
    assert (await second_of(world, task)).due_at is not None
    await later(world, DAY)
    asked = len(world.api.fetched)
    await later(world, DAY)
    await world.restart()
    await later(world, DAY)
    assert len(world.api.fetched) == asked
    assert world.discord.files == {1: [0]}
    assert (await second_of(world, task)).due_at is None
    assert (await world.stores.tasks.events(task.id))[-1].why == "picture 2 given up: expired at the image API"


async def test_a_picture_that_is_too_large_is_fetched_once(world: EngineWorld) -> None:
    task = await told_as_a_link(world, error=ResultTooLarge("64 bytes"))
    await later(world, DAY)
    assert [url for url in world.api.fetched if SECOND in url] == ["https://results.test/kie1/1.png"]
    assert (await second_of(world, task)).due_at is None


async def test_a_picture_of_more_pixels_than_can_be_looked_into_is_fetched_once(world: EngineWorld) -> None:
    world.api.next_fetch = [png(), jpeg_sized(20_000, 20_000)]
    await world.ask(variants=2)
    await world.work(300)
    fetched = len(world.api.fetched)
    assert fetched == 2
    await later(world, DAY)
    assert len(world.api.fetched) == fetched
    assert world.discord.files == {1: [0]}


async def test_a_picture_that_turns_out_too_large_later_is_given_up(world: EngineWorld) -> None:
    task = await told_as_a_link(world)
    world.api.broken[SECOND] = ResultTooLarge("64 bytes")
    world.api.fetched.clear()
    await later(world, HOUR)
    assert world.api.fetched == ["https://results.test/kie1/1.png"], "another address makes it no smaller"
    assert (await second_of(world, task)).due_at is None
    assert (await world.stores.tasks.events(task.id))[-1].why == "picture 2 given up: too large"


@pytest.mark.sweep
async def test_a_host_that_hangs_keeps_no_picture_of_another_waiting(world: EngineWorld) -> None:
    slow = [await told_as_a_link(world) for _ in range(4)]
    task = await told_as_a_link(world)
    last = replace(await second_of(world, task), url="https://another.test/1.png", due_at=world.clock() + 3_600_000)
    await world.stores.pictures.save([last])
    world.api.broken.clear()
    fetch, hang = world.api.fetch, asyncio.Event()

    async def fetched(url: str) -> bytes:
        if "results.test" in url:
            await hang.wait()
        return await fetch(url)

    world.api.fetch = fetched  # type: ignore[method-assign]
    world.clock.turn(HOUR)
    step = asyncio.create_task(world.engine.late_pictures.step())

    async def brought() -> str | None:
        return (await second_of(world, task)).key

    await eventually(brought)
    assert [(await second_of(world, task)).key for task in slow] == [None] * len(slow)
    hang.set()
    await step


async def test_a_restart_tries_all_of_them_soon(world: EngineWorld) -> None:
    task = await told_as_a_link(world)
    for _ in range(8):
        await later(world, 3 * HOUR)
    world.api.broken.clear()
    await world.restart()
    await later(world, 61)
    await assert_brought(world, task)


async def test_a_picture_that_must_wait_for_suspects_of_a_death_loses_no_try(world: EngineWorld) -> None:
    task = await told_as_a_link(world)
    world.clock.turn(HOUR)
    await world.stores.attempts.begin(WorkKind.REPORT, "gone", owner="dead", now=world.clock())
    await world.restart()
    before = await second_of(world, task)
    world.api.broken.clear()
    await world.engine.late_pictures.step()
    assert await second_of(world, task) == before
    await later(world, HELD_MS / 1000)
    await assert_brought(world, task)


async def test_a_picture_of_another_process_is_left_alone(world: EngineWorld) -> None:
    await told_as_a_link(world)
    world.clock.turn(HOUR)
    ((_, due),) = await world.stores.late_pictures.due(now=world.clock(), limit=10)
    assert await world.stores.late_pictures.begin(due, due=world.clock() + 600_000)
    assert not await world.stores.late_pictures.begin(due, due=world.clock() + 600_000)


async def test_a_picture_of_an_outcome_that_is_being_told_is_left_alone(world: EngineWorld) -> None:
    """The process that delivers the outcome has already read the list of pictures."""
    world.discord.closed_routes = {Route.CHANNEL, Route.ORIGINAL, Route.DIRECT}
    world.api.broken[SECOND] = NO
    task = await world.ask(variants=2)
    await world.work(200)
    second, late = await second_of(world, task), world.stores.late_pictures
    world.clock.turn(4 * HOUR)
    assert await late.due(now=world.clock(), limit=10)
    await world.stores.claims.claim("somebody", now=world.clock(), lease_ms=30_000, limit=10)
    assert await late.due(now=world.clock(), limit=10) == ()
    assert not await late.add(replace(second, key="pictures/x/1"), now=world.clock())
    assert await second_of(world, task) == second


async def test_a_picture_that_is_stored_already_causes_no_update_of_its_messages(world: EngineWorld) -> None:
    task = await told_as_a_link(world)
    world.api.broken.clear()
    await later(world, HOUR)
    await assert_brought(world, task)
    assert not await world.stores.late_pictures.add(await second_of(world, task), now=world.clock())
    assert (await world.now(task)).sync_at is None


async def test_a_link_that_cannot_be_had_is_no_defect_and_the_picture_is_tried_on(world: EngineWorld) -> None:
    task = await told_as_a_link(world)
    world.api.next_link = [Unavailable("500"), Refused(422, "record is null")]
    for _ in range(2):
        await later(world, 3 * HOUR)
    assert world.api.next_link == []
    world.api.broken.clear()
    await later(world, 3 * HOUR)
    await assert_brought(world, task)


async def test_ordinary_pictures_do_not_wait_for_late_ones(world: EngineWorld) -> None:
    await told_as_a_link(world)
    world.api.broken = {"kie1/1.png": NO}
    before = world.clock()
    task = await world.ask()
    await world.work(60)
    ended = await world.now(task)
    assert ended.closed_at is not None
    assert ended.settled_at is not None
    assert ended.closed_at - ended.settled_at < 2000
    assert ended.closed_at - before < 40_000


# -- which message gets the picture ------------------------------------------------------------------------------------


async def test_each_missing_picture_of_a_message_is_added_when_it_comes(world: EngineWorld) -> None:
    world.api.broken = {"/0.png": NO, "/2.png": NO, "/3.png": NO}
    task = await world.ask(variants=4)
    await world.work(300)
    for number in (3, 0, 2):
        del world.api.broken[f"/{number}.png"]
        await later(world, 3 * HOUR)
    assert world.discord.files == {1: [1, 3, 0, 2]}
    (part,) = await world.stores.parts.of_task(task.id)
    assert part.pictures == (0, 1, 2, 3)


async def test_a_missing_picture_goes_into_the_first_of_several_messages(world: EngineWorld) -> None:
    world.discord.pictures_per_message = 2
    world.api.broken = {"/3.png": NO}
    task = await world.ask(variants=4)
    await world.work(300)
    world.api.broken.clear()
    await later(world, HOUR)
    assert world.discord.files == {1: [0, 1, 3], 2: [2]}
    assert [part.pictures for part in await world.stores.parts.of_task(task.id)] == [(0, 1, 3), (2,)]


async def test_a_message_in_a_channel_that_is_closed_by_then_is_made_up_for_directly(world: EngineWorld) -> None:
    task = await told_as_a_link(world)
    world.api.broken.clear()
    world.discord.out_of_reach = {Route.CHANNEL}
    for _ in range(3):
        await later(world, HOUR)
    assert world.discord.files == {1: [0], 2: [1]}
    assert [message.route for message in world.discord.sent] == [Route.CHANNEL, Route.DIRECT]
    first, apart = await world.stores.parts.of_task(task.id)
    assert (first.pictures, apart.number, apart.pictures) == ((0,), LATE_PARTS + 1, (1,))
    await world.engine.curation.remove(task.id, the_asker(task))
    await later(world, HOUR)
    assert world.discord.deleted == [1, 2]


async def test_where_direct_messages_are_closed_as_well_the_picture_is_kept_for_the_commands(
    world: EngineWorld,
) -> None:
    task = await told_as_a_link(world)
    world.api.broken.clear()
    world.discord.out_of_reach = {Route.CHANNEL}
    world.discord.closed_routes = {Route.DIRECT}
    await later(world, HOUR)
    await assert_brought(world, task)
    world.discord.closed_routes = set()
    await world.stores.curation.hide(task.id, hidden=True, now=world.clock())
    await later(world, HOUR)
    assert len(world.discord.sent) == 1, "it is not sent days later for another reason"


async def test_a_message_that_somebody_deleted_is_not_made_up_for(world: EngineWorld) -> None:
    task = await told_as_a_link(world)
    world.api.broken.clear()
    world.discord.gone = {1}
    await later(world, HOUR)
    assert len(world.discord.sent) == 1
    await assert_brought(world, task)


async def test_what_was_removed_is_not_fetched(world: EngineWorld) -> None:
    task = await told_as_a_link(world)
    await world.engine.curation.remove(task.id, the_asker(task))
    await later(world, 1)
    asked = len(world.api.fetched)
    await later(world, HOUR)
    assert len(world.api.fetched) == asked
    assert (await second_of(world, task)).due_at is None


async def test_what_is_not_to_be_posted_is_fetched_and_kept(world: EngineWorld) -> None:
    world.api.broken[SECOND] = NO
    task = await world.ask(variants=2)
    await world.work(10)
    await world.engine.requests.withhold(task.id, task.asker_id, withheld=True)
    await world.work(300)
    world.api.broken.clear()
    await later(world, HOUR)
    await assert_brought(world, task)
    assert world.discord.sent == []


async def test_a_kept_outcome_has_the_picture_when_its_asker_comes(world: EngineWorld) -> None:
    world.discord.closed_routes = {Route.CHANNEL, Route.ORIGINAL, Route.DIRECT}
    world.api.broken[SECOND] = NO
    task = await world.ask(variants=2)
    await world.work(300)
    assert (await world.now(task)).undelivered_at is not None
    assert [part.pictures for part in await world.stores.parts.of_task(task.id)] == [(0,)]
    world.api.broken.clear()
    await later(world, HOUR)
    assert (await world.now(task)).state is TaskState.SETTLED
    await world.engine.undelivered.collect(task.id, task.asker_id, "click")
    await world.engine.undelivered.acknowledged(task.id, "click")
    await later(world, 1)
    ((message,),) = world.discord.handed.values()
    assert message.pictures == (0, 1)
    await assert_brought(world, await world.now(task))
    assert world.discord.sent == []


async def test_what_was_collected_with_a_link_is_edited(world: EngineWorld) -> None:
    world.discord.closed_routes = {Route.CHANNEL, Route.ORIGINAL, Route.DIRECT}
    world.api.broken[SECOND] = NO
    task = await world.ask(variants=2)
    await world.work(240)
    await world.engine.undelivered.collect(task.id, task.asker_id, "click")
    await world.engine.undelivered.acknowledged(task.id, "click")
    await world.work(10)
    assert (await world.now(task)).state is TaskState.CLOSED
    world.api.broken.clear()
    await later(world, 10 * 60)
    assert world.discord.files == {1: [1]}, "the stand-in notes what an edit adds"
    await assert_brought(world, task)


async def test_the_message_of_a_batch_shows_it(world: EngineWorld) -> None:
    world.api.broken["kie2/0.png"] = HostNotAllowed("elsewhere.test")
    batch = await begun(world)
    for _ in range(20):
        await world.engine.step()
        world.clock.turn(4)
    found = await world.stores.batches.tasks(batch.id)
    assert all(task.state is TaskState.CLOSED for task in found)
    edits = len(world.discord.batch_edits)
    await later(world, 60)
    assert len(world.discord.batch_edits) == edits
    world.api.broken.clear()
    await later(world, HOUR)
    assert len(world.discord.batch_edits) == edits + 1
    assert len(world.discord.endings) == 1
    pictures = await world.stores.batches.pictures(batch.id)
    assert all(picture.key for (picture,) in pictures.values())


async def test_what_was_posted_once_more_is_edited_as_well(world: EngineWorld) -> None:
    task = await told_as_a_link(world, guild_id=77)
    new = gallery_copy(task, channel_id=500, guild_id=77)
    await world.engine.curation.post_again(new, the_asker(task))
    world.api.broken.clear()
    await later(world, HOUR)
    assert world.discord.files == {1: [0, 1], 1000: [0, 1]}
    assert len(world.discord.reposted) == 1


async def test_a_copy_that_is_lost_before_its_message_has_it_is_fetched_again(world: EngineWorld) -> None:
    task = await told_as_a_link(world)
    world.api.broken.clear()
    redraw, lost = world.discord.redraw, [True]

    async def redrawn(outcome: Any, part: Any) -> None:
        if lost:
            lost.pop()
            await world.picture_store.delete(f"pictures/{task.id}/1")
            await world.picture_store.get(f"pictures/{task.id}/1")
        await redraw(outcome, part)

    world.discord.redraw = redrawn  # type: ignore[method-assign]  # the file is lost, as when a backup is restored
    for _ in range(3):
        await later(world, HOUR)
    assert world.discord.files == {1: [0, 1]}
    await assert_brought(world, task)


async def test_what_is_erased_while_it_is_fetched_leaves_no_file(world: EngineWorld) -> None:
    task = await told_as_a_link(world)
    world.api.broken.clear()
    fetch = world.api.fetch

    async def fetched(url: str) -> bytes:
        await world.engine.erasures.ask(task.asker_id, removes=False, locale="en-US", token="t")
        for _ in range(3):
            await world.engine.erasures.outbox.step()
        return await fetch(url)

    world.api.fetch = fetched  # type: ignore[method-assign]  # the asker erases their data during the download
    await later(world, HOUR)
    assert await world.stores.tasks.get(task.id) is None
    assert await world.picture_store.used_bytes() == 0


def the_asker(task: Task) -> Role:
    return Role(person_id=task.asker_id, guild_id=task.guild_id, moderates=False)
