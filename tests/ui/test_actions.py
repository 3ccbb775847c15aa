"""Test the buttons under a result (Again, Edit, Vary, Full size): for any user, after restarts and months later."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import discord
import pytest
import sqlalchemy as sa
from simcord.results import InteractionResult

from bot.engine.housekeeping.retention import Retention
from bot.errors import Reason, Refused, Unavailable
from bot.texts import texts_in
from bot.ui.results.actions import EditButton, MoreSelect, VaryButton
from bot.ui.results.originals import FullSizeButton
from bot.ui.results.picks import VaryPickedButton, VarySelect
from storage import schema
from storage.community import Setting
from storage.models import Derivation, Task, TaskState
from tests.worlds.bot_world import PHOTO, BotWorld, alt_texts, button_ids, components, texts

MONTHS = timedelta(days=120)


async def made(world: BotWorld, prompt: str = "a red door", **options: Any) -> tuple[Task, Any]:
    """Return a finished task of Alice and the message with its pictures."""
    await world.ask(prompt, **options)
    await world.work(60)
    return await world.only_task(), world.channel.history()[-1]


async def latest(world: BotWorld, asker: Any) -> Task:
    return (await world.stores.tasks.of_user(asker.id))[0]


async def sweep(world: BotWorld) -> None:
    world.clock.turn(MONTHS.total_seconds())
    keep = timedelta(days=90)
    assert await Retention(stores=world.stores, picture_store=world.picture_store, keep=keep, clock=world.clock).sweep()


def fields(opened: Any) -> dict[str, dict[str, Any]]:
    """Return the fields of an open form by their custom ids."""
    labels = opened.modal["components"]
    return {label["component"]["custom_id"]: label["component"] for label in labels}


def seen(answered: InteractionResult) -> Any:
    """Return the message that answers the interaction."""
    assert answered.response is not None
    return answered.response


def rows(message: Any) -> list[list[str]]:
    """Return the custom ids of each row of buttons or with a select, from top to bottom."""
    found = [part["components"] for part in components(message) if part["type"] == 1]
    return [[item["custom_id"] for item in row] for row in found]


def more_options(message: Any) -> list[str]:
    (select,) = [part for part in components(message) if part["type"] == 3]
    return [option["value"] for option in select["options"]]


def chosen(field: dict[str, Any]) -> list[str]:
    return [option["value"] for option in field["options"] if option.get("default")]


# -- rows of buttons ---------------------------------------------------------------------------------------------------


async def test_a_result_has_two_rows_of_buttons_and_one_select_with_the_rest(world: BotWorld) -> None:
    await world.choose(Setting.MODERATORS, world.guild.create_text_channel("moderators").id)
    task, result = await made(world)
    assert rows(result) == [
        [f"a1:{action}:{task.id}" for action in ("edit", "vary", "again")],
        [f"a1:{action}:{task.id}" for action in ("full", "remove")],
        [f"a1:more:{task.id}"],
    ]
    assert "by its number" not in texts(result)


async def test_the_only_one_of_the_rest_is_a_button_in_the_second_row(world: BotWorld) -> None:
    task, result = await made(world)
    assert rows(result) == [
        [f"a1:{action}:{task.id}" for action in ("edit", "vary", "again")],
        [f"a1:{action}:{task.id}" for action in ("full", "family", "remove")],
    ]
    shown = await world.alice.slash(world.channel, "show", what=task.id)
    assert rows(seen(shown))[1:] == [
        [f"a1:{action}:{task.id}" for action in ("full", "family", "post-here", "remove")],
    ]


async def test_a_select_with_one_option_of_an_earlier_release_still_works(world: BotWorld) -> None:
    task, _ = await made(world)
    select: discord.ui.Select[discord.ui.LayoutView] = discord.ui.Select(
        options=[discord.SelectOption(label="Family", value="family")]
    )
    message = await world.post_item(MoreSelect(select, task.id))
    await world.restart()
    shown = await world.bob.select(message, ["family"])
    assert "This picture wasn’t made from another one" in texts(seen(shown))


async def test_each_picture_of_a_set_has_a_numbered_button(world: BotWorld) -> None:
    task, result = await made(world, variants=4)
    assert rows(result) == [
        [f"a1:pick:{task.id}:{position}" for position in range(4)],
        [f"a1:{action}:{task.id}" for action in ("again", "remove")],
        [f"a1:more:{task.id}"],
    ]
    assert [part["label"] for part in components(result) if part["type"] == 2][:4] == ["1", "2", "3", "4"]
    assert "Choose a picture by its number" in texts(result)


async def test_a_set_of_which_one_picture_came_has_the_buttons_of_one_picture_and_says_so(world: BotWorld) -> None:
    world.api.most_pictures = 1
    _, result = await made(world, variants=4)
    assert next(part["label"] for part in components(result) if part["type"] == 2) == "Edit"
    assert "You asked for 4 pictures; the image service sent only 1." in texts(result)


@pytest.mark.parametrize(
    ("gallery", "moderators", "offered"),
    [
        (True, False, ["family", "gallery"]),
        (False, True, ["family", "report"]),
        (True, True, ["family", "gallery", "report"]),
    ],
)
async def test_what_the_server_has_not_set_up_is_not_offered(
    world: BotWorld, gallery: bool, moderators: bool, offered: list[str]
) -> None:
    if gallery:
        await world.choose(Setting.GALLERY, world.guild.create_text_channel("gallery").id)
    if moderators:
        await world.choose(Setting.MODERATORS, world.guild.create_text_channel("moderators").id)
    task, result = await made(world)
    assert more_options(result) == offered
    shown = await world.alice.slash(world.channel, "show", what=task.id)
    assert more_options(seen(shown)) == offered


async def test_a_failure_has_none_of_them(world: BotWorld) -> None:
    world.api.next_create.append(Refused(400, "no"))
    task, told = await made(world)
    assert "No picture this time" in texts(told)
    assert button_ids(told) == [f"a1:clear:{task.id}"]


# -- one picture of a set ----------------------------------------------------------------------------------------------


async def test_a_number_shows_that_picture_with_its_buttons_to_who_chose_alone(world: BotWorld) -> None:
    task, result = await made(world, variants=4)
    picked = await world.bob.click(result, label="3")
    assert picked.ephemeral
    assert "Picture 3 of 4" in texts(seen(picked))
    assert [attachment.filename for attachment in seen(picked).attachments] == ["small-3.jpg"]
    assert alt_texts(seen(picked)) == ["Picture 3 of 4: a red door"]
    assert rows(seen(picked)) == [[f"a1:{action}:{task.id}:2" for action in ("edit-one", "vary-one", "full-one")]]


async def test_a_chosen_picture_is_edited_after_a_restart_too(world: BotWorld) -> None:
    task, result = await made(world, variants=4)
    picked = await world.bob.click(result, label="3")
    await world.restart()
    opened = await world.bob.click(seen(picked), label="Edit")
    assert chosen(fields(opened)["picture"]) == ["2"]
    await world.bob.submit_modal(opened, {"words": "a blue door", "picture": ["2"]})
    edited = await world.only_task(world.bob)
    assert (edited.parent_id, edited.parent_picture) == (task.id, 2)


async def test_a_chosen_picture_comes_alone_at_full_size(world: BotWorld) -> None:
    _, result = await made(world, variants=4)
    picked = await world.bob.click(result, label="3")
    shown = await world.bob.click(seen(picked), label="Full size")
    assert [attachment.filename for attachment in seen(shown).attachments] == [result.attachments[2].filename]
    assert "The original picture" in texts(seen(shown))


async def test_a_number_that_the_set_does_not_have_is_refused(world: BotWorld) -> None:
    task, _ = await made(world, variants=2)
    say = texts_in("en-US")
    forged = await world.post_item(VaryPickedButton(f"{task.id}:7", say("actions-vary")))
    assert "no longer keep this picture" in world.refusal(await world.bob.click(forged, label="Vary"))


# -- Again -------------------------------------------------------------------------------------------------------------


async def test_anyone_asks_again_as_their_own_and_the_button_stays(world: BotWorld) -> None:
    task, result = await made(world, size="3:2", variants=2)
    await world.bob.click(result, label="Again")
    await world.work(60)
    again = await world.only_task(world.bob)
    assert (again.prompt, again.size, again.variants) == ("a red door", "3:2", 2)
    assert (again.derivation, again.parent_id, again.family_id) == (Derivation.AGAIN, task.id, task.id)
    told = world.channel.history()[-1]
    assert f"first asked for by <@{world.alice.id}>" in texts(told)
    assert world.pinged(told) == [world.bob.id]
    assert f"a1:again:{task.id}" in button_ids(world.channel.history()[-2])


async def test_again_twice_quickly_is_one_task(world: BotWorld) -> None:
    _, result = await made(world)
    await world.bob.click(result, label="Again")
    refused = await world.bob.click(result, label="Again")
    assert "already asked for this again" in world.refusal(refused)
    assert len(await world.stores.tasks.of_user(world.bob.id)) == 1


async def test_a_button_under_a_failure_from_before_still_asks_again_and_goes(world: BotWorld) -> None:
    world.api.next_create.append(Refused(400, "no", Reason.ACCOUNT_QUOTA))
    task, told = await made(world)
    assert button_ids(told) == [f"a1:again:{task.id}", f"a1:clear:{task.id}"]
    await world.restart()
    await world.alice.click(told, custom_id=f"a1:again:{task.id}")
    await world.work(60)
    assert (await latest(world, world.alice)).parent_id == task.id
    assert button_ids(world.channel.history()[0]) == [f"a1:clear:{task.id}"]


# -- Edit --------------------------------------------------------------------------------------------------------------


async def test_edit_opens_a_form_with_what_was_asked(world: BotWorld) -> None:
    _, result = await made(world, size="2:3", variants=2)
    opened = await world.bob.click(seen(await world.bob.click(result, label="1")), label="Edit")
    form = fields(opened)
    assert form["words"]["value"] == "a red door"
    assert chosen(form["picture"]) == ["0"]
    assert chosen(form["size"]) == ["2:3"]
    assert chosen(form["variants"]) == ["2"]
    assert form["files"]["max_values"] == 9


async def test_with_one_picture_it_is_not_asked_which(world: BotWorld) -> None:
    _, result = await made(world)
    assert "picture" not in fields(await world.bob.click(result, label="Edit"))


async def test_an_edit_is_a_task_of_who_edits_that_begins_with_the_chosen_picture(world: BotWorld) -> None:
    task, result = await made(world, variants=2)
    opened = await world.bob.click(seen(await world.bob.click(result, label="1")), label="Edit")
    filled = {"words": "a blue door", "picture": ["1"], "files": [PHOTO], "size": ["3:2"], "variants": ["1"]}
    await world.bob.submit_modal(opened, filled)
    await world.work(60)
    edited = await world.only_task(world.bob)
    assert (edited.prompt, edited.size, edited.variants) == ("a blue door", "3:2", 1)
    assert (edited.derivation, edited.parent_id, edited.parent_picture) == (Derivation.EDIT, task.id, 1)
    first, second = await world.stores.references.of_task(edited.id)
    assert first.stored_key == f"pictures/{task.id}/1"
    assert second.filename == "cat.png"
    told = world.channel.history()[-1]
    assert edited.state is TaskState.CLOSED
    assert f"from a picture by <@{world.alice.id}>" in texts(told)
    assert world.pinged(told) == [world.bob.id]


async def test_the_image_api_is_given_the_address_of_the_picture_in_the_message(world: BotWorld) -> None:
    _, result = await made(world)
    opened = await world.bob.click(result, label="Edit")
    await world.bob.submit_modal(opened, {"words": "a blue door"})
    await world.work(60)
    assert world.api.taken[-1].files == (result.attachments[0].url,)


@pytest.mark.sweep
async def test_a_form_that_is_filled_in_after_a_restart_counts(world: BotWorld) -> None:
    task, result = await made(world)
    opened = await world.bob.click(result, label="Edit")
    await world.restart()
    await world.bob.submit_modal(opened, {"words": "a blue door", "files": [PHOTO]})
    edited = await world.only_task(world.bob)
    assert (edited.prompt, edited.parent_id) == ("a blue door", task.id)
    assert len(await world.stores.references.of_task(edited.id)) == 2


async def test_a_form_leaves_nothing_behind_when_it_is_closed(world: BotWorld) -> None:
    _, result = await made(world)
    await world.bob.click(result, label="Edit")
    assert not world.client._connection._view_store._modals


async def test_an_edit_of_somebody_without_words_keeps_none(world: BotWorld) -> None:
    _, result = await made(world)
    opened = await world.bob.click(result, label="Edit")
    await world.bob.submit_modal(opened, {"words": ""})
    edited = await world.only_task(world.bob)
    assert edited.prompt == ""
    assert edited.size == "1:1"


async def test_an_edit_whose_form_cannot_show_all_the_words_keeps_them_all(world: BotWorld) -> None:
    moderator = world.add_moderator()
    await moderator.slash(world.channel, "style add", name="Long", template="{prompt}" + " in oil" * 280)
    task, result = await made(world, "red " * 1000, style="Long")
    assert len(task.prompt) > 5900
    opened = await world.bob.click(result, label="Edit")
    assert "value" not in fields(opened)["words"]
    assert "too long to show" in str(opened.modal)
    await world.bob.submit_modal(opened, {"words": "", "variants": ["2"]})
    edited = await world.only_task(world.bob)
    assert (edited.prompt, edited.style, edited.variants) == (task.prompt, "Long", 2)


async def test_new_words_replace_words_that_were_too_long_to_show(world: BotWorld) -> None:
    moderator = world.add_moderator()
    await moderator.slash(world.channel, "style add", name="Long", template="{prompt}" + " in oil" * 280)
    _, result = await made(world, "red " * 1000, style="Long")
    await world.bob.submit_modal(await world.bob.click(result, label="Edit"), {"words": "at night"})
    edited = await world.only_task(world.bob)
    assert (edited.prompt, edited.style) == ("at night", None)


async def test_an_edit_with_another_shape_in_its_words_has_that_shape(world: BotWorld) -> None:
    _, result = await made(world, size="2:3")
    await world.bob.submit_modal(
        await world.bob.click(result, label="Edit"), {"words": "at night --ar 16:9", "size": ["2:3"]}
    )
    edited = await world.only_task(world.bob)
    assert (edited.prompt, edited.size) == ("at night", "3:2")


async def test_words_with_a_literal_parameter_come_back_as_they_are(world: BotWorld) -> None:
    _, result = await made(world, r"a sign: \--v 6")
    opened = await world.bob.click(result, label="Edit")
    await world.bob.submit_modal(opened, {"words": fields(opened)["words"]["value"]})
    assert (await world.only_task(world.bob)).prompt == "a sign: --v 6"


@pytest.mark.sweep
async def test_what_cannot_go_in_is_told_to_who_edits_alone(world: BotWorld) -> None:
    _, result = await made(world)
    opened = await world.bob.click(result, label="Edit")
    refused = await world.bob.submit_modal(opened, {"words": "x", "files": [("notes.txt", b"words")]})
    await world.work()
    assert "notes.txt" in texts(refused.followups[0])
    assert (await world.only_task(world.bob)).reason == Reason.REFERENCE_NOT_A_PICTURE


# -- Vary --------------------------------------------------------------------------------------------------------------


async def test_vary_begins_with_the_picture_and_keeps_the_words(world: BotWorld) -> None:
    task, result = await made(world)
    await world.bob.click(result, label="Vary")
    await world.work(60)
    varied = await world.only_task(world.bob)
    assert (varied.prompt, varied.state) == ("a red door", TaskState.CLOSED)
    assert (varied.derivation, varied.parent_id, varied.parent_picture) == (Derivation.VARY, task.id, 0)
    (reference,) = await world.stores.references.of_task(varied.id)
    assert reference.stored_key == f"pictures/{task.id}/0"


async def test_of_several_pictures_the_chosen_one_is_varied(world: BotWorld) -> None:
    task, result = await made(world, variants=4)
    picked = await world.bob.click(result, label="3")
    assert not await world.stores.tasks.of_user(world.bob.id)
    await world.restart()
    await world.bob.click(seen(picked), label="Vary")
    await world.work(60)
    varied = await world.only_task(world.bob)
    assert (varied.parent_id, varied.parent_picture, varied.state) == (task.id, 2, TaskState.CLOSED)
    assert not world.channel.history()[-1].flags.ephemeral


async def test_the_button_of_an_earlier_release_below_a_set_asks_for_the_number(world: BotWorld) -> None:
    task, _ = await made(world, variants=2)
    old = await world.post_item(VaryButton(task.id, texts_in("en-US")))
    asked = await world.bob.click(old, label="Vary")
    assert asked.ephemeral
    assert "Which picture should I vary?" in texts(seen(asked))
    await world.bob.click(seen(asked), label="2")
    assert (await world.only_task(world.bob)).parent_picture == 1


async def test_the_select_of_an_earlier_release_still_varies(world: BotWorld) -> None:
    task, _ = await made(world, variants=2)
    options = [discord.SelectOption(label=label, value=label) for label in "01"]
    old = await world.post_item(VarySelect(discord.ui.Select(options=options), task.id))
    await world.bob.select(old, ["1"])
    assert (await world.only_task(world.bob)).parent_picture == 1


async def test_vary_twice_quickly_is_one_task(world: BotWorld) -> None:
    _, result = await made(world)
    await world.bob.click(result, label="Vary")
    assert "already" in world.refusal(await world.bob.click(result, label="Vary"))
    assert len(await world.stores.tasks.of_user(world.bob.id)) == 1


async def test_another_one_may_be_varied_meanwhile_and_the_same_one_later(world: BotWorld) -> None:
    _, result = await made(world, variants=2)
    first, second = [seen(await world.bob.click(result, label=number)) for number in "12"]
    await world.bob.click(first, label="Vary")
    await world.bob.click(second, label="Vary")
    await world.work(60)
    await world.bob.click(first, label="Vary")
    assert len(await world.stores.tasks.of_user(world.bob.id)) == 3


# -- after the stored files are deleted --------------------------------------------------------------------------------


@pytest.mark.parametrize("action", ["Vary", "Edit"])
@pytest.mark.sampled(every=2)
async def test_when_our_copy_is_swept_the_one_in_the_message_is_taken(world: BotWorld, action: str) -> None:
    task, result = await made(world)
    await sweep(world)
    await world.restart()
    pressed = await world.bob.click(result, label=action)
    if action == "Edit":
        await world.bob.submit_modal(pressed, {"words": "a blue door"})
    await world.work(60)
    made_of_it = await world.only_task(world.bob)
    (reference,) = await world.stores.references.of_task(made_of_it.id)
    assert (reference.stored_key, reference.filename) == (None, f"atelier-{task.id}-1.png")
    assert made_of_it.state is TaskState.CLOSED
    assert made_of_it.reason is None


async def test_where_the_button_stands_elsewhere_the_posted_message_is_looked_for(world: BotWorld) -> None:
    task, result = await made(world, variants=2)
    picked = await world.bob.click(result, label="2")
    await sweep(world)
    await world.bob.click(seen(picked), label="Vary")
    (reference,) = await world.stores.references.of_task((await world.only_task(world.bob)).id)
    assert reference.filename == f"atelier-{task.id}-2.png"


async def test_a_picture_that_is_nowhere_any_more_is_told_and_costs_nothing(world: BotWorld) -> None:
    _, result = await made(world, variants=2)
    picked = await world.bob.click(result, label="2")
    await sweep(world)
    with world.env.time_context():
        await world.client.get_partial_messageable(world.channel.id).get_partial_message(result.id).delete()
    refused = await world.bob.click(seen(picked), label="Vary")
    assert "no longer keep this picture" in world.refusal(refused)
    assert not await world.stores.tasks.of_user(world.bob.id)


async def test_a_file_that_went_between_press_and_work_is_taken_from_the_message(world: BotWorld) -> None:
    task, result = await made(world)
    await world.bob.click(result, label="Vary")
    await world.picture_store.delete(f"pictures/{task.id}/0")
    await world.work(60)
    varied = await world.only_task(world.bob)
    assert (varied.state, varied.reason) == (TaskState.CLOSED, None)


# -- private results ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("action", ["Again", "Edit", "Vary", "Full size"])
@pytest.mark.sampled(every=4)
async def test_somebody_elses_private_picture_is_unknown_to_others(world: BotWorld, action: str) -> None:
    task, result = await made(world)
    await world.stores.tasks.change(task, private=True)  # type: ignore[call-arg]  # no code path makes a public task private
    refused = await world.bob.click(result, label=action)
    assert "no longer know this request" in world.refusal(refused)
    assert not await world.stores.tasks.of_user(world.bob.id)


@pytest.mark.parametrize("action", ["Again", "Edit", "Vary"])
@pytest.mark.sampled(every=3)
async def test_what_comes_of_a_private_picture_is_private_too(world: BotWorld, action: str) -> None:
    task, result = await made(world)
    await world.stores.tasks.change(task, private=True)  # type: ignore[call-arg]  # set directly, as above
    pressed = await world.alice.click(result, label=action)
    if action == "Edit":
        pressed = await world.alice.submit_modal(pressed, {"words": "a blue door"})
    assert pressed.ephemeral
    assert (await latest(world, world.alice)).private


async def test_a_removed_picture_is_unknown_to_others(world: BotWorld) -> None:
    task, result = await made(world)
    await world.stores.tasks.change(task, removed_at=world.clock(), removed_by=world.alice.id)
    assert "no longer know" in world.refusal(await world.bob.click(result, label="Vary"))


# -- Full size ---------------------------------------------------------------------------------------------------------


async def test_full_size_shows_the_originals_to_who_asks_alone(world: BotWorld) -> None:
    _, result = await made(world, variants=2)
    shown = await world.bob.select(result, ["full"])
    assert shown.ephemeral
    assert [attachment.filename for attachment in seen(shown).attachments] == [
        attachment.filename for attachment in result.attachments
    ]
    assert "The 2 original pictures" in texts(seen(shown))


async def test_what_is_too_large_comes_as_a_fresh_link(world: BotWorld) -> None:
    task, result = await made(world, variants=2)
    _, second = await world.stores.pictures.of_task(task.id)
    await world.stores.pictures.save([replace(second, bytes=25 * 1024 * 1024)])
    shown = await world.bob.select(result, ["full"])
    assert [attachment.filename for attachment in seen(shown).attachments] == [f"atelier-{task.id}-1.png"]
    assert f"[Picture 2](<{second.url}?link-of={task.job_id}>)" in texts(seen(shown))


async def test_where_our_copy_is_gone_it_comes_as_a_fresh_link(world: BotWorld) -> None:
    task, result = await made(world)
    (picture,) = await world.stores.pictures.of_task(task.id)
    await world.picture_store.delete(picture.key or "")
    shown = await world.bob.click(result, label="Full size")
    assert not seen(shown).attachments
    assert f"{picture.url}?link-of={task.job_id}" in texts(seen(shown))


async def test_while_the_image_api_is_silent_the_first_address_may_still_do(world: BotWorld) -> None:
    task, result = await made(world)
    (picture,) = await world.stores.pictures.of_task(task.id)
    await world.picture_store.delete(picture.key or "")
    world.api.next_link.append(Unavailable("down"))
    shown = await world.bob.click(result, label="Full size")
    assert picture.url in texts(seen(shown))


async def test_months_later_it_is_said_that_the_original_is_gone(world: BotWorld) -> None:
    _, result = await made(world)
    await sweep(world)
    world.api.next_link.append(Refused(422, "only records of the last 14 days"))
    refused = await world.bob.click(result, label="Full size")
    assert "Neither I nor the image service have the original" in world.refusal(refused)


async def test_months_later_and_with_the_image_api_silent_it_is_said_to_try_later(world: BotWorld) -> None:
    _, result = await made(world)
    await sweep(world)
    world.api.next_link.append(Unavailable("down"))
    assert "Try again in a few minutes" in world.refusal(await world.bob.click(result, label="Full size"))


async def test_where_discord_finds_it_too_large_it_comes_as_a_link(world: BotWorld) -> None:
    task, result = await made(world)
    world.env.inject_error("PATCH", "/webhooks/*", status=413, code=40005)
    shown = await world.bob.click(result, label="Full size")
    assert f"link-of={task.job_id}" in texts(seen(shown))


async def test_one_whose_size_is_unknown_comes_as_a_link_too_where_discord_finds_it_too_large(world: BotWorld) -> None:
    task, result = await made(world)
    async with world.database.write() as connection:
        await connection.execute(sa.update(schema.pictures).values(bytes=None))
    world.env.inject_error("PATCH", "/webhooks/*", status=413, code=40005)
    shown = await world.bob.click(result, label="Full size")
    assert not seen(shown).attachments
    assert f"link-of={task.job_id}" in texts(seen(shown))


async def test_a_chinese_person_reads_chinese(world: BotWorld) -> None:
    _, result = await made(world, variants=2)
    world.locales[world.bob.id] = "zh-CN"
    picked = await world.bob.click(result, custom_id=button_ids(result)[1])
    assert "图片 2/2" in texts(seen(picked))
    assert [part["label"] for part in components(seen(picked)) if part["type"] == 2] == ["修改", "生成变体", "原图"]


async def test_an_old_button_for_a_request_without_pictures_says_that_there_are_none(world: BotWorld) -> None:
    world.api.next_create = [Refused(400, "policy", Reason.POLICY)]
    await world.ask("refused")
    await world.work(60)
    failed = await world.only_task()
    for button, action in ((EditButton, "edit"), (VaryButton, "vary"), (FullSizeButton, "full")):
        message = await world.post_item(button(failed.id, texts_in("en-US")))
        pressed = await world.alice.click(message, custom_id=f"a1:{action}:{failed.id}")
        assert "I no longer keep this picture" in world.refusal(pressed)
    assert len(await world.stores.tasks.of_user(world.alice.id)) == 1
