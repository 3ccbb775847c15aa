"""Tests for the rows of reposts, hidden or removed messages and reports, on each supported database."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from storage.community import NewRepost, Report, ReportState, Repost, RepostKind
from storage.models import Task, TaskState
from storage.stores import Stores
from tests.storage.rows import BACKENDS, NOW, opened_stores, stored

GUILD = 5


@pytest.fixture(params=BACKENDS)
async def stores(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Stores]:
    async with opened_stores(request.param, tmp_path) as opened:
        yield opened


async def over(stores: Stores, **changes: int | bool) -> Task:
    """Store a closed task whose pictures are delivered."""
    task = await stored(stores, guild_id=GUILD, **changes)
    settled = await stores.tasks.settle(task, now=NOW, why="x", reason=None, urls=["https://r.test/1.png"])
    return await stores.tasks.move(settled, TaskState.CLOSED, now=NOW, why="delivered", closed_at=NOW)


def new(task: Task, once: str = "gallery", kind: RepostKind = RepostKind.GALLERY, guild_id: int = GUILD) -> NewRepost:
    return NewRepost(
        task_id=task.id,
        kind=kind,
        once=f"{once}:{task.id}",
        channel_id=1,
        guild_id=guild_id,
        locale="en-US",
        upload_limit=1,
        asked_by=7,
    )


async def posted(stores: Stores, task: Task, once: str = "gallery", guild_id: int = GUILD) -> Repost:
    repost, _ = await stores.reposts.add(new(task, once, guild_id=guild_id), now=NOW)
    await stores.reposts.posted(repost, message_id=sum(map(ord, once)), now=NOW)
    return next(found for found in await stores.reposts.of_task(task.id) if found.id == repost.id)


# -- reposts -----------------------------------------------------------------------------------------------------------


async def test_the_same_once_is_the_same_posting_however_many_ask_at_a_time(stores: Stores) -> None:
    task = await over(stores)
    asked = await asyncio.gather(*[stores.reposts.add(new(task), now=NOW) for _ in range(5)])
    assert len({repost.id for repost, _ in asked}) == 1
    assert [is_new for _, is_new in asked].count(True) == 1


async def test_one_of_several_begins_a_posting_and_it_is_due_again_after_a_while(stores: Stores) -> None:
    repost, _ = await stores.reposts.add(new(await over(stores)), now=NOW)
    began = await asyncio.gather(*[stores.reposts.outbox.claim(repost, now=NOW, until=NOW + 100) for _ in range(3)])
    assert began.count(None) == 2
    assert await stores.reposts.outbox.due(now=NOW + 99, limit=10) == ()
    (due,) = await stores.reposts.outbox.due(now=NOW + 100, limit=10)
    assert due.attempted_at == NOW
    assert await stores.reposts.outbox.claim(due, now=NOW + 500, until=NOW + 900)
    assert (await stores.reposts.of_task(repost.task_id))[0].attempted_at == NOW


async def test_what_is_published_is_private_no_more_and_a_copy_changes_nothing(stores: Stores) -> None:
    task = await over(stores, private=True)
    await posted(stores, task)
    assert (await _now(stores, task)).private
    repost, _ = await stores.reposts.add(new(task, "published", RepostKind.PUBLISHED), now=NOW)
    await stores.reposts.posted(repost, message_id=5, now=NOW)
    assert not (await _now(stores, task)).private


@pytest.mark.parametrize("alone", [False, True])
async def test_what_was_removed_before_it_stood_is_looked_after_once_it_does(stores: Stores, *, alone: bool) -> None:
    task = await over(stores)
    repost, _ = await stores.reposts.add(new(task), now=NOW)
    assert await stores.reposts.outbox.claim(repost, now=NOW, until=NOW + 100)
    if alone:
        await stores.curation.remove_repost(repost, now=NOW)
    else:
        await stores.curation.remove(task.id, by=7, now=NOW)
    await stores.curation.outbox.finish(await _now(stores, task))
    assert (await _now(stores, task)).sync_at is None
    await stores.reposts.posted(repost, message_id=5, now=NOW + 1)
    assert (await _now(stores, task)).sync_at == NOW + 1


async def test_this_message_alone_is_removed_and_no_longer_due(stores: Stores) -> None:
    task = await over(stores)
    repost, _ = await stores.reposts.add(new(task), now=NOW)
    other, _ = await stores.reposts.add(new(task, "other"), now=NOW)
    await stores.curation.remove_repost(repost, now=NOW)
    assert [repost.id for repost in await stores.reposts.outbox.due(now=NOW, limit=10)] == [other.id]
    assert not await stores.reposts.outbox.claim(repost, now=NOW, until=NOW + 1)
    assert (await _now(stores, task)).sync_at == NOW


async def test_a_deleted_original_takes_the_copies_in_galleries_and_nothing_else(stores: Stores) -> None:
    task = await over(stores)
    copy = await posted(stores, task)
    shown = await posted(stores, task, "shown")
    shown, _ = await stores.reposts.add(new(task, "shown again", RepostKind.SHOWN), now=NOW)
    await stores.curation.remove_gallery_reposts(task.id, now=NOW)
    removed = {repost.id for repost in await stores.reposts.of_task(task.id) if repost.removed_at is not None}
    assert copy.id in removed
    assert shown.id not in removed


async def test_a_server_curates_what_it_has_and_no_other(stores: Stores) -> None:
    task = await over(stores)
    here, there = await posted(stores, task), await posted(stores, task, "there", guild_id=6)
    await stores.curation.curate_in(task.id, GUILD, now=NOW, hidden_at=NOW)
    assert [repost.hidden_at for repost in await stores.reposts.of_task(task.id)] == [
        NOW if repost_id == here.id else None for repost_id in sorted((here.id, there.id))
    ]


async def test_it_is_found_by_its_message(stores: Stores) -> None:
    repost = await posted(stores, await over(stores))
    assert repost.message_id is not None
    assert await stores.reposts.in_message(repost.message_id) == repost
    assert await stores.reposts.in_message(1) is None
    found = await stores.search.task_of_message(repost.message_id)
    assert found is not None
    assert found.id == repost.task_id


# -- hiding and removing -----------------------------------------------------------------------------------------------


async def test_a_moderators_removal_outlasts_the_askers_and_not_the_other_way_round(stores: Stores) -> None:
    task = await over(stores)
    for by, stands in ((7, 7), (99, 99), (7, 99)):
        removed = await stores.curation.remove(task.id, by=by, now=NOW + by)
        assert removed is not None
        assert (removed.removed_by, removed.removed_at) == (stands, NOW + 7)


async def test_upkeep_is_taken_by_one_and_what_changes_meanwhile_keeps_it_due(stores: Stores) -> None:
    task = await over(stores)
    await stores.curation.hide(task.id, hidden=True, now=NOW)
    (due,) = await stores.curation.outbox.due(now=NOW, limit=10)
    claims = [stores.curation.outbox.claim(due, now=NOW, until=NOW + 100) for _ in range(3)]
    (held,) = [claimed for claimed in await asyncio.gather(*claims) if claimed is not None]
    await stores.curation.hide(task.id, hidden=False, now=NOW + 5)
    await stores.curation.outbox.finish(held)
    assert [task.id for task in await stores.curation.outbox.due(now=NOW + 5, limit=10)] == [task.id]


async def test_messages_of_what_is_still_being_made_wait(stores: Stores) -> None:
    task = await stored(stores, guild_id=GUILD)
    await stores.curation.remove(task.id, by=7, now=NOW)
    assert await stores.curation.outbox.due(now=NOW, limit=10) == ()


# -- reports -----------------------------------------------------------------------------------------------------------


def word(by: int, at: int = NOW) -> Report:
    return Report(reporter_id=by, at=at, why="it hurts")


async def test_everybody_reports_once_and_the_first_place_stays(stores: Stores) -> None:
    task = await over(stores)
    for by, seen in ((1, (10, 11)), (2, (20, 21)), (1, (30, 31))):
        _, is_new = await stores.reports.report(task.id, GUILD, word(by, NOW + by), locale="en-US", seen=seen)
        assert is_new is (seen != (30, 31))
    report_case = await stores.reports.get(task.id, GUILD)
    assert report_case is not None
    assert (report_case.seen_channel_id, report_case.seen_message_id, report_case.opened_at) == (10, 11, NOW + 1)
    assert [report.reporter_id for report in await stores.reports.words(report_case)] == [1, 2]


async def test_of_two_decisions_the_first_stands(stores: Stores) -> None:
    task = await over(stores)
    report_case, _ = await stores.reports.report(task.id, GUILD, word(1), locale="en-US", seen=(1, 1))
    decided = await asyncio.gather(
        stores.reports.decide(report_case, ReportState.REMOVED, by=8, now=NOW),
        stores.reports.decide(report_case, ReportState.DISMISSED, by=9, now=NOW),
    )
    assert decided.count(True) == 1
    _, is_new = await stores.reports.report(task.id, GUILD, word(2), locale="en-US", seen=(1, 1))
    assert not is_new


async def test_what_comes_while_the_moderators_are_told_keeps_it_due(stores: Stores) -> None:
    task = await over(stores)
    await stores.reports.report(task.id, GUILD, word(1), locale="en-US", seen=(1, 1))
    (due,) = await stores.reports.outbox.due(now=NOW, limit=10)
    claimed = await stores.reports.outbox.claim(due, now=NOW, until=NOW + 100)
    assert claimed is not None
    assert await stores.reports.outbox.claim(due, now=NOW, until=NOW + 100) is None
    await stores.reports.report(task.id, GUILD, word(2, NOW + 5), locale="en-US", seen=(1, 1))
    await stores.reports.posted(claimed, channel_id=3, message_id=4)
    await stores.reports.outbox.finish(claimed)
    (again,) = await stores.reports.outbox.due(now=NOW + 5, limit=10)
    assert (again.channel_id, again.message_id) == (3, 4)
    claimed = await stores.reports.outbox.claim(again, now=NOW + 5, until=NOW + 200)
    assert claimed is not None
    await stores.reports.outbox.finish(claimed)
    assert await stores.reports.outbox.due(now=NOW + 1000, limit=10) == ()


async def test_servers_report_apart(stores: Stores) -> None:
    task = await over(stores)
    for guild_id in (GUILD, 6):
        await stores.reports.report(task.id, guild_id, word(1), locale="en-US", seen=(1, 1))
    here = await stores.reports.get(task.id, GUILD)
    assert here is not None
    assert await stores.reports.decide(here, ReportState.DISMISSED, by=8, now=NOW)
    there = await stores.reports.get(task.id, 6)
    assert there is not None
    assert there.state is ReportState.OPEN


async def _now(stores: Stores, task: Task) -> Task:
    found = await stores.tasks.get(task.id)
    assert found is not None
    return found
