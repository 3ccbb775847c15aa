"""Batches (one prompt, several tasks): the confirmation question, the shared message, and one mention at the end."""

from __future__ import annotations

from pathlib import Path

import pytest
from structlog.testing import capture_logs

from bot.errors import Reason, Refused
from storage.community import Setting
from storage.models import Limits, TaskState
from tests.worlds.bot_batches import DOORS, MADE, answer, begun, choose, posted, proposed, stored, tasks_of
from tests.worlds.bot_world import PHOTO, BotWorld, alt_texts, open_bot_world, texts


async def test_it_is_asked_first_what_that_makes_and_costs(world: BotWorld) -> None:
    question = await proposed(world, variants=2)
    told = texts(question)
    assert "Make 4 requests from this?" in told
    assert "8 pictures by 4o Image · 28 credits in all" in told
    for words in MADE:
        assert words in told
    await world.work(10)
    assert await tasks_of(world) == []
    assert posted(world) == []


async def test_what_is_left_of_the_day_is_said(tmp_path: Path) -> None:
    limits = Limits(open_tasks_per_user=0, pictures_per_user_per_day=50, pictures_per_day=0)
    async with open_bot_world(tmp_path, limits=limits) as world:
        await world.ask(variants=2)
        assert "You have 48 pictures left, of 50 in 24 hours." in texts(await proposed(world))


async def test_one_task_is_made_of_each_and_all_are_shown_in_one_message(world: BotWorld) -> None:
    await begun(world)
    assert [(task.prompt, task.batch_position) for task in await tasks_of(world)] == list(
        zip(MADE, range(4), strict=True)
    )
    await world.work(10)
    (message,) = posted(world)
    assert "0 of 4 done" in texts(message)
    assert "being made" in texts(message)
    await world.work(60)
    message, ending = posted(world)
    assert "4 of 4 done" in texts(message)
    assert len(message.attachments) == 4
    assert alt_texts(message) == [f"Picture {n}: {words}" for n, words in enumerate(MADE, start=1)]
    assert "picture 4 below" in texts(message)
    assert f"<@{world.alice.id}> Your 4 pictures are ready" in texts(ending)
    assert [world.pinged(posted) for posted in (message, ending)] == [[], [world.alice.id]]
    assert {task.state for task in await tasks_of(world)} == {TaskState.CLOSED}
    await world.work(60)
    assert len(posted(world)) == 2


async def test_a_picture_is_shown_as_soon_as_it_is_there_and_its_line_says_which_it_is(world: BotWorld) -> None:
    world.api.next_create = [Refused(400, "no", Reason.POLICY)]
    await begun(world)
    await world.work(60)
    message, ending = posted(world)
    assert "3 of 4 done · 1 didn’t work" in texts(message)
    lines = [line for line in texts(message).splitlines() if line.startswith("**")]
    assert "no picture: The image service doesn’t allow this request." in lines[0]
    assert lines[1].endswith("picture 1 below")
    assert alt_texts(message)[0] == "Picture 2: red door in ink"
    assert "3 of 4 pictures are ready, and the rest didn’t work" in texts(ending)
    assert "\n-# The rest cost nothing." in texts(ending)


async def test_pictures_that_failed_within_a_request_are_told_with_what_they_cost(world: BotWorld) -> None:
    fine = None
    world.api.next_create = [fine, fine, fine, Refused(400, "no", Reason.POLICY)]
    await begun(world, "{red, green} door", model="grok", variants=2)
    await world.work(120)
    message, ending = posted(world)
    lines = [line for line in texts(message).splitlines() if line.startswith("**")]
    why = "1 of 2 pictures came. The image service didn’t allow one of them, which cost nothing."
    assert sorted(why in line for line in lines) == [False, True]
    assert "3 of 4 pictures are ready, and the rest didn’t work" in texts(ending)
    assert "\n-# The rest cost nothing." in texts(ending)


async def test_a_question_that_cannot_be_deleted_is_no_reason_to_make_less(world: BotWorld) -> None:
    question = await proposed(world)
    world.env.inject_error("DELETE", "/webhooks/*", status=503, times=None)
    with capture_logs() as logged:
        answered = await world.alice.click(question, label="Send as typed")
    world.acknowledged = world.env.error_cursor
    assert [entry["log_level"] for entry in logged if "question about a batch not deleted" in entry["event"]] == [
        "info"
    ]
    assert "Something went wrong" not in str(answered.response)
    assert (await world.only_task()).prompt == DOORS


async def test_of_a_large_batch_the_question_lists_the_first_ten(world: BotWorld) -> None:
    await choose(world, Setting.GREATEST_BATCH, 20)
    colours = [f"colour {number}" for number in range(12)]
    said = texts(await proposed(world, f"a door in {{{', '.join(colours)}}}"))
    assert "10. \u2068a door in colour 9\u2069" in said
    assert "colour 10" not in said
    assert "and 2 more" in said


async def test_two_quick_clicks_make_it_once(world: BotWorld) -> None:
    question = await proposed(world)
    world.env.inject_error("POST", "/interactions/*/callback", status=502)
    await world.alice.click(question, label="Make them")  # the answer is lost, so the buttons are still shown
    await world.alice.click(question, label="Make them")
    world.acknowledged = world.env.error_cursor
    assert len(await tasks_of(world)) == 4
    await world.work(60)
    assert len(posted(world)) == 2


async def test_after_a_restart_between_question_and_answer_it_is_made(world: BotWorld) -> None:
    question = await proposed(world, image=PHOTO)
    await world.restart()
    await world.alice.click(question, label="Make them")
    await world.work(60)
    assert "4 of 4 done" in texts(posted(world)[0])
    assert [len(request.files) for request in world.api.taken] == [1] * 4


async def test_after_a_restart_in_the_middle_it_goes_on_in_the_same_message(world: BotWorld) -> None:
    await begun(world)
    await world.work(10)
    (before,) = posted(world)
    await world.restart()
    await world.engine.start()
    await world.work(60)
    message, ending = posted(world)
    assert message.id == before.id
    assert len(message.attachments) == 4
    assert world.pinged(ending) == [world.alice.id]


async def test_who_says_no_spends_nothing(world: BotWorld) -> None:
    question = await proposed(world)
    pressed = await world.alice.click(question, label="Cancel")
    assert "Nothing was made" in texts(pressed.response)
    await world.work(10)
    assert await tasks_of(world) == []
    assert posted(world) == []


async def test_an_answer_after_a_quarter_of_an_hour_is_refused(world: BotWorld) -> None:
    question = await proposed(world)
    world.clock.turn(15 * 60 + 1)
    refused = await world.alice.click(question, label="Make them")
    assert "was open for more than 15 minutes" in answer(world, refused)
    assert await tasks_of(world) == []


# -- braces that were not meant as a group -----------------------------------------------------------------------------


async def test_words_are_sent_as_typed_as_one_request_after_a_restart(world: BotWorld) -> None:
    question = await proposed(world, image=PHOTO, variants=2)
    await world.restart()
    pressed = await world.alice.click(question, label="Send as typed")
    assert "Checking what you attached" in texts(pressed.response)
    assert not pressed.ephemeral
    await world.work(60)
    (task,) = await tasks_of(world)
    assert (task.prompt, task.variants, task.batch_id, task.state) == (DOORS, 2, None, TaskState.CLOSED)
    assert await stored(world) == 0
    assert "Your 2 pictures are ready" in texts(posted(world)[-1])


async def test_once_sent_as_typed_the_question_is_to_be_deleted(world: BotWorld) -> None:
    question = await proposed(world)
    before = len(world.requests("DELETE", f"/messages/{question.id}"))
    await world.alice.click(question, label="Send as typed")
    assert len(world.requests("DELETE", f"/messages/{question.id}")) == before + 1


@pytest.mark.parametrize("second", ["Send as typed", "Make them"])
async def test_two_quick_answers_make_one_request(world: BotWorld, second: str) -> None:
    question = await proposed(world)
    world.env.inject_error("DELETE", "/webhooks/*/*/messages/*", status=404)  # the buttons are still shown
    await world.alice.click(question, label="Send as typed")
    refused = await world.alice.click(question, label=second)
    assert "I no longer know this question" in answer(world, refused)
    assert [task.prompt for task in await tasks_of(world)] == [DOORS]


async def test_a_batch_that_is_being_made_is_not_sent_as_typed_too(world: BotWorld) -> None:
    question = await proposed(world)
    world.env.inject_error("POST", "/interactions/*/callback", status=502)
    await world.alice.click(question, label="Make them")  # the answer is lost, so the buttons are still shown
    refused = await world.alice.click(question, label="Send as typed")
    assert "I no longer know this question" in answer(world, refused)
    assert len(await tasks_of(world)) == 4


async def test_after_a_quarter_of_an_hour_it_is_not_sent_as_typed(world: BotWorld) -> None:
    question = await proposed(world)
    world.clock.turn(15 * 60 + 1)
    refused = await world.alice.click(question, label="Send as typed")
    assert "was open for more than 15 minutes" in answer(world, refused)
    assert await tasks_of(world) == []


async def test_a_limit_stands_in_the_way_of_words_as_typed_and_the_question_stays(tmp_path: Path) -> None:
    limits = Limits(open_tasks_per_user=1, pictures_per_user_per_day=0, pictures_per_day=0)
    async with open_bot_world(tmp_path, limits=limits) as world:
        await world.ask("a cat")
        question = await proposed(world)
        refused = await world.alice.click(question, label="Send as typed")
        assert "You already have 1 request waiting" in answer(world, refused)
        await world.work(60)
        await world.alice.click(question, label="Send as typed")
        assert DOORS in [task.prompt for task in await world.stores.tasks.of_user(world.alice.id)]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("{red, {green, blue}} door", "inside another one"),
        ("{a, b, c, d, e, f, g, h, i, j, k} door", "more than the 10 requests allowed"),
        ("a door --ar {3:2, 2:3}", "All pictures of one request have the same shape"),
    ],
)
async def test_groups_that_make_no_batch_can_be_sent_as_typed(world: BotWorld, words: str, told: str) -> None:
    question = await proposed(world, words)
    assert told in texts(question)
    await world.alice.click(question, label="Send as typed")
    assert [task.prompt for task in await tasks_of(world)] == [words]


async def test_groups_that_make_no_batch_can_be_left(world: BotWorld) -> None:
    question = await proposed(world, "{red, {green, blue}} door")
    pressed = await world.alice.click(question, label="Cancel")
    assert "Nothing was made" in texts(pressed.response)
    assert await stored(world) == 0


# -- refusals ----------------------------------------------------------------------------------------------------------


async def test_more_than_the_server_allows_is_refused_at_once(world: BotWorld) -> None:
    await choose(world, Setting.GREATEST_BATCH, 3)
    assert "more than the 3 requests allowed" in texts(await proposed(world))
    await world.work(10)
    assert await tasks_of(world) == []


async def test_a_limit_stands_in_the_way_of_all_of_it(tmp_path: Path) -> None:
    limits = Limits(open_tasks_per_user=4, pictures_per_user_per_day=0, pictures_per_day=0)
    async with open_bot_world(tmp_path, limits=limits) as world:
        await world.ask("a cat")
        question = await proposed(world)
        refused = await world.alice.click(question, label="Make them")
        assert "You can have 4 requests waiting or running at a time" in answer(world, refused)
        assert len(await world.stores.tasks.of_user(world.alice.id)) == 1
        await world.work(60)
        await world.alice.click(question, label="Make them")
        assert len(await world.stores.tasks.of_user(world.alice.id)) == 5


async def test_where_pictures_are_no_longer_made_the_answer_is_refused(world: BotWorld) -> None:
    question = await proposed(world)
    elsewhere = world.guild.create_text_channel("elsewhere")
    await choose(world, Setting.CHANNELS, (elsewhere.id,))
    refused = await world.alice.click(question, label="Make them")
    assert "Pictures are made in other channels" in answer(world, refused)
    assert await tasks_of(world) == []


async def test_a_mention_points_to_the_command(world: BotWorld) -> None:
    me = world.client.user
    assert me is not None
    await world.alice.send(world.channel, f"<@{me.id}> {DOORS}")
    said = world.channel.history()[-1]
    assert "I have to ask you first" in said.content
    assert await world.stores.tasks.of_user(world.alice.id) == ()


@pytest.mark.parametrize("words", ["{prompt} in oil", '{"subject": "door", "colour": "red"}', "{red} door", "{,}"])
async def test_what_is_no_group_is_one_request_as_typed(world: BotWorld, words: str) -> None:
    await world.ask(words)
    assert (await world.only_task()).prompt == words


async def test_a_backslash_makes_one_request_with_braces(world: BotWorld) -> None:
    await world.ask(r"\{red, green} door")
    assert (await world.only_task()).prompt == "{red, green} door"
