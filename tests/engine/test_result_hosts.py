"""Tests for the operator messages about the hosts that serve results."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from bot.engine.availability.alerts import SUBJECTS_A_DAY
from bot.engine.availability.result_hosts import REFUSED_IN_A_ROW, host_of
from bot.error_replies import explain_to_operator
from bot.errors import HostNotAllowed, Reason, Refused
from bot.imaging.processes import WorkerProcesses
from bot.texts import texts_in
from storage.catalogue import WireForm
from storage.models import Task
from tests.worlds import engine_world
from tests.worlds.engine_world import EngineWorld

NO = Refused(403, "to a result")
HOST = "results.test"


async def asked(world: EngineWorld, *, times: int = 1) -> None:
    for _ in range(times):
        await world.ask()
        await world.work(300)


@pytest.mark.sweep
async def test_a_host_that_refuses_three_results_in_a_row_is_told_once(world: EngineWorld) -> None:
    world.api.broken[HOST] = NO
    await asked(world, times=REFUSED_IN_A_ROW - 1)
    assert world.discord.told_operator == []
    await asked(world, times=3)
    await world.restart()
    await asked(world, times=REFUSED_IN_A_ROW)
    assert (world.discord.told_operator, world.discord.told_hosts) == ([Reason.RESULT_HOST_REFUSES], [HOST])


@pytest.mark.sweep
async def test_a_host_that_works_again_may_be_told_again(world: EngineWorld) -> None:
    for _ in range(2):
        world.api.broken[HOST] = NO
        await asked(world, times=REFUSED_IN_A_ROW + 1)
        world.api.broken.clear()
        await world.restart()
        await asked(world)
    assert world.discord.told_operator == [Reason.RESULT_HOST_REFUSES] * 2


@pytest.mark.sweep
async def test_a_result_between_them_begins_the_count_anew(world: EngineWorld) -> None:
    for _ in range(3):
        world.api.broken[HOST] = NO
        await asked(world, times=REFUSED_IN_A_ROW - 1)
        world.api.broken.clear()
        for _ in range(2):
            world.clock.turn(3600)
            await world.engine.step()
    assert world.discord.told_operator == []


async def test_a_host_to_which_a_direct_link_leads_is_told_if_it_is_not_allowed(world: EngineWorld) -> None:
    world.api.broken = {"link-of": HostNotAllowed("elsewhere.test"), HOST: NO}
    await asked(world)
    assert world.discord.told_operator == [Reason.RESULT_HOST_NOT_ALLOWED]
    assert world.discord.told_hosts == ["elsewhere.test"]


async def test_one_result_that_is_refused_again_and_again_says_nothing_of_its_host(world: EngineWorld) -> None:
    world.api.broken[HOST] = NO
    await asked(world)
    for _ in range(20):
        world.clock.turn(3 * 3600)
        await world.engine.step()
    assert world.discord.told_operator == []


async def test_results_that_another_address_gives_are_refused_all_the_same(world: EngineWorld) -> None:
    world.api.broken["/0.png"] = NO
    link = world.api.direct_link

    async def another(job_id: str, url: str, form: str = WireForm.FOUR_O) -> str:
        return (await link(job_id, url, form)).replace("0.png", "another")

    world.api.direct_link = another  # type: ignore[method-assign]  # this address works
    tasks = [await told(world) for _ in range(REFUSED_IN_A_ROW)]
    assert all([(await world.stores.pictures.of_task(task.id))[0].key for task in tasks])
    assert world.discord.told_operator == [Reason.RESULT_HOST_REFUSES]


async def told(world: EngineWorld) -> Task:
    task = await world.ask()
    await world.work(300)
    return task


@pytest.mark.sweep
async def test_a_store_of_ours_that_takes_nothing_is_no_fault_of_the_host(
    world: EngineWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def put(key: str, data: bytes) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr(world.picture_store, "put", put)
    await asked(world, times=REFUSED_IN_A_ROW)
    assert world.discord.told_operator == []
    assert not [url for url in world.api.fetched if "link-of" in url]


async def test_a_machine_that_starts_no_process_for_pictures_is_no_fault_of_the_host(
    world: EngineWorld, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(engine_world, "WorkerThreads", WorkerProcesses)
    monkeypatch.setattr(sys, "executable", str(tmp_path / "nothing"))
    await world.restart()
    await asked(world, times=REFUSED_IN_A_ROW)
    assert world.api.fetched
    assert world.discord.told_operator == []
    assert not [url for url in world.api.fetched if "link-of" in url]


async def test_a_host_that_gives_something_else_than_pictures_is_told(world: EngineWorld) -> None:
    world.api.next_fetch = [b"<html>"] * 100
    await asked(world, times=REFUSED_IN_A_ROW)
    assert world.discord.told_operator == [Reason.RESULT_HOST_REFUSES]


async def test_a_host_that_is_not_allowed_is_told_once_and_the_picture_comes_when_it_is(world: EngineWorld) -> None:
    world.api.broken[HOST] = HostNotAllowed("pictures.example")
    task = await told(world)
    await world.restart()
    await asked(world, times=2)
    assert world.discord.told_operator == [Reason.RESULT_HOST_NOT_ALLOWED]
    assert world.discord.told_hosts == ["pictures.example"]
    world.api.broken.clear()
    await world.restart()
    world.clock.turn(61)
    await world.engine.step()
    assert (await world.stores.pictures.of_task(task.id))[0].key is not None
    assert world.discord.files[1] == [0]


async def test_an_untold_operator_is_told_when_there_is_cause_again(world: EngineWorld) -> None:
    world.api.broken[HOST] = HostNotAllowed("pictures.example")
    await asked(world)
    (task,) = [message.task_id for message in world.discord.sent]
    assert task
    await world.stores.key_values.set("operator_told", None)
    world.discord.told_operator.clear()
    world.discord.down = True
    world.clock.turn(3600)
    await world.engine.step()
    assert world.discord.told_operator == []
    world.discord.down = False
    world.clock.turn(3 * 3600)
    await world.engine.step()
    assert world.discord.told_operator == [Reason.RESULT_HOST_NOT_ALLOWED]


async def test_an_alert_that_could_not_be_sent_is_sent_within_the_hour_without_another_cause(
    world: EngineWorld,
) -> None:
    world.discord.down = True
    world.engine._alerts.note(Reason.RESULT_HOST_NOT_ALLOWED, "pictures.example", host="pictures.example")
    with capture_logs() as logged:
        for _ in range(3):
            await world.engine.step()
            world.clock.turn(5)
    assert len([entry for entry in logged if entry["event"].startswith("operator alert not sent")]) == 1
    world.discord.down = False
    world.clock.turn(3600)
    await world.engine.step()
    await world.engine.step()
    assert world.discord.told_hosts == ["pictures.example"]


@pytest.mark.parametrize("restarts", [False, True])
async def test_a_host_that_fails_and_works_in_turn_does_not_fill_the_operators_channel(
    world: EngineWorld, restarts: bool
) -> None:
    for _ in range(3 * SUBJECTS_A_DAY):
        await noted(world, "pictures.example")
        await world.engine._alerts.forget(Reason.RESULT_HOST_NOT_ALLOWED, "pictures.example")
        if restarts:
            await world.restart()
    assert world.discord.told_hosts == ["pictures.example"] * SUBJECTS_A_DAY
    await noted(world, "another.example", Reason.RESULT_HOST_REFUSES)
    assert world.discord.told_hosts[-1] == "another.example"
    world.clock.turn(25 * 3600)
    await noted(world, "pictures.example")
    assert world.discord.told_hosts[-1] == "pictures.example"


async def noted(world: EngineWorld, host: str, reason: Reason = Reason.RESULT_HOST_NOT_ALLOWED) -> None:
    world.engine._alerts.note(reason, host, host=host)
    await world.engine.step()


@pytest.mark.sweep
async def test_whoever_names_many_hosts_does_not_fill_the_operators_channel(world: EngineWorld) -> None:
    for number in range(3 * SUBJECTS_A_DAY):
        world.api.broken[HOST] = HostNotAllowed(f"host{number}.example")
        await asked(world)
    assert len(world.discord.told_operator) == SUBJECTS_A_DAY
    world.clock.turn(25 * 3600)
    world.api.broken[HOST] = HostNotAllowed("another.example")
    await asked(world)
    assert world.discord.told_hosts[-1] == "another.example"


@pytest.mark.parametrize(
    ("address", "host"),
    [
        ("https://files.test/a.png?sign=secret", "files.test"),
        ("https://user:secret@files.test:8443/a.png", "files.test"),
        ("https://fi`les.test/a.png", "files.test"),
        ("https://[::1]/a.png", "::1"),
        ("https://[/a.png", "?"),
        ("a.png", "?"),
    ],
)
def test_nothing_but_a_host_is_shown_of_an_address(address: str, host: str) -> None:
    assert host_of(address) == host


@pytest.mark.parametrize("language", ["en-US", "zh-CN"])
def test_the_operator_reads_the_host_and_the_setting(language: str) -> None:
    sentence = explain_to_operator(Reason.RESULT_HOST_NOT_ALLOWED, {"host": "files.test"}, texts_in(language))
    assert "`files.test`" in sentence
    assert "`KIE_RESULT_HOSTS`" in sentence
    sentence = explain_to_operator(Reason.RESULT_HOST_REFUSES, {"host": "files.test", "results": 3}, texts_in(language))
    assert "`files.test`" in sentence
    assert "3" in sentence
