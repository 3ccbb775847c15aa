"""Tests for the styles of a server: moderators change them, every member sees and uses them."""

from __future__ import annotations

import asyncio
from typing import Any

import discord
import pytest
from simcord.actors import MemberActor

from bot.engine.lifecycle.reference_fetching import ReferenceFetching
from bot.errors import BadChoice, BlankPrompt, Reason, Unavailable
from bot.intake.requests import Wish
from bot.texts import LANGUAGES, texts_in
from bot.ui.library.styles import in_style, style_choices, styles_view
from storage.bounds import LONGEST_TEMPLATE
from storage.community import StoredPicture, Style, StyleChanges
from storage.guilds import MOST_STYLES, GuildStore, NameTaken, StyleGone, TooManyStyles
from storage.models import NewReference, PictureRequest, ReferenceKind, TaskState
from storage.pictures import MissingCopy
from tests.worlds.bot_world import PHOTO, BotWorld, button_ids, png, texts

ENGLISH = texts_in("en-US")


@pytest.fixture
def guilds(world: BotWorld) -> GuildStore:
    return world.client.services.stores.guilds


@pytest.fixture
def carol(world: BotWorld) -> MemberActor:
    """Return a member who may remove messages of others."""
    role = world.guild.create_role("Moderators", permissions=discord.Permissions(manage_messages=True))
    return world.guild.add_member(world.env.create_user("carol"), roles=[role])


async def add(
    world: BotWorld, who: MemberActor, name: str = "Ink", template: str = "{prompt}, in ink", **more: Any
) -> Any:
    return await who.slash(world.channel, "style add", name=name, template=template, **more)


def a_style(number: int = 0, guild_id: int = 7, **changes: Any) -> Style:
    values: dict[str, Any] = {
        "id": f"{number:016x}", "guild_id": guild_id, "name": f"style {number:02}", "template": "{prompt}!",
        "created_at": 0, "changed_at": 0, "changed_by": 1,
    }  # fmt: skip
    return Style(**(values | changes))


def told(answered: Any) -> str:
    """Return the text of the ephemeral answer."""
    assert answered.ephemeral
    return str(answered.response.content)


# -- changing ----------------------------------------------------------------------------------------------------------


async def test_a_moderator_adds_a_style_with_all_that_belongs_to_it(
    world: BotWorld, carol: MemberActor, guilds: GuildStore
) -> None:
    answered = await add(world, carol, size="3:2", variants=4, picture=PHOTO)
    assert "Ink" in told(answered)
    style = await guilds.style(world.guild.id, "ink")
    assert style is not None
    assert (style.name, style.template, style.size, style.variants) == ("Ink", "{prompt}, in ink", "3:2", 4)
    assert style.changed_by == carol.id
    assert style.picture is not None
    assert (style.picture.width, style.picture.height) == (96, 72)
    assert style.picture.key.startswith(f"styles/{style.id}/")
    assert await world.picture_store.get(style.picture.key) == PHOTO[1]


async def test_an_edit_changes_what_was_given_and_nothing_else(
    world: BotWorld, carol: MemberActor, guilds: GuildStore
) -> None:
    await add(world, carol, size="3:2", variants=4, picture=PHOTO)
    world.clock.turn(60)
    answered = await carol.slash(world.channel, "style edit", name="ink", new_name="Pen", variants=0)
    assert "Pen" in told(answered)
    assert await guilds.style(world.guild.id, "Ink") is None
    style = await guilds.style(world.guild.id, "Pen")
    assert style is not None
    assert (style.template, style.size, style.variants) == ("{prompt}, in ink", "3:2", None)
    assert style.picture is not None
    assert style.changed_at - style.created_at == 60_000


async def test_a_new_picture_replaces_the_old_copy(world: BotWorld, carol: MemberActor, guilds: GuildStore) -> None:
    await add(world, carol, picture=PHOTO)
    before = await picture_of(guilds, world)
    other = png("blue", (64, 64))
    await carol.slash(world.channel, "style edit", name="Ink", picture=("sea.png", other))
    after = await picture_of(guilds, world)
    assert await world.picture_store.get(after.key) == other
    with pytest.raises(MissingCopy):
        await world.picture_store.get(before.key)


async def remove(world: BotWorld, carol: MemberActor) -> Any:
    """Remove the style, and return the answer."""
    asked = await carol.slash(world.channel, "style remove", name="Ink")
    assert asked.response is not None
    return (await carol.click(asked.response, label="Remove")).response


async def test_a_style_is_removed_after_a_question_once(
    world: BotWorld, carol: MemberActor, guilds: GuildStore
) -> None:
    await add(world, carol)
    asked = await carol.slash(world.channel, "style remove", name="Ink")
    assert asked.response is not None
    assert "Remove the style" in texts(asked.response)
    assert len(await guilds.styles(world.guild.id)) == 1
    await world.restart()
    await carol.click(asked.response, label="Remove")
    assert "is gone. Pictures made with it stay" in texts(asked.response)
    assert button_ids(asked.response) == []
    assert await guilds.styles(world.guild.id) == ()


async def test_a_style_that_is_kept_after_the_question_stays(
    world: BotWorld, carol: MemberActor, guilds: GuildStore
) -> None:
    await add(world, carol)
    asked = await carol.slash(world.channel, "style remove", name="Ink")
    assert asked.response is not None
    assert "Ink" in texts(asked.response)
    await world.restart()
    await carol.click(asked.response, label="Keep it")
    assert texts(asked.response) == "Nothing was removed. It stays as it is."
    assert button_ids(asked.response) == []
    assert len(await guilds.styles(world.guild.id)) == 1


async def test_a_style_that_somebody_else_removed_during_the_question_is_gone_already(
    world: BotWorld, carol: MemberActor, guilds: GuildStore
) -> None:
    await add(world, carol)
    asked = await carol.slash(world.channel, "style remove", name="Ink")
    assert asked.response is not None
    (style,) = await guilds.styles(world.guild.id)
    await guilds.remove_style(style)
    await carol.click(asked.response, label="Remove")
    assert "already gone" in texts(asked.response)


@pytest.mark.parametrize("command", ["style edit", "style remove"])
async def test_a_picture_that_is_taken_away_leaves_no_copy(
    world: BotWorld, carol: MemberActor, guilds: GuildStore, command: str
) -> None:
    await add(world, carol, picture=PHOTO)
    before = await picture_of(guilds, world)
    more = {"remove_picture": True}
    if command == "style remove":
        await remove(world, carol)
    else:
        await carol.slash(world.channel, command, name="Ink", **more)
    style = await guilds.style(world.guild.id, "Ink")
    assert style is None if command == "style remove" else style is not None and style.picture is None
    with pytest.raises(MissingCopy):
        await world.picture_store.get(before.key)


async def picture_of(guilds: GuildStore, world: BotWorld) -> StoredPicture:
    style = await guilds.style(world.guild.id, "Ink")
    assert style is not None
    assert style.picture is not None
    return style.picture


async def test_styles_are_there_after_a_restart(world: BotWorld, carol: MemberActor) -> None:
    await add(world, carol)
    await world.restart()
    await carol.slash(world.channel, "style edit", name="Ink", template="{prompt}, in old ink")
    listed = await world.bob.slash(world.channel, "style list")
    assert "in old ink" in texts(listed.response)


async def test_edits_of_two_moderators_at_once_are_both_kept(guilds: GuildStore) -> None:
    style = a_style()
    await guilds.add_style(style)
    await asyncio.gather(
        guilds.change_style(style, StyleChanges(size="3:2"), by=2, now=5),
        guilds.change_style(style, StyleChanges(template="oh, {prompt}"), by=3, now=5),
    )
    found = await guilds.style(7, style.name)
    assert found is not None
    assert (found.size, found.template) == ("3:2", "oh, {prompt}")


# -- refusals ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", ["style add", "style edit", "style remove"])
async def test_only_moderators_change_styles(
    world: BotWorld, carol: MemberActor, guilds: GuildStore, command: str
) -> None:
    await add(world, carol)
    options = {"template": "{prompt}"} if command != "style remove" else {}
    name = "Other" if command == "style add" else "Ink"
    answered = await world.bob.slash(world.channel, command, name=name, **options)
    assert "can manage this server" in world.refusal(answered)
    (style,) = await guilds.styles(world.guild.id)
    assert style.template == "{prompt}, in ink"


@pytest.mark.parametrize("template", ["in ink", "{prompt} and {prompt}", "{Prompt}"])
async def test_a_template_has_a_place_for_the_words_exactly_once(
    world: BotWorld, carol: MemberActor, guilds: GuildStore, template: str
) -> None:
    assert "{prompt} into the template exactly once" in world.refusal(await add(world, carol, template=template))
    await add(world, carol)
    changed = await carol.slash(world.channel, "style edit", name="Ink", template=template)
    assert "{prompt} into the template exactly once" in world.refusal(changed)
    (style,) = await guilds.styles(world.guild.id)
    assert style.template == "{prompt}, in ink"


async def test_a_name_is_there_once_whatever_its_capitals(
    world: BotWorld, carol: MemberActor, guilds: GuildStore
) -> None:
    await add(world, carol)
    await add(world, carol, name="Oil")
    assert "already has a style called" in world.refusal(await add(world, carol, name=" iNK ", picture=PHOTO))
    renamed = await carol.slash(world.channel, "style edit", name="Oil", new_name="INK")
    assert "already has a style called" in world.refusal(renamed)
    assert [style.name for style in await guilds.styles(world.guild.id)] == ["Ink", "Oil"]
    assert await world.picture_store.used_bytes() == 0


async def test_a_name_may_change_its_capitals(world: BotWorld, carol: MemberActor, guilds: GuildStore) -> None:
    await add(world, carol)
    await carol.slash(world.channel, "style edit", name="Ink", new_name="INK")
    assert [style.name for style in await guilds.styles(world.guild.id)] == ["INK"]


async def test_a_name_that_cannot_be_seen_is_refused(world: BotWorld, carol: MemberActor) -> None:
    assert "needs a name" in world.refusal(await add(world, carol, name="\u200b\u2060"))


@pytest.mark.parametrize("command", ["style edit", "style remove"])
async def test_a_style_there_is_not_is_refused(world: BotWorld, carol: MemberActor, command: str) -> None:
    answered = await carol.slash(world.channel, command, name="Oil")
    assert "no style called" in world.refusal(answered)
    assert "Oil" in world.refusal(answered)


async def test_an_edit_of_nothing_is_refused(world: BotWorld, carol: MemberActor) -> None:
    await add(world, carol)
    assert "nothing to change" in world.refusal(await carol.slash(world.channel, "style edit", name="Ink"))


async def test_where_the_bot_does_not_serve_no_style_is_kept(
    world: BotWorld, carol: MemberActor, guilds: GuildStore
) -> None:
    world.client.allowed_guilds = frozenset({1})
    assert "I’m not allowed to make pictures here" in world.refusal(await add(world, carol))
    assert await guilds.styles(world.guild.id) == ()


async def test_a_template_that_is_too_long_once_its_times_are_written_out_is_refused(
    world: BotWorld, carol: MemberActor, guilds: GuildStore
) -> None:
    time, place = "<t:1800000000:F>", "{prompt}"
    times = (LONGEST_TEMPLATE - len(place)) // len(time)
    assert f"{LONGEST_TEMPLATE:,}" in world.refusal(await add(world, carol, template=place + time * times))
    assert await guilds.styles(world.guild.id) == ()
    await add(world, carol, template=place + time * 2)
    (style,) = await guilds.styles(world.guild.id)
    assert style.template.count("2027") == 2


async def test_a_style_that_somebody_else_removes_during_an_edit_is_unknown_and_its_new_picture_is_dropped(
    world: BotWorld, carol: MemberActor, guilds: GuildStore
) -> None:
    await add(world, carol)

    async def fetch(reference: object) -> bytes:
        (style,) = await guilds.styles(world.guild.id)
        await guilds.remove_style(style)
        return PHOTO[1]

    world.engine.attachments = ReferenceFetching(fetch, world.client.services.picture_work)
    edited = await carol.slash(world.channel, "style edit", name="Ink", picture=PHOTO)
    assert "no style called" in world.refusal(edited)
    assert await world.picture_store.used_bytes() == 0


async def test_a_bad_picture_is_refused_and_nothing_is_stored(
    world: BotWorld, carol: MemberActor, guilds: GuildStore
) -> None:
    broken = PHOTO[1][: len(PHOTO[1]) // 2]
    assert "damaged" in world.refusal(await add(world, carol, picture=("cat.png", broken)))
    assert "damaged" in world.refusal(await add(world, carol, picture=("cat.gif", b"GIF89a" + b"\0" * 40)))
    assert await guilds.styles(world.guild.id) == ()
    assert await world.picture_store.used_bytes() == 0


async def test_a_picture_that_cannot_be_fetched_is_refused(
    world: BotWorld, carol: MemberActor, guilds: GuildStore
) -> None:
    async def down(reference: object) -> bytes:
        raise Unavailable("503 to an attachment")

    world.engine.attachments = ReferenceFetching(down, world.client.services.picture_work)
    assert "cat.png" in world.refusal(await add(world, carol, picture=PHOTO))
    assert await guilds.styles(world.guild.id) == ()


async def test_a_server_has_at_most_fifty(guilds: GuildStore) -> None:
    adding = [guilds.add_style(a_style(number)) for number in range(MOST_STYLES + 5)]
    ended = await asyncio.gather(*adding, return_exceptions=True)
    assert sum(isinstance(end, TooManyStyles) for end in ended) == 5
    assert len(await guilds.styles(7)) == MOST_STYLES
    await guilds.add_style(a_style(99, guild_id=8))


async def test_one_too_many_is_told(world: BotWorld, carol: MemberActor, guilds: GuildStore) -> None:
    for number in range(MOST_STYLES):
        await guilds.add_style(a_style(number, guild_id=world.guild.id))
    assert f"{MOST_STYLES} styles" in world.refusal(await add(world, carol))


async def test_what_somebody_removed_meanwhile_stays_removed(guilds: GuildStore) -> None:
    style = a_style()
    await guilds.add_style(style)
    await guilds.remove_style(style)
    with pytest.raises(StyleGone):
        await guilds.change_style(style, StyleChanges(size="3:2"), by=1, now=1)
    with pytest.raises(StyleGone):
        await guilds.remove_style(style)


async def test_names_are_each_servers_own(guilds: GuildStore) -> None:
    await guilds.add_style(a_style(0))
    with pytest.raises(NameTaken):
        await guilds.add_style(a_style(1, name="STYLE 00"))
    await guilds.add_style(a_style(2, name="style 00", guild_id=8))
    assert await guilds.style(None, "style 00") is None


# -- listing -----------------------------------------------------------------------------------------------------------


async def test_a_server_without_styles_is_told_how_to_get_one(world: BotWorld) -> None:
    listed = await world.bob.slash(world.channel, "style list")
    assert listed.ephemeral
    assert "no styles yet" in texts(listed.response)
    assert "/style add" in texts(listed.response)


async def test_everybody_can_see_the_styles(world: BotWorld, carol: MemberActor) -> None:
    await add(world, carol, template="{prompt}, @everyone **loud**", size="3:2", variants=1, picture=PHOTO)
    listed = await world.bob.slash(world.channel, "style list")
    assert "Ink" in texts(listed.response)
    assert r"\*\*loud\*\*" in texts(listed.response)
    assert "landscape (3:2) · 1 picture · starts from a picture" in texts(listed.response)


async def test_many_styles_are_turned_by_pages_even_after_a_restart(world: BotWorld, guilds: GuildStore) -> None:
    for number in range(10):
        await guilds.add_style(a_style(number, guild_id=world.guild.id))
    listed = await world.bob.slash(world.channel, "style list")
    assert "style 07" in texts(listed.response)
    assert "style 08" not in texts(listed.response)
    assert button_ids(listed.response) == ["a1:styles:1"]
    await world.restart()
    assert listed.response is not None
    turned = await world.bob.click(listed.response, label="Later")
    assert "style 09" in texts(turned.response)
    assert "page 2 of 2" in texts(turned.response)
    assert turned.response is not None
    back = await world.bob.click(turned.response, label="Earlier")
    assert "style 07" in texts(back.response)


async def test_a_page_that_is_gone_meanwhile_shows_the_last_there_is(world: BotWorld, guilds: GuildStore) -> None:
    for number in range(10):
        await guilds.add_style(a_style(number, guild_id=world.guild.id))
    listed = await world.bob.slash(world.channel, "style list")
    assert listed.response is not None
    for style in (await guilds.styles(world.guild.id))[2:]:
        await guilds.remove_style(style)
    turned = await world.bob.click(listed.response, label="Later")
    assert "style 01" in texts(turned.response)
    assert button_ids(turned.response) == []


async def test_a_page_that_cannot_be_turned_is_told(
    world: BotWorld, guilds: GuildStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(10):
        await guilds.add_style(a_style(number, guild_id=world.guild.id))
    listed = await world.bob.slash(world.channel, "style list")
    assert listed.response is not None

    async def styles(*_: object) -> tuple[Style, ...]:
        raise OSError("the disk is busy")

    monkeypatch.setattr(guilds, "styles", styles)
    assert "went wrong" in world.refusal(await world.bob.click(listed.response, label="Later"))


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_fullest_page_stays_within_a_message(language: str) -> None:
    styles = [
        a_style(number, name="*" * 50, template="{prompt}" + "_" * 1990, size="2:3", variants=4) for number in range(50)
    ]
    view = styles_view(texts_in(language), styles, 3)
    assert view.content_length() <= 4000
    assert view.total_children_count <= 40


# -- choosing ----------------------------------------------------------------------------------------------------------


async def test_those_who_change_a_style_find_it_while_they_type(world: BotWorld, carol: MemberActor) -> None:
    await add(world, carol)
    await add(world, carol, name="Pink oil")
    offered = await carol.autocomplete(world.channel, "style edit", "name", "IN")
    assert [choice["value"] for choice in offered] == ["Ink", "Pink oil"]
    assert offered[0]["name"] == "Ink: {prompt}, in ink"
    (found,) = await carol.autocomplete(world.channel, "style edit", "name", "oil pi")
    assert found["value"] == "Pink oil"


async def test_the_final_words_are_shown_while_they_are_typed(world: BotWorld, carol: MemberActor) -> None:
    await add(world, carol)
    services = world.client.services
    (choice,) = await style_choices(services, world.guild.id, "", "a\nred door", ENGLISH)
    assert (choice.name, choice.value) == ("Ink: a red door, in ink", "Ink")
    (choice,) = await style_choices(services, world.guild.id, "", "  ", ENGLISH)
    assert choice.name == "Ink: {prompt}, in ink"
    assert await style_choices(services, world.guild.id, "oil", "a door", ENGLISH) == []
    assert await style_choices(services, None, "", "a door", ENGLISH) == []


async def test_a_preview_is_short_and_still_shows_both_ends(world: BotWorld, carol: MemberActor) -> None:
    await add(world, carol)
    (choice,) = await style_choices(world.client.services, world.guild.id, "", "a red door " * 300, ENGLISH)
    assert len(choice.name) <= 100
    assert choice.name.startswith("Ink: a red door")
    assert choice.name.endswith("…, in ink")


async def test_no_more_are_offered_than_discord_takes(world: BotWorld, guilds: GuildStore) -> None:
    for number in range(30):
        template = "\U0001f3a8" * 300 + "{prompt}"
        await guilds.add_style(a_style(number, guild_id=world.guild.id, template=template))
    offered = await style_choices(world.client.services, world.guild.id, "", "a door", ENGLISH)
    assert len(offered) == 25
    assert all(len(choice.name.encode("utf-16-le")) <= 200 for choice in offered)


async def test_words_go_into_the_style_with_all_it_brings(world: BotWorld, carol: MemberActor) -> None:
    await add(world, carol, size="3:2", variants=4, picture=PHOTO)
    styled = await in_style(
        world.client.services, world.guild.id, "ink", Wish(request=PictureRequest(prompt="a {red} door"))
    )
    assert (styled.request.prompt, styled.style_size, styled.style_variants, styled.request.style) == (
        "a {red} door, in ink",
        "3:2",
        4,
        "Ink",
    )
    (reference,) = styled.request.references
    assert reference.stored_key is not None
    assert await world.picture_store.get(reference.stored_key) == PHOTO[1]
    await world.ask("a", style="Ink", size="1:1", variants=1)
    task = await world.only_task()
    assert (task.size, task.variants) == ("1:1", 1)


async def test_a_picture_is_made_in_a_style(world: BotWorld, carol: MemberActor) -> None:
    await add(world, carol, size="3:2", picture=PHOTO)
    offered = await world.alice.autocomplete(world.channel, "imagine", "style", "i", prompt="a red door")
    assert [(choice["name"], choice["value"]) for choice in offered] == [("Ink: a red door, in ink", "Ink")]
    await world.restart()
    await world.ask("a red door", style="Ink", variants=2)
    await world.work(60)
    task = await world.only_task()
    assert (task.prompt, task.size, task.variants, task.style) == ("a red door, in ink", "3:2", 2, "Ink")
    assert task.state is TaskState.CLOSED
    (reference,) = await world.stores.references.of_task(task.id)
    assert await world.picture_store.get(reference.key or "") == PHOTO[1]


async def test_a_style_removed_meanwhile_is_told_and_makes_nothing(world: BotWorld, carol: MemberActor) -> None:
    await add(world, carol)
    await remove(world, carol)
    assert "no style called" in world.refusal(await world.ask("a red door", style="Ink"))
    assert await world.stores.tasks.of_user(world.alice.id) == ()


async def test_a_style_is_refused_where_it_does_not_fit(world: BotWorld, carol: MemberActor) -> None:
    await add(world, carol, picture=PHOTO)
    services, of = world.client.services, world.guild.id
    plain = Wish(request=PictureRequest(prompt="a door"))
    assert await in_style(services, of, None, plain) is plain
    for guild_id, name in ((of, "Oil"), (None, "Ink")):
        with pytest.raises(BadChoice) as refusal:
            await in_style(services, guild_id, name, plain)
        assert refusal.value.reason is Reason.STYLE_UNKNOWN
    with pytest.raises(BlankPrompt):
        await in_style(services, of, "Ink", Wish(request=PictureRequest(prompt=" ")))
    kinds = (ReferenceKind.IMAGE, ReferenceKind.MASK)
    masked = tuple(NewReference(kind=kind, url="https://cdn.test/a.png", filename="a.png") for kind in kinds)
    with pytest.raises(BadChoice) as refusal:
        await in_style(services, of, "Ink", Wish(request=PictureRequest(prompt="a door", references=masked)))
    assert refusal.value.reason is Reason.STYLE_WITH_MASK
