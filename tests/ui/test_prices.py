"""The model, the look and the price of a request on cards, results, batches and lists, and in the export."""

from __future__ import annotations

import math
from typing import Any

import pytest
import sqlalchemy as sa

from bot.engine.ports import Card, CardPhase, Outcome
from bot.errors import Reason, Refused
from bot.texts import texts_in
from bot.ui.kit.request_facts import cost, look_of, price, total_cost
from bot.ui.results.outcomes import failure_view, pictures_view
from bot.ui.waiting.cards import card_view
from storage.models import Task
from storage.schema import tasks as rows
from tests.worlds.bot_batches import begun, posted
from tests.worlds.bot_world import BotWorld, a_part, a_picture, a_task, failed, texts
from tests.worlds.new_tasks import new_task

SAY = texts_in("en-US")
WIDE: dict[str, Any] = {"model": "gpt-image", "size": "21:9", "resolution": "4K", "estimated_credits": 16.0}
FOUR: dict[str, Any] = {"variants": 4, "creates_wanted": 4, "estimated_credits": 16.0, "charged": True}


def said(view: Any) -> str:
    return "\n".join(item.content for item in view.walk_children() if hasattr(item, "content"))


def small_print(view: Any) -> str:
    """Return the line that begins with the asker."""
    (line,) = [line for line in said(view).splitlines() if line.startswith("-# for <@7>")]
    return line


def result_of(task: Task, pictures: int = 1) -> Outcome:
    return Outcome(task=task, references=(), pictures=tuple(a_picture(at, key="k") for at in range(pictures)))


async def asked_for(world: BotWorld, prompt: str = "a red door", **changes: Any) -> Task:
    """Store a request of Alice in the channel, as a command with all options would."""
    origin: dict[str, Any] = {
        "interaction_id": 77,
        "interaction_token": "token",
        "arrived_at": world.clock(),
        "asker_id": world.alice.id,
        "channel_id": world.channel.id,
        "guild_id": world.guild.id,
    }
    return (await world.engine.requests.accept(new_task(**origin, prompt=prompt, **changes))).task


async def tell_price(world: BotWorld, task: Task, consumed: float) -> None:
    """Store what the image API says that the task cost."""
    async with world.database.write() as connection:
        await connection.execute(sa.update(rows).where(rows.c.id == task.id).values(consumed_credits=consumed))


# -- numbers -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("amount", "english", "chinese"),
    [
        (0.8, "0.8 credits", "0.8 积分"),
        (1.0, "1 credit", "1 积分"),
        (3.24, "3.24 credits", "3.24 积分"),
        (6.0, "6 credits", "6 积分"),
        (14, "14 credits", "14 积分"),
        (0.1 + 0.2, "0.3 credits", "0.3 积分"),
        (1234.5, "1234.5 credits", "1234.5 积分"),
    ],
)
def test_a_price_is_written_as_people_write_numbers(amount: float, english: str, chinese: str) -> None:
    assert (price(SAY, amount), price(texts_in("zh-CN"), amount)) == (english, chinese)


# -- what was chosen ---------------------------------------------------------------------------------------------------


def test_the_default_model_is_named_too() -> None:
    assert look_of(SAY, a_task()) == ["4o Image", "square (1:1)"]


def test_another_model_is_named_with_all_that_was_chosen() -> None:
    facts = look_of(SAY, a_task(**WIDE, background="transparent"))
    assert facts[0] == "GPT Image 2.5 Flare"
    assert facts[2:] == ["4K", "transparent background"]
    assert "21:9" in facts[1]


def test_a_model_that_no_longer_exists_is_named_by_its_key() -> None:
    assert look_of(SAY, a_task(model="gone", background="blue"))[::2] == ["gone", "blue"]


# -- cards -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("phase", [CardPhase.PREPARING, CardPhase.QUEUED])
def test_the_card_says_the_price_as_long_as_cancelling_saves_it(phase: CardPhase) -> None:
    line = small_print(card_view(Card(task=a_task(estimated_credits=6.0), phase=phase)))
    assert line == "-# for <@7> · 4o Image · square (1:1) · 6 credits"


@pytest.mark.parametrize("phase", [CardPhase.GENERATING, CardPhase.DELIVERING, CardPhase.CANCELLED])
def test_later_the_card_says_no_price(phase: CardPhase) -> None:
    assert "credit" not in said(card_view(Card(task=a_task(estimated_credits=6.0), phase=phase)))


def test_a_request_from_before_there_were_prices_has_none() -> None:
    assert "credit" not in said(card_view(Card(task=a_task(), phase=CardPhase.QUEUED)))


# -- results -----------------------------------------------------------------------------------------------------------


def test_a_result_names_its_model_and_its_price() -> None:
    task = a_task(**WIDE, consumed_credits=15.0, charged=True)
    line = small_print(pictures_view(result_of(task), a_part(), [], []))
    assert "GPT Image 2.5 Flare" in line
    assert " · 4K · 15 credits · took" in line


def test_a_price_that_the_service_did_not_tell_is_an_estimate() -> None:
    task = a_task(estimated_credits=6.0, charged=True)
    assert " · about 6 credits · " in small_print(pictures_view(result_of(task), a_part(), [], []))


@pytest.mark.parametrize("nonsense", [math.nan, math.inf, -math.inf, -1.0, 1e300])
def test_a_price_that_is_nonsense_is_not_believed(nonsense: float) -> None:
    task = a_task(estimated_credits=6.0, consumed_credits=nonsense, charged=True)
    assert cost(SAY, task, 1) == ["about 6 credits"]
    assert total_cost(SAY, [(task, 1)]) == ["about 6 credits in all"]


def test_pictures_that_failed_are_not_in_the_estimate() -> None:
    assert cost(SAY, a_task(**FOUR), 4) == ["about 16 credits"]
    assert cost(SAY, a_task(**FOUR), 3) == ["about 12 credits"]
    assert cost(SAY, a_task(**(FOUR | {"creates_wanted": 1})), 3) == ["about 16 credits"]


def test_a_failure_that_cost_nothing_has_no_price() -> None:
    outcome = failed(Reason.POLICY, estimated_credits=6.0, charged=False)
    assert "credit" not in said(failure_view(outcome, a_part()))


def test_a_failure_names_the_model_and_what_was_chosen() -> None:
    line = small_print(failure_view(failed(Reason.GENERATION_FAILED, **WIDE), a_part()))
    assert "GPT Image 2.5 Flare" in line
    assert line.endswith("(21:9) · 4K")


@pytest.mark.parametrize("reason", [Reason.UNCONFIRMED, Reason.LOST, Reason.NO_PICTURES])
def test_a_failure_that_may_have_been_paid_says_what_it_may_have_cost(reason: Reason) -> None:
    outcome = failed(reason, estimated_credits=6.0, charged=True)
    line = small_print(failure_view(outcome, a_part()))
    assert line == "-# for <@7> · 4o Image · square (1:1) · may have cost 6 credits"


async def test_model_look_and_price_stay_from_the_request_to_the_result_and_its_lookup(world: BotWorld) -> None:
    task = await asked_for(world, model="nano-banana-pro", size="21:9", resolution="4K")
    await world.work()
    await tell_price(world, task, 23.5)
    (message,) = world.channel.history()
    assert "Nano Banana Pro" in texts(message)
    assert " · 4K · about 24 credits · " in texts(message)
    shown = await world.alice.slash(world.channel, "show", what=task.id)
    assert " · 4K · 23.5 credits · " in texts(shown.response)
    listed = await world.alice.slash(world.channel, "tasks")
    assert "Nano Banana Pro" in texts(listed.response)
    assert "23.5 credits" in texts(listed.response)


# -- batches -----------------------------------------------------------------------------------------------------------


async def test_a_batch_says_what_all_its_requests_cost_without_those_that_cost_nothing(world: BotWorld) -> None:
    world.api.next_create = [Refused(400, "no", Reason.POLICY)]
    await begun(world, variants=2)
    await world.work(10)
    assert "about 21 credits in all" in texts(posted(world)[0])
    await world.work(60)
    message, ending = posted(world)
    assert "3 of 4 done" in texts(message)
    assert "about 21 credits in all" in texts(message)
    assert "credit" not in texts(ending)


async def test_a_batch_that_was_cancelled_has_no_price(world: BotWorld) -> None:
    world.api.next_create = [Refused(400, "no", Reason.POLICY)] * 4
    await begun(world)
    await world.work(60)
    assert "credit" not in texts(posted(world)[0])


def test_the_sum_is_exact_only_if_each_price_was_told() -> None:
    told, untold = (a_task(estimated_credits=6.0, charged=True, **more) for more in ({"consumed_credits": 5.5}, {}))
    assert total_cost(SAY, [(told, 1), (told, 1)]) == ["11 credits in all"]
    assert total_cost(SAY, [(told, 1), (untold, 1)]) == ["about 11.5 credits in all"]
    assert total_cost(SAY, [(told, 1), (untold, 0)]) == ["about 11.5 credits in all"]
    assert total_cost(SAY, []) == []


# -- the person's own data ---------------------------------------------------------------------------------------------


async def test_the_export_has_the_model_the_look_and_the_price(world: BotWorld) -> None:
    await asked_for(world, model="gpt-image", size="21:9", resolution="1K", background="transparent")
    (row,) = (await world.stores.people.rows(world.alice.id))["tasks"]
    chosen = {name: row[name] for name in ("model", "size", "resolution", "background", "estimated_credits")}
    assert chosen == {
        "model": "gpt-image",
        "size": "21:9",
        "resolution": "1K",
        "background": "transparent",
        "estimated_credits": 6.0,
    }
    assert row["consumed_credits"] is None
