"""Any forged value in any interaction is answered with a sentence to the asker alone, and has no other effect."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from copy import copy
from pathlib import Path
from typing import Any, Final, TypeAlias

import discord
import pytest
import sqlalchemy as sa
from simcord.results import InteractionResult
from structlog.testing import capture_logs

from bot.errors import UnknownChoice
from bot.ui.kit.forms import FormValues, Upload
from bot.ui.results.actions import MoreSelect
from bot.ui.results.picks import VarySelect
from storage.bounds import LONGEST_WORDS
from storage.catalogue import MODELS, Look
from storage.community import Setting
from storage.models import Limits
from storage.schema import (
    batches,
    guild_settings,
    preferences,
    reference_sets,
    reports,
    setting_changes,
    styles,
    tasks,
)
from tests.hostile.forging import Forger
from tests.hostile.values import BIDI, LISTS, LONG, SCALARS, SHAPES
from tests.worlds.bot_world import PHOTO, BotWorld, open_bot_world

Press: TypeAlias = Callable[[], Awaitable[InteractionResult]]
Door: TypeAlias = Callable[[BotWorld], Awaitable[Press]]

WORDS: Final = frozenset(
    {"prompt", "words", "name", "new_name", "template", "why", "what", "search", "style", "reference"}
)
"""Fields of free text: any text within the length limit is accepted, or not found in a search."""
KEPT: Final = (tasks, batches, styles, reference_sets, guild_settings, setting_changes, reports, preferences)
READ: Final = (
    *(("size", text) for text in ("9:9",)),
    *(("resolution", text) for text in (" 2", "2.0", "1\0")),
    *(("variants", number) for number in (3, 5, 9)),
)
"""Values that options with autocomplete read as a shape, a resolution or a number: they are taken, or the nearest that
the model has is offered."""


async def a_result(world: BotWorld) -> Any:
    await world.alice.slash(world.channel, "imagine", prompt="a red door", variants=2)
    await world.work(60)
    return world.channel.history()[-1]


# -- interactions that carry values ------------------------------------------------------------------------------------


def slash(command: str, who: str = "alice", /, **options: Any) -> Door:
    async def opened(world: BotWorld) -> Press:
        person = getattr(world, who) if who != "mod" else world.add_moderator()
        return lambda: person.slash(world.channel, command, **options)

    return opened


async def saved_set(world: BotWorld) -> None:
    await world.alice.slash(world.channel, "reference save", name="cat", image=PHOTO)


async def add_style(world: BotWorld) -> Any:
    moderator = world.add_moderator()
    await moderator.slash(world.channel, "style add", name="ink", template="{prompt}, in ink")
    return moderator


async def used_set(world: BotWorld) -> Press:
    await saved_set(world)
    return lambda: world.alice.slash(
        world.channel, "reference use", name="cat", prompt="a door", model="4o", size="1:1", variants=1, private=False
    )


async def edited_style(world: BotWorld) -> Press:
    moderator = await add_style(world)
    return lambda: moderator.slash(
        world.channel, "style edit", name="ink", size="1:1", variants=1, new_name="ink", template="{prompt}, inked"
    )


async def create_form(world: BotWorld) -> Press:
    async def press() -> InteractionResult:
        opened = await world.alice.slash(world.channel, "create")
        filled = {"words": "a door", "size": ["1:1"], "variants": ["1"], "files": [PHOTO], "model": ["4o"]}
        return await world.alice.submit_modal(opened, filled)

    return press


async def menu_form(world: BotWorld) -> Press:
    message = await world.bob.send(world.channel, attachments=[PHOTO, ("b.png", PHOTO[1]), ("c.png", PHOTO[1])])

    async def press() -> InteractionResult:
        opened = await world.alice.context_menu(world.channel, "Edit pictures", message)
        filled = {"words": "a door", "size": ["1:1"], "variants": ["1"], "pictures": ["0"], "files": [PHOTO]}
        return await world.alice.submit_modal(opened, filled)

    return press


async def avatar_form(world: BotWorld) -> Press:
    async def press() -> InteractionResult:
        opened = await world.alice.context_menu(world.channel, "Use avatar", world.bob)
        filled = {"words": "a door", "model": ["4o"], "size": ["1:1"], "variants": ["1"], "private": False}
        return await world.alice.submit_modal(opened, filled)

    return press


async def set_form(world: BotWorld) -> Press:
    await saved_set(world)

    async def press() -> InteractionResult:
        opened = await world.alice.slash(world.channel, "reference use", name="cat")
        filled = {"words": "a door", "model": ["4o"], "size": ["1:1"], "variants": ["1"], "private": False}
        return await world.alice.submit_modal(opened, filled)

    return press


async def edit_form(world: BotWorld) -> Press:
    picked: Any = await world.bob.click(await a_result(world), label="1")

    async def press() -> InteractionResult:
        opened = await world.bob.click(picked.response, label="Edit")
        filled = {"words": "a door", "size": ["1:1"], "variants": ["1"], "picture": ["0"], "files": [PHOTO]}
        return await world.bob.submit_modal(opened, filled)

    return press


async def report_form(world: BotWorld) -> Press:
    room = world.guild.create_text_channel("moderators")
    await world.choose(Setting.MODERATORS, room.id)
    result = await a_result(world)

    async def press() -> InteractionResult:
        opened = await world.bob.select(result, ["report"])
        return await world.bob.submit_modal(opened, {"why": "it hurts"})

    return press


async def vary_select(world: BotWorld) -> Press:
    await a_result(world)
    options = [discord.SelectOption(label=position, value=position) for position in "01"]
    task = await world.only_task()
    old = await world.post_item(VarySelect(discord.ui.Select(options=options), task.id))
    return lambda: world.bob.select(old, ["0"])


async def more_select(world: BotWorld) -> Press:
    await a_result(world)
    options = [discord.SelectOption(label="Family", value="family")]
    task = await world.only_task()
    message = await world.post_item(MoreSelect(discord.ui.Select(options=options), task.id))
    return lambda: world.bob.select(message, ["family"])


async def tasks_select(world: BotWorld) -> Press:
    await a_result(world)
    task = (await world.stores.tasks.of_user(world.alice.id))[0]
    listed: Any = await world.alice.slash(world.channel, "tasks")
    return lambda: world.alice.select(listed.response, [task.id], custom_id="a1:tasks-open")


async def which_select(world: BotWorld) -> Press:
    await a_result(world)
    listed: Any = await world.alice.slash(world.channel, "tasks")
    return lambda: world.alice.select(listed.response, ["done"], custom_id="a1:tasks-which:")


async def batch_select(world: BotWorld) -> Press:
    asked: Any = await world.alice.slash(world.channel, "imagine", prompt="{red, blue} door")
    await world.alice.click(asked.response, label="Make them")
    await world.work(60)
    message = next(message for message in world.channel.history() if message.attachments)
    (batch,) = await rows(world, batches)
    task = (await world.stores.tasks.of_user(world.alice.id))[0]
    return lambda: world.bob.select(message, [task.id], custom_id=f"a1:batch-open:{batch['id']}")


def setting_select(setting: Setting) -> Door:
    offered: dict[Setting, list[Any]] = {
        Setting.GREATEST_BATCH: ["5"], Setting.SIZE: ["3:2"], Setting.VARIANTS: ["2"], Setting.LANGUAGE: ["zh-CN"],
        Setting.MODELS: ["4o", "grok"], Setting.MODEL: ["grok"],
    }  # fmt: skip

    async def opened(world: BotWorld) -> Press:
        role = world.guild.create_role("keys", permissions=discord.Permissions(manage_guild=True))
        carol = world.guild.add_member(world.env.create_user("carol"), roles=[role])
        panel: Any = await carol.slash(world.channel, "settings")
        values = offered.get(setting, [world.channel])
        return lambda: carol.select(panel.response, values, custom_id=f"a1:setting:{setting.value}")

    return opened


def preference_select(name: str, value: str) -> Door:
    async def opened(world: BotWorld) -> Press:
        panel: Any = await world.alice.slash(world.channel, "preferences")
        return lambda: world.alice.select(panel.response, [value], custom_id=f"a1:preference:{name}")

    return opened


async def added_words_form(world: BotWorld) -> Press:
    panel: Any = await world.alice.slash(world.channel, "preferences")

    async def press() -> InteractionResult:
        opened = await world.alice.click(panel.response, custom_id="a1:preference-add")
        return await world.alice.submit_modal(opened, {"words": "soft light"})

    return press


IMAGINE: Final = slash(
    "imagine", prompt="a door", size="1:1", variants=1, image=PHOTO, style="none", reference="none", private=False,
    enhance=False, fallback=False,
)  # fmt: skip
PLAIN: Final = slash(
    "imagine", prompt="a door", model="gpt-image", size="1:1", resolution="1K", background="transparent", variants=1,
    private=False, enhance=False, fallback=False,
)  # fmt: skip
BLEND: Final = slash("blend", image=PHOTO, image2=PHOTO, size="1:1", variants=1, private=False)
TYPED: Final = frozenset({PLAIN, BLEND, used_set})
STYLE: Final = slash("style add", "mod", name="ink", template="{prompt}, in ink", size="1:1", variants=1)

SINGLE: Final[dict[str, tuple[Door, tuple[str, ...]]]] = {
    "/imagine": (
        PLAIN,
        ("prompt", "model", "size", "resolution", "background", "variants", "private", "enhance", "fallback"),
    ),
    "/imagine with more": (IMAGINE, ("image", "style", "reference")),
    "/blend": (BLEND, ("image", "image2", "size", "variants", "private")),
    "/reference use": (used_set, ("name", "prompt", "model", "size", "variants", "private")),
    "/reference save": (slash("reference save", name="cat", image=PHOTO), ("name", "image")),
    "/style add": (STYLE, ("name", "template", "size", "variants")),
    "/style edit": (edited_style, ("name", "new_name", "template", "size", "variants")),
    "/show": (slash("show", what="a door"), ("what",)),
    "/tasks": (slash("tasks", search="a door"), ("search",)),
    "/create": (create_form, ("words",)),
    "the menu's form": (menu_form, ("words",)),
    "the avatar's form": (avatar_form, ("words", "private")),
    "the set's form": (set_form, ("words", "private")),
    "Edit": (edit_form, ("words",)),
    "Report": (report_form, ("why",)),
    "/preferences words": (added_words_form, ("words",)),
}
"""Interactions and the names of their fields that carry a single value."""
SEVERAL: Final[dict[str, tuple[Door, tuple[str, ...]]]] = {
    "/create": (create_form, ("model", "size", "variants", "files")),
    "the menu's form": (menu_form, ("size", "variants", "pictures", "files")),
    "the avatar's form": (avatar_form, ("model", "size", "variants")),
    "the set's form": (set_form, ("model", "size", "variants")),
    "Edit": (edit_form, ("size", "variants", "picture", "files")),
    "Vary": (vary_select, ("values",)),
    "More": (more_select, ("values",)),
    "/tasks opens": (tasks_select, ("values",)),
    "/tasks filters": (which_select, ("values",)),
    "a batch opens": (batch_select, ("values",)),
    "/preferences model": (preference_select("model", "grok"), ("values",)),
    "/preferences size": (preference_select("size", "16:9"), ("values",)),
    "/preferences variants": (preference_select("variants", "3"), ("values",)),
    "/preferences private": (preference_select("private", "yes"), ("values",)),
    **{f"/settings {setting.value}": (setting_select(setting), ("values",)) for setting in Setting},
}
"""Interactions and the names of their fields that carry a list of values."""


FORMS: Final = frozenset({create_form, menu_form, avatar_form, set_form, edit_form, report_form})


@pytest.mark.parametrize(("door", "fields"), SINGLE.values(), ids=list(SINGLE))
@pytest.mark.sampled(every=10)
async def test_one_value_that_was_never_offered(world: BotWorld, door: Door, fields: tuple[str, ...]) -> None:
    await tried(world, door, dict.fromkeys(fields, SCALARS))


@pytest.mark.parametrize(("door", "fields"), SEVERAL.values(), ids=list(SEVERAL))
@pytest.mark.sampled(every=10)
async def test_a_list_of_values_that_was_never_offered(world: BotWorld, door: Door, fields: tuple[str, ...]) -> None:
    await tried(world, door, {field: LISTS | (SHAPES if field != "values" else {}) for field in fields})


async def tried(world: BotWorld, door: Door, values_of: dict[str, dict[str, Any]]) -> None:
    """Forge each value. Assert that it is refused in an ephemeral sentence, unless it may be accepted."""
    press = await door(world)
    forger = Forger(world.client)
    before = await kept(world)
    for field, name, value in [(field, *pair) for field, values in values_of.items() for pair in values.items()]:
        with capture_logs() as logged:
            forger.forge(field, value)
            answered = await press()
        world.acknowledged = world.env.error_cursor
        what = f"{field}: {name}"
        assert forger.hits, what
        forger.hits = 0
        assert [entry for entry in logged if entry["log_level"] in {"error", "critical"}] == [], what
        after = await kept(world)
        if not may_be_taken(door, field, value):
            assert after == before, f"{what} is stored"
            assert refused(answered), what
        before = after
    await assert_sound(world)


def refused(answered: InteractionResult) -> bool:
    """Return whether the answer is an ephemeral sentence, and not the one for a defect."""
    said = [answer for answer in (answered.response, *answered.followups) if answer is not None and answer.content]
    return bool(said) and all(answer.ephemeral and "Something went wrong" not in answer.content for answer in said)


def may_be_taken(door: Door, field: str, value: Any) -> bool:
    if door in TYPED and (field, value) in READ:
        return True
    if door in {STYLE, edited_style} and field == "variants" and value == 3:
        return True
    if isinstance(value, str):
        return field in WORDS and value != LONG
    if isinstance(value, bool):
        return field in {"private", "enhance", "fallback"}
    if value is None:
        return field in {"words", "why"} or (field == "private" and door in FORMS)  # the field was left out
    if door is edited_style:
        return field == "variants" and value == 0 and isinstance(value, int)  # 0 means the server's default
    return field == "pictures" and value == ["1", "2"]


async def kept(world: BotWorld) -> dict[str, list[dict[str, Any]]]:
    return {table.name: await rows(world, table) for table in KEPT}


async def rows(world: BotWorld, table: sa.Table) -> list[dict[str, Any]]:
    async with world.database.read() as connection:
        return [row._asdict() for row in await connection.execute(sa.select(table))]


async def assert_sound(world: BotWorld) -> None:
    for task in await rows(world, tasks):
        model = MODELS[task["model"]]
        assert model.allows(Look(task["size"], task["resolution"], task["background"]))
        assert task["variants"] in model.variants
        assert len(task["prompt"]) <= LONGEST_WORDS


PICTURE: Final[dict[str, Any]] = {"url": "https://cdn.discordapp.com/a.png", "filename": "a.png", "size": 5}


def form(*components: Any, **file: Any) -> FormValues:
    """Return what was submitted: the components, and a file `1` with the values of `PICTURE` and of `file`."""
    return FormValues({"components": list(components), "resolved": {"attachments": {"1": PICTURE | file}}})


FILES: Final = {"component": {"custom_id": "files", "values": ["1"]}}


@pytest.mark.parametrize(
    "file",
    [
        {"url": 5},
        {"filename": None},
        {"content_type": 7},
        {"size": "5"},
        {"size": True},
        {"size": 5.0},
        {"flags": "1"},
        {"flags": None},
    ],
    ids=str,
)
def test_an_uploaded_file_that_discord_would_not_describe_so_is_refused(file: dict[str, Any]) -> None:
    assert form(FILES).files("files") == (Upload(**PICTURE, content_type=None),)
    with pytest.raises(UnknownChoice):
        form(FILES, **file).files("files")


@pytest.mark.parametrize("part", [None, "abc", 5, ["a"]], ids=str)
def test_a_part_of_a_form_that_is_no_part_is_refused(part: Any) -> None:
    for components in ((part,), ({"components": [part]},)):
        with pytest.raises(UnknownChoice):
            form(*components)


def test_a_part_of_a_form_without_a_name_is_no_field() -> None:
    row = {"components": [{"custom_id": "words", "value": "a door"}]}
    parts = ({"type": 10, "content": "a text"}, {"component": "none"}, {"component": {"custom_id": 7}}, row)
    assert form(*parts).words("words") == "a door"


def test_files_that_were_not_uploaded_are_refused() -> None:
    for resolved in (None, {"attachments": None}, {"attachments": {"1": "a.png"}}):
        with pytest.raises(UnknownChoice):
            FormValues({"components": [FILES], "resolved": resolved}).files("files")


# -- other interactions ------------------------------------------------------------------------------------------------


async def test_a_negative_number_lowers_no_limit(tmp_path: Path) -> None:
    limits = Limits(open_tasks_per_user=0, pictures_per_user_per_day=3, pictures_per_day=0)
    async with open_bot_world(tmp_path, limits=limits) as world:
        press, forger = await create_form(world), Forger(world.client)
        forger.forge("variants", ["-1000"])
        assert "isn’t one of the choices" in world.refusal(await press())
        await world.ask(variants=2)
        assert "more than the 3" in world.refusal(await world.ask(variants=4))
        assert [task.variants for task in await world.stores.tasks.of_user(world.alice.id)] == [2]


@pytest.mark.parametrize(
    "custom_id",
    [
        "a1:again:0123456789abcdef",
        "a1:again:../../etc/passwd",
        "a1:again:0123456789ABCDEF",
        "a1:tasks:hax:1:x",
        f"a1:tasks:done:{10**5}:%00%ED%A0%80",
        "a1:sets:99",
        "a1:sets:-1",
        "a1:styles:99",
        "a1:setting:guild_id",
        "a1:unset:guild_id",
        "a1:erase:everybody",
        "a1:batch-make:0123456789abcdef",
        "a2:again:0123456789abcdef",
        "\ud800",
        "",
    ],
)
@pytest.mark.sampled(every=5)
async def test_a_button_that_was_never_offered(
    world: BotWorld, custom_id: str, caplog: pytest.LogCaptureFixture
) -> None:
    result, forger, before = await a_result(world), Forger(world.client), await kept(world)
    forger.forge("custom_id", custom_id)
    with capture_logs() as logged:
        await world.bob.click(result, label="Again")
    world.acknowledged = world.env.error_cursor
    assert forger.hits
    assert await kept(world) == before
    assert [entry for entry in logged if entry["log_level"] == "error"] == []
    assert [record for record in caplog.records if record.levelname == "ERROR"] == []


@pytest.mark.parametrize("words", [LONG, "\0", "\u200b\u200b", "\ud800", BIDI, "{a, b} " * 700], ids=range(6))
async def test_a_mention_with_hostile_words(world: BotWorld, words: str) -> None:
    with capture_logs() as logged:
        message = await world.alice.send(world.channel, "hello")
        heard = copy(message)
        heard.content, heard.mentions = f"<@{world.client.user.id}> {words}", []  # type: ignore[union-attr]
        with world.env.time_context():
            await world.client.get_cog("Mentions").on_message(heard)  # type: ignore[union-attr]
    assert [entry for entry in logged if entry["log_level"] == "error"] == []
    await assert_sound(world)
    stored = await world.stores.tasks.of_user(world.alice.id)
    assert len(stored) == (words == BIDI)


@pytest.mark.parametrize("typed", [LONG, "\0", "\ud800", BIDI, "%_\\", ""])
async def test_what_is_being_typed_may_be_anything(
    world: BotWorld, typed: str, caplog: pytest.LogCaptureFixture
) -> None:
    for command, option in (("show", "what"), ("reference use", "name"), ("imagine", "style")):
        await world.alice.autocomplete(world.channel, command, option, typed)
    assert [record for record in caplog.records if record.levelname == "ERROR"] == []


@pytest.mark.parametrize("changes", [{"size": "9:9"}, {"variants": -1000}, {"variants": 3}, {"prompt": LONG}])
async def test_a_batch_proposed_before_all_was_checked_is_not_begun(world: BotWorld, changes: dict[str, Any]) -> None:
    question: Any = await world.alice.slash(world.channel, "imagine", prompt="{red, blue} door")
    (batch,) = await rows(world, batches)
    words = {"words": [f"{LONG} {word}" for word in batch["words"]]} if "prompt" in changes else {}
    async with world.database.write() as connection:
        request = batch["request"] | {"request": batch["request"]["request"] | changes}
        await connection.execute(sa.update(batches).values(request=request, **words))
    answered = await world.alice.click(question.response, label="Make them")
    assert "Something went wrong" not in world.refusal(answered)
    assert await rows(world, tasks) == []
