"""Tests that every log line about a task carries its id, also lines of libraries, and lines about a button the id of
what the button is about."""

from __future__ import annotations

import asyncio
import json
import logging
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest
import structlog
from structlog.testing import capture_logs

from bot.process.logs import configure_logs
from storage.catalogue import WireForm
from storage.community import Setting
from tests.worlds.bot_batches import proposed
from tests.worlds.bot_world import PHOTO, BotWorld, button_ids
from tests.worlds.engine_world import EngineWorld, StandInAPI, open_engine_world

pytestmark = pytest.mark.usefixtures("logs_as_they_were")

library = logging.getLogger("aiohttp.client")


class TalkativeAPI(StandInAPI):
    """An API that logs like a library during its calls, in the event loop and in a thread."""

    async def create(self, request: Any) -> str:
        library.debug("a create of %s", request.request.prompt)
        return await super().create(request)

    async def record(self, job_id: str, form: str = WireForm.FOUR_O) -> Any:
        await asyncio.to_thread(library.debug, "a question from a thread")
        return await super().record(job_id, form)

    async def fetch(self, url: str) -> bytes:
        library.warning("a result")
        raise RuntimeError("a defect")


def lines(captured: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in captured.readouterr().err.splitlines()]


async def lived(world: EngineWorld, *prompts: str) -> dict[str, str]:
    """Ask for each prompt and run the tasks to their end. Return the task ids by prompt."""
    world.api = TalkativeAPI(world.clock, seconds=1)
    await world.restart()
    tasks = {prompt: await world.ask(prompt, asker_id=number) for number, prompt in enumerate(prompts)}
    await world.work(600)
    return {prompt: task.id for prompt, task in tasks.items()}


async def test_every_line_while_a_task_is_pushed_carries_its_id(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with open_engine_world(tmp_path) as world:
        configure_logs("DEBUG", "json")
        ids = await lived(world, "a red door", "a blue door")
    said = [line for line in lines(capsys) if line["logger"] != "asyncio"]
    assert not [line for line in said if "task" not in line]
    by_task = defaultdict[str, set[str]](set)
    for line in said:
        by_task[line["task"]].add(line["event"])
    assert set(by_task) == set(ids.values())
    for prompt, task_id in ids.items():
        expected = {f"a create of {prompt}", "a question from a thread", "a result", "task moved"}
        assert expected <= by_task[task_id]
        assert not [event for event in by_task[task_id] if event.startswith("a create of ") and prompt not in event]
    assert any("unexpected error" in event for events in by_task.values() for event in events)


async def test_a_line_outside_of_any_task_carries_none(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    async with open_engine_world(tmp_path) as world:
        configure_logs("DEBUG", "json")
        await lived(world, "a red door")
        capsys.readouterr()
        structlog.get_logger("bot").info("after them all")
    (line,) = lines(capsys)
    assert "task" not in line


async def test_an_id_is_written_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    async with open_engine_world(tmp_path) as world:
        configure_logs("DEBUG", "console")
        await lived(world, "a red door")
    said = [line for line in capsys.readouterr().err.splitlines() if "task=" in line]
    assert said
    assert not [line for line in said if line.count("task=") > 1]


async def asked_about(world: BotWorld, kind: str) -> tuple[Any, Any]:
    """Return a person, and the message with that person's button about a batch, a set, a style or a repost."""
    person = world.add_moderator() if kind == "style" else world.alice
    match kind:
        case "batch":
            return person, await proposed(world)
        case "set":
            await world.alice.slash(world.channel, "reference save", name="cat", image=PHOTO)
            asked = await world.alice.slash(world.channel, "reference remove", name="cat")
        case "style":
            await person.slash(world.channel, "style add", name="Ink", template="{prompt}, in ink")
            asked = await person.slash(world.channel, "style remove", name="Ink")
        case _:
            gallery = world.guild.create_text_channel("gallery")
            await world.choose(Setting.GALLERY, gallery.id)
            await world.ask()
            await world.work(60)
            await world.alice.select(world.channel.history()[-1], ["gallery"])
            asked = await world.alice.click(gallery.history()[0], label="Remove")
    return person, asked.response


@pytest.mark.parametrize(
    ("kind", "action"),
    [("batch", "batch-drop"), ("set", "set-remove"), ("style", "style-remove"), ("repost", "remove-here")],
)
async def test_a_line_about_a_button_names_what_the_button_is_about(world: BotWorld, kind: str, action: str) -> None:
    person, message = await asked_about(world, kind)
    (custom_id,) = [found for found in button_ids(message) if found.startswith(f"a1:{action}:")]
    world.env.inject_error("POST", "/interactions/*/callback", status=502)
    with capture_logs(processors=[structlog.contextvars.merge_contextvars]) as logs:
        await person.click(message, custom_id=custom_id)
    world.acknowledged = world.env.error_cursor
    (failed,) = [line for line in logs if line["event"].startswith("interaction answer perhaps not delivered")]
    assert failed[kind] == custom_id.rpartition(":")[2]
    assert "task" not in failed
