"""Tests for `/status`: whether pictures can be made now, and how long that takes."""

from __future__ import annotations

from typing import Any

import pytest

from bot.engine.cards.status import ServiceStatus
from bot.errors import AccountRefused, Reason, Unreachable
from bot.texts import texts_in
from bot.ui.asking.status import status_view
from bot.ui.waiting.cards import PAUSED
from tests.worlds.bot_batches import begun
from tests.worlds.bot_world import BotWorld, texts

SINCE = 1_800_000_000_000


def said(status: ServiceStatus, locale: str = "en-US") -> str:
    view = status_view(texts_in(locale), status, "4o")
    return "\n".join(item.content for item in view.walk_children() if hasattr(item, "content"))


async def asked(world: BotWorld) -> Any:
    answer = await world.alice.slash(world.channel, "status")
    assert answer.ephemeral
    return texts(answer.response)


async def test_it_says_that_pictures_can_be_made_and_how_long_one_takes(world: BotWorld) -> None:
    text = await asked(world)
    assert "I can make pictures" in text
    assert "Nothing is waiting in line." in text
    assert "When its turn comes, a picture by 4o Image takes about half a minute." in text


async def test_the_time_follows_what_was_made_last(world: BotWorld) -> None:
    world.api.seconds = 300
    for _ in range(12):
        await world.ask()
    await world.work(400, every=10)
    await world.restart()
    await world.engine.start()
    assert "takes about 5 minutes" in await asked(world)


async def test_the_time_is_that_of_the_model(world: BotWorld) -> None:
    seconds = [(await world.engine.status.now(model, among=())).seconds for model in ("z-image", "4o", "gpt-image")]
    assert seconds == [pytest.approx(usual, rel=0.05) for usual in (10, 40, 55)]


async def test_it_counts_the_requests_of_all_people_that_wait(world: BotWorld) -> None:
    await begun(world)
    await world.bob.slash(world.channel, "imagine", prompt="a blue house")
    assert "5 requests are waiting in line." in await asked(world)
    await world.work()
    assert "Nothing is waiting in line." in await asked(world)


async def test_it_says_why_no_pictures_can_be_made_and_nothing_of_the_operators_balance(world: BotWorld) -> None:
    world.api.balance = 0.125
    world.api.next_create = [AccountRefused(402, "no credits", Reason.ACCOUNT_CREDIT)]
    await world.ask("what fails")
    await world.work(10)
    await world.ask("what waits")
    text = await asked(world)
    assert "I can’t make new pictures at the moment" in text
    assert "My credit with the image service is used up." in text
    assert "1 request is waiting in line." in text
    assert "takes" not in text
    assert "0.12" not in text


async def test_without_the_image_service_it_says_so_and_later_that_all_is_well(world: BotWorld) -> None:
    world.api.next_create = [Unreachable("no connection")] * 30
    await world.ask()
    answers: list[str] = []
    while not any("I can’t reach the image service" in answer for answer in answers):
        assert len(answers) < 30
        await world.work(2, every=2)
        answers.append(await asked(world))
    world.api.next_create.clear()
    await world.work(120)
    assert "I can make pictures" in await asked(world)


@pytest.mark.parametrize("locale", ["en-US", "zh-CN"])
@pytest.mark.parametrize("reason", PAUSED)
def test_each_reason_of_a_pause_has_a_sentence(reason: Reason, locale: str) -> None:
    status = ServiceStatus(paused=reason, waiting=2, seconds=40)
    assert texts_in(locale)(PAUSED[reason]) in said(status, locale)


def test_a_pause_for_another_reason_is_said_without_one() -> None:
    assert said(ServiceStatus(paused=Reason.ACCOUNT_QUOTA, waiting=1, seconds=40)).splitlines() == [
        "### I can’t make new pictures at the moment",
        "Requests keep their places and continue by themselves.",
        "1 request is waiting in line.",
    ]


def test_a_model_with_trouble_is_named_with_the_time_since_when() -> None:
    status = ServiceStatus(paused=None, waiting=0, seconds=40, trouble={"gpt-image": SINCE, "gone": SINCE})
    assert f"trouble with GPT Image 2.5 Flare since <t:{SINCE // 1000}:t>." in said(status)
    assert "trouble with gone since" in said(status)
    assert f"从 <t:{SINCE // 1000}:t> 起" in said(status, "zh-CN")


async def test_only_models_that_can_be_chosen_here_are_asked_about(world: BotWorld) -> None:
    since = {"qwen": SINCE, "grok": SINCE}
    world.engine.status._trouble = since.get
    status = await world.engine.status.now("4o", among=["4o", "qwen"])
    assert status.trouble == {"qwen": SINCE}
    assert "Qwen Image 2.1" in await asked(world)


async def test_the_answer_is_in_the_persons_language(world: BotWorld) -> None:
    world.locales[world.alice.id] = "zh-CN"
    text = await asked(world)
    assert "现在可以画图" in text
    assert "用 4o Image 画一张图要半分钟左右" in text
