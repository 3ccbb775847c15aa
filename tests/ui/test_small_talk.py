"""Tests for greetings, thanks and the like, which cost nothing, and for the requests that resemble them."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from bot.intake.small_talk import SmallTalk, language_in, small_talk_in
from storage.models import TaskState
from tests.worlds.bot_world import PHOTO, BotWorld, button_ids, new_client, open_bot_world, texts

HELP, HELLO, THANKS = SmallTalk.HELP, SmallTalk.HELLO, SmallTalk.THANKS
SMILE, WAVE = "😊", "👋"


@pytest.mark.parametrize(
    ("words", "kind"),
    [
        ("help", HELP), ("Help!", HELP), ("?", HELP), ("??", HELP), ("？", HELP), ("...", HELP), ("!", HELP),
        ("help me please", HELP), ("how does this work?", HELP), ("What can you do?", HELP),
        ("what's this", HELP), ("test", HELP), ("1", HELP), ("x", HELP), ("cancel", HELP), ("帮助", HELP),
        ("怎么用？", HELP), ("你会做什么", HELP), ("在吗", HELP), ("hi, what can you do?", HELP), ("hi", HELLO),
        ("Hello there!", HELLO), ("hiiii", HELLO), ("helloooo", HELLO), ("hey atelier 👋", HELLO),
        ("good morning", HELLO), ("How are you?", HELLO), ("你好", HELLO), ("您好！", HELLO),
        ("大家好呀", HELLO), ("你好，谢谢", HELLO), ("hi 你好", HELLO), ("thanks", THANKS),
        ("THANKS!!!", THANKS), ("thank you", THANKS), ("Thank you so much for the picture ❤️", THANKS),
        ("thaaanks", THANKS), ("thx :)", THANKS), ("ｔｈａｎｋｓ", THANKS), ("good bot", THANKS),
        ("it is great", THANKS), ("that's beautiful", THANKS), ("omg wow", THANKS), ("ok", THANKS),
        ("no", THANKS), ("hahaha", THANKS), ("xD", THANKS), ("sorry", THANKS), ("good night", THANKS),
        ("谢谢", THANKS), ("謝謝你！", THANKS), ("太好看了", THANKS), ("哈哈哈哈", THANKS),
        ("好的，谢谢", THANKS), ("😀", THANKS), ("❤️", THANKS), ("👍🏽👍🏽", THANKS), ("🇩🇪", THANKS),
        ("👨‍👩‍👧", THANKS), ("<:cat:123456789>", THANKS), (":)", THANKS), ("<3", THANKS),
        ("how do I use the bot?", HELP), ("how do I use this bot", HELP), ("how can I make a picture?", HELP),
        ("can you make pictures?", HELP), ("can you make a picture?", HELP), ("what commands do you have?", HELP),
        ("how do I edit a picture?", HELP), ("how many pictures do I have left?", HELP), ("how do I cancel?", HELP),
        ("is anyone there?", HELP), ("hello, is anyone there?", HELP), ("who made you?", HELP), ("are you ai?", HELP),
        ("it's not working", HELP), ("doesn't work", HELP), ("that's not what I wanted", HELP),
        ("why is it so slow?", HELP), ("so pretty", THANKS), ("love these", THANKS), ("that was fast!", THANKS),
        ("great stuff", THANKS), ("amazing work", THANKS), ("amazing work, thank you so much", THANKS),
        ("gg", THANKS), ("wtf", THANKS), ("how nice", THANKS), ("happy new year!", HELLO),
        ("你会画画吗", HELP), ("你会画画吗？", HELP), ("能画什么", HELP), ("怎么修改图片", HELP), ("还有几张", HELP),
        ("我还有几张图呢", HELP), ("为什么这么慢", HELP), ("谢谢大佬", THANKS), ("太强了", THANKS),
        ("画得真好", THANKS), ("画得不错啊", THANKS), ("666", THANKS), ("新年快乐", HELLO), ("大家新年快乐", HELLO),
        ("早", HELLO), ("早啊", HELLO), ("谢谢你的图", THANKS), ("谢谢你的图片，太好看了", THANKS),
        ("谢谢你的帮助", THANKS), ("谢谢" * 900, THANKS),
    ],
)  # fmt: skip
def test_small_talk_is_known_as_such(words: str, kind: SmallTalk) -> None:
    assert small_talk_in(words) is kind


@pytest.mark.parametrize(
    "words",
    [
        "hi there, a cat with a hat", "thanks, now a red door", "a thank-you card", "a help sign",
        "good morning in Paris", "hello kitty", "hello world", "make it red", "make it nice", "again", "more",
        "red", "cat", "love", "night", "morning", "2024", "a question mark", "no hat", "yes, but blue",
        "nice hat", "cool cat", "perfect circle", "test pattern", "stop sign", "ok corral", "a bot",
        "thank you note", "a 😀", "🐱 in space", "what does a dragon look like?", "how to train your dragon",
        "can you draw a cat?", "谢谢，再画一扇红门", "你好，画一只猫", "画一张谢谢的卡片", "猫", "红", "牛",
        "can you make a picture of a cat", "can you make pictures of dogs?", "can you draw this", "can you make it red",
        "how a cat sleeps", "how do I look as a pirate", "how many cats fit into a box",
        "who is the king, oil painting",
        "who made the sun", "are you a cat", "is anyone there in the dark house", "that was fast food",
        "love these flowers in a vase", "so pretty a garden", "amazing work of art", "great stuffed animals",
        "gg in neon letters", "the bot", "this bot", "make the bot smile", "a bot that is not working", "pretty",
        "better", "happy birthday", "how do I edit a picture of a cat", "that's not what I wanted, make it blue",
        "会画画的猫", "能画什么的魔法笔", "还有几张椅子", "太强了的怪兽", "画得真好的猫", "666路公交车",
        "新年快乐的贺卡", "早晨的海", "大佬", "画一位大佬", "你的图", "谢谢你的图，再加一只猫", "你会画画吗，画一只猫",
        "谢谢" * 900 + "猫",
        "好看的猫", "可爱的猫", "太阳", "美女", "早餐", "不要帽子", "привет", "ありがとうの猫", "кот", "قطة",
    ],
)  # fmt: skip
def test_other_words_are_requests(words: str) -> None:
    assert small_talk_in(words) is None


@pytest.mark.parametrize(
    "words", ["谢谢你的" * 1000, "thank you so much " * 220, "谢谢你的图" * 800 + "猫", "哈" * 4000 + "x"]
)
def test_long_words_that_can_be_read_in_many_ways_take_no_time(words: str) -> None:
    small_talk_in("hi")  # loads the phrases
    began = time.process_time()
    small_talk_in(words)
    assert time.process_time() - began < 1


@pytest.mark.parametrize(
    ("words", "language"),
    [
        ("谢谢", "zh-CN"), ("<@1> 你好 hi", None), ("<@1> 画一只猫 cat", "zh-CN"), ("thanks", None), ("猫の絵", None),
        ("😀", None), ("", None),
    ],
)  # fmt: skip
def test_chinese_characters_tell_the_language(words: str, language: str | None) -> None:
    assert language_in(words) == language


def us(world: BotWorld) -> str:
    assert world.client.user is not None
    return world.client.user.mention


async def mention(world: BotWorld, words: str, **options: Any) -> Any:
    return await world.alice.send(world.channel, f"{us(world)} {words}", **options)


def last(world: BotWorld) -> Any:
    return world.channel.history()[-1]


def reactions(world: BotWorld, message: Any) -> list[str]:
    stored = next(found for found in world.channel.history() if found.id == message.id)
    return [str(reaction.emoji) for reaction in stored.reactions]


async def costs_nothing(world: BotWorld) -> bool:
    return not await world.stores.tasks.of_user(world.alice.id)


@pytest.mark.parametrize("words", ["", "help", "hi", "?"])
async def test_who_greets_or_asks_gets_a_guide_with_examples(world: BotWorld, words: str) -> None:
    asked = await mention(world, words)
    assert "Mention me and say what you’d like to see" in texts(last(world))
    assert last(world).reference.message_id == asked.id
    assert not world.pinged(last(world))
    shown = await world.bob.click(last(world), custom_id="a1:help")
    assert shown.ephemeral
    assert await costs_nothing(world)


async def test_thanks_get_a_smile_and_no_message(world: BotWorld) -> None:
    asked = await mention(world, "thank you so much!")
    assert last(world).id == asked.id
    assert reactions(world, asked) == [SMILE]
    assert await costs_nothing(world)


async def test_thanks_in_answer_to_a_result_make_no_picture_and_words_do(world: BotWorld) -> None:
    await world.ask()
    await world.work(60)
    result = last(world)
    for words in ("thanks!!", "❤️", ""):
        await world.bob.send(world.channel, f"{us(world)} {words}", reply_to=result)
    assert not await world.stores.tasks.of_user(world.bob.id)
    await world.bob.send(world.channel, f"{us(world)} thanks, make it red", reply_to=result)
    assert (await world.only_task(world.bob)).prompt == "thanks, make it red"


async def test_a_picture_with_small_talk_is_not_paid_and_the_guide_says_what_to_write(world: BotWorld) -> None:
    await mention(world, "thanks", attachments=[PHOTO])
    assert "Mention me and say what you’d like to see" in texts(last(world))
    assert await costs_nothing(world)


async def test_where_reactions_are_not_allowed_the_smile_is_a_line(world: BotWorld) -> None:
    world.deny("add_reactions")
    await mention(world, "thanks")
    assert last(world).content == "Happy to help."
    count = len(world.channel.history())
    await mention(world, "thanks")
    assert len(world.channel.history()) == count + 1


async def test_a_person_gets_one_guide_a_minute_and_a_wave_in_between(world: BotWorld) -> None:
    await mention(world, "hi")
    second = await mention(world, "help")
    assert last(world).id == second.id
    assert reactions(world, second) == [WAVE]
    await world.bob.send(world.channel, f"{us(world)} hi")
    assert "Mention me and say what you’d like to see" in texts(last(world))
    world.clock.turn(61)
    await mention(world, "help")
    assert "Mention me and say what you’d like to see" in texts(last(world))


async def test_chinese_small_talk_is_answered_in_chinese(world: BotWorld) -> None:
    await mention(world, "你好")
    assert "@我 并写下你想看到什么" in texts(last(world))


async def test_bots_get_neither_guide_nor_smile(world: BotWorld) -> None:
    robot = world.guild.add_member(world.env.create_user("robot", bot=True))
    for words in ("hi", "thanks"):
        said = await robot.send(world.channel, f"{us(world)} {words}")
        assert last(world).id == said.id
        assert not reactions(world, said)


async def test_where_no_pictures_may_be_made_small_talk_is_told_so(tmp_path: Path) -> None:
    async with open_bot_world(tmp_path, client=new_client(allowed_guilds=frozenset({1}))) as world:
        await mention(world, "hi")
        assert "I’m not allowed to make pictures here" in last(world).content


# -- direct messages ---------------------------------------------------------------------------------------------------


def direct(world: BotWorld) -> Any:
    return world.alice.user.dm_channel.history()[-1]


async def test_a_direct_message_needs_no_mention(world: BotWorld) -> None:
    await world.alice.send_dm("a red door")
    await world.work(60)
    task = await world.only_task()
    assert (task.prompt, task.guild_id, task.state) == ("a red door", None, TaskState.CLOSED)
    assert "Your picture is ready" in texts(direct(world))


async def test_a_direct_answer_to_a_result_edits_it(world: BotWorld) -> None:
    await world.alice.send_dm("a red door")
    await world.work(60)
    (parent,) = await world.stores.tasks.of_user(world.alice.id)
    result, channel = direct(world), world.alice.user.dm_channel
    world.env.backend.create_message(
        channel.id, world.alice.id, "make it night", reference={"type": 0, "message_id": str(result.id)}
    )
    await world.env.settle()
    await world.work(60)
    tasks = await world.stores.tasks.of_user(world.alice.id)
    (edit,) = [task for task in tasks if task.id != parent.id]
    assert (edit.prompt, edit.parent_id) == ("make it night", parent.id)


@pytest.mark.parametrize(
    ("words", "answer"), [("hi", "Say what you’d like to see, or send"), ("你好", "直接写下你想看到什么")]
)
async def test_a_direct_greeting_gets_the_guide_for_direct_messages(world: BotWorld, words: str, answer: str) -> None:
    await world.alice.send_dm(words)
    assert answer in texts(direct(world))
    assert button_ids(direct(world)) == ["a1:help"]
    assert await costs_nothing(world)


# -- the bot's own role ------------------------------------------------------------------------------------------------


def our_role(world: BotWorld) -> str:
    guild = world.client.get_guild(world.guild.id)
    assert guild is not None
    (role,) = [role for role in guild.me.roles if role.managed]
    return role.mention


async def test_a_mention_of_our_role_is_a_request_where_its_text_arrives(tmp_path: Path) -> None:
    async with open_bot_world(tmp_path, client=new_client(message_content=True)) as world:
        await world.alice.send(world.channel, f"{our_role(world)} a red door")
        assert (await world.only_task()).prompt == "a red door"


async def test_a_mention_of_our_role_whose_text_is_hidden_is_told_how_to_mention_us(world: BotWorld) -> None:
    await world.alice.send(world.channel, f"{our_role(world)} a red door")
    assert "I can only read messages that mention me" in texts(last(world))
    assert await costs_nothing(world)


async def test_a_mention_of_another_role_is_left_alone(tmp_path: Path) -> None:
    async with open_bot_world(tmp_path, client=new_client(message_content=True)) as world:
        role = world.guild.create_role("painters")
        said = await world.alice.send(world.channel, f"<@&{role.id}> a red door")
        assert last(world).id == said.id
        assert await costs_nothing(world)
