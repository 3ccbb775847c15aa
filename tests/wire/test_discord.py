"""The loopback Discord is as strict as the real one: messages, files, permissions, addresses, rate limits."""

from __future__ import annotations

import os
from datetime import timedelta
from typing import Any

import aiohttp
import pytest

from tests.wire.caller import MESSAGES, Answer, Caller
from tests.wire.discord import LoopbackDiscord
from tests.wire.interactions import COMMAND
from tests.wire.limits import most_in_a_second
from tests.wire.messages import Doing
from tests.wire.openapi import VARIABLE
from tests.wire.places import ALICE_ID, BOT_ID, CHANNEL_ID, May
from tests.wire.refusals import REFUSALS, banned, refusal, throttled
from tests.wire.traps import Moment, reset

V2 = 1 << 15
MIB = 1024 * 1024
PNG = b"\x89PNG"


def text(content: str, **more: Any) -> dict[str, Any]:
    return {"type": 10, "content": content, **more}


def button(custom_id: str) -> dict[str, Any]:
    return {"type": 1, "components": [{"type": 2, "style": 1, "label": "Press", "custom_id": custom_id}]}


async def test_a_nonce_is_posted_once_within_minutes_even_when_the_first_was_deleted(
    discord: LoopbackDiscord, caller: Caller
) -> None:
    nonce: dict[str, Any] = {"nonce": "n" * 25, "enforce_nonce": True}
    first = await caller.post("one", **nonce)
    again = await caller.post("two", **nonce)
    assert (again.body["id"], again.body["content"]) == (first.body["id"], "one")
    await caller.ask("DELETE", f"{MESSAGES}/{first.body['id']}")
    assert (await caller.post("three", **nonce)).body["id"] == first.body["id"]
    assert (await caller.post("not enforced", nonce="n" * 25)).body["content"] == "not enforced"
    discord.clock.turn(timedelta(minutes=6))
    assert (await caller.post("four", **nonce)).body["content"] == "four"
    assert (await caller.post("too long", nonce="n" * 26)).code == 50035


async def test_files_are_counted_and_weighed(discord: LoopbackDiscord, caller: Caller) -> None:
    assert (await caller.post(files=[("a.png", PNG)] * 10)).status == 200
    assert (await caller.post(files=[("a.png", PNG)] * 11)).code == 50035
    assert (await caller.post(files=[("a.png", bytes(10 * MIB))])).status == 200
    too_large = await caller.post(files=[("a.png", bytes(10 * MIB + 1))])
    assert (too_large.status, too_large.code) == (400, 50045)
    together = await caller.post(files=[("a.png", bytes(9 * MIB))] * 3)
    assert (together.status, together.code) == (413, 40005)
    discord.places.guild.upload_limit = 50 * MIB
    assert (await caller.post(files=[("a.png", bytes(11 * MIB))])).status == 200


async def test_an_edit_keeps_only_the_attachments_it_lists(discord: LoopbackDiscord, caller: Caller) -> None:
    named = [{"id": 1, "filename": "b.png", "description": "the second"}]
    message = (await caller.post(attachments=named, files=[("x", PNG), ("y", PNG)])).body
    assert [attachment["filename"] for attachment in message["attachments"]] == ["x", "b.png"]
    assert message["attachments"][1]["description"] == "the second"
    path = f"{MESSAGES}/{message['id']}"
    kept = message["attachments"][1]
    assert len((await caller.ask("PATCH", path, {"content": "same files"})).body["attachments"]) == 2
    listed = [{"id": kept["id"]}, {"id": 0, "filename": "new.png"}]
    edited = await caller.ask("PATCH", path, {"attachments": listed}, files=[("new.png", PNG)])
    assert [attachment["filename"] for attachment in edited.body["attachments"]] == ["b.png", "new.png"]
    assert (await caller.ask("PATCH", path, {"attachments": [{"id": "77"}]})).code == 50035
    assert (await caller.ask("PATCH", path, {"attachments": []})).body["attachments"] == []
    assert [act.doing for act in discord.acts] == [Doing.POSTED, Doing.EDITED, Doing.EDITED, Doing.EDITED]
    assert [file.name for file in discord.acts[2].files] == ["new.png"]


@pytest.mark.parametrize(
    "payload",
    [
        {"flags": V2, "components": [text("a")], "content": "old and new"},
        {"flags": V2, "components": [text("a")], "embeds": [{"title": "old and new"}]},
        {"flags": V2, "components": [text("a")] * 41},
        {"flags": V2, "components": [text("a" * 2001), text("b" * 2000)]},
        {"flags": V2, "components": [text("")]},
        {"flags": V2, "components": [text("a", id=3), text("b", id=3)]},
        {"flags": V2, "components": [button("one"), button("one")]},
        {"flags": V2, "components": [button("x" * 101)]},
        {"flags": V2, "components": [{"type": 17, "components": []}]},
        {"flags": V2, "components": [{"type": 12, "items": [{"media": {"url": "attachment://not-there.png"}}]}]},
        {"components": [text("without the flag")]},
        {"content": "x" * 2001},
    ],
)
async def test_what_discord_would_not_take_is_refused_with_the_field(caller: Caller, payload: dict[str, Any]) -> None:
    refused = await caller.ask("POST", MESSAGES, payload)
    assert (refused.status, refused.code) == (400, 50035)
    assert refused.body["errors"]


async def test_components_come_back_with_ids_and_addresses(caller: Caller) -> None:
    gallery = {"type": 12, "items": [{"media": {"url": "attachment://a.png"}}]}
    components = [{"type": 17, "id": 7, "components": [text("a"), gallery, button("one")]}]
    message = (await caller.ask("POST", MESSAGES, {"flags": V2, "components": components}, files=[("a.png", PNG)])).body
    (container,) = message["components"]
    assert [container["id"], *(component["id"] for component in container["components"])] == [7, 1, 2, 3]
    url = container["components"][1]["items"][0]["media"]["url"]
    assert (await caller.ask("GET", url)).body == PNG
    assert (await caller.ask("POST", MESSAGES, {})).code == 50006
    stays = await caller.ask("PATCH", f"{MESSAGES}/{message['id']}", {"flags": 0, "components": [text("b")]})
    assert stays.body["flags"] & V2


async def test_only_who_is_allowed_is_mentioned(caller: Caller) -> None:
    said = f"<@{ALICE_ID}> @everyone"
    for allowed, expected in [
        ({"parse": []}, ([], False)),
        ({"parse": [], "users": [ALICE_ID]}, ([str(ALICE_ID)], False)),
        ({"parse": ["users", "everyone"]}, ([str(ALICE_ID)], True)),
        (None, ([str(ALICE_ID)], True)),
    ]:
        named: dict[str, Any] = {"allowed_mentions": allowed} if allowed else {}
        message = (await caller.post(said, **named)).body
        assert ([mention["id"] for mention in message["mentions"]], message["mention_everyone"]) == expected


async def test_history_is_newest_first_and_after_means_what_follows(discord: LoopbackDiscord, caller: Caller) -> None:
    ids = [(await discord.say(str(number))).id for number in range(6)]

    async def history(query: str) -> list[str]:
        answer = await caller.ask("GET", f"{MESSAGES}?{query}")
        return [message["content"] for message in answer.body]

    assert await history("") == ["5", "4", "3", "2", "1", "0"]
    assert await history(f"after={ids[1]}&limit=2") == ["3", "2"]
    assert await history(f"before={ids[3]}&limit=2") == ["2", "1"]
    assert (await caller.ask("GET", f"{MESSAGES}?limit=101")).code == 50035


@pytest.mark.parametrize(
    ("lacks", "files", "code"), [(May.VIEW, False, 50001), (May.SEND, False, 50013), (May.ATTACH, True, 50013)]
)
async def test_without_permission_nothing_is_posted(
    discord: LoopbackDiscord, caller: Caller, lacks: May, files: bool, code: int
) -> None:
    elsewhere = discord.places.add_channel()
    elsewhere.may &= ~lacks
    given: dict[str, Any] = {"files": [("a.png", PNG)]} if files else {}
    refused = await caller.post(channel=elsewhere, **given)
    assert (refused.status, refused.code) == (403, code)
    assert (await caller.post(**given)).status == 200


async def test_without_the_right_to_read_it_the_history_is_empty(discord: LoopbackDiscord, caller: Caller) -> None:
    posted = await caller.post()
    discord.places.channel.may &= ~May.HISTORY
    assert (await caller.ask("GET", MESSAGES)).body == []
    assert (await caller.ask("GET", f"{MESSAGES}/{posted.body['id']}")).code == 50001


async def test_what_is_not_there_is_unknown(discord: LoopbackDiscord, caller: Caller) -> None:
    assert (await caller.ask("GET", "/channels/1/messages")).code == 10003
    assert (await caller.ask("DELETE", f"{MESSAGES}/1")).code == 10008
    elsewhere = discord.places.add_channel()
    posted = await caller.post()
    assert (await caller.ask("PATCH", f"/channels/{elsewhere.id}/messages/{posted.body['id']}", {})).code == 10008
    elsewhere.gone = True
    assert (await caller.post(channel=elsewhere)).code == 10003
    of_alice = (await discord.say("mine")).id
    assert (await caller.ask("PATCH", f"{MESSAGES}/{of_alice}", {"content": "yours"})).code == 50005
    assert (await caller.ask("DELETE", f"{MESSAGES}/{of_alice}")).code == 50013
    assert (await caller.ask("GET", "/users/@me", token="another")).status == 401


async def test_an_archived_thread_takes_messages_once_it_is_taken_out(discord: LoopbackDiscord, caller: Caller) -> None:
    thread = discord.places.add_thread()
    thread.archived = True
    assert (await caller.post(channel=thread)).code == 50083
    assert (await caller.ask("PATCH", f"/channels/{thread.id}", {"archived": False})).status == 200
    assert (await caller.post(channel=thread)).status == 200
    thread.archived = thread.locked = True
    assert (await caller.ask("PATCH", f"/channels/{thread.id}", {"archived": False})).code == 50013


async def test_direct_messages_go_to_whoever_takes_them(discord: LoopbackDiscord, caller: Caller) -> None:
    opened = await caller.ask("POST", "/users/@me/channels", {"recipient_id": str(ALICE_ID)})
    path = f"/channels/{opened.body['id']}/messages"
    assert (await caller.ask("POST", path, {"content": "psst"})).status == 200
    discord.places.alice.direct = False
    assert (await caller.ask("POST", path, {"content": "psst"})).code == 50007
    assert (await caller.ask("POST", "/users/@me/channels", {"recipient_id": "1"})).code == 10013


async def test_an_address_holds_as_long_as_it_says_and_only_as_it_was_signed(
    discord: LoopbackDiscord, caller: Caller
) -> None:
    message = (await caller.post(files=[("a.png", PNG)])).body
    url = message["attachments"][0]["url"]
    assert (await caller.ask("GET", url)).body == PNG
    assert (await caller.ask("GET", url.partition("?")[0])).status == 404
    assert (await caller.ask("GET", url.replace("ex=", "ex=f"))).status == 404
    discord.clock.turn(discord.cdn.life + timedelta(seconds=1))
    assert (await caller.ask("GET", url)).status == 404
    fresh = (await caller.ask("GET", f"{MESSAGES}/{message['id']}")).body["attachments"][0]["url"]
    assert (await caller.ask("GET", fresh)).body == PNG


def budget(answer: Answer) -> tuple[str, str]:
    return answer.headers["X-RateLimit-Limit"], answer.headers["X-RateLimit-Remaining"]


async def test_a_bucket_is_told_on_each_answer_and_belongs_to_a_channel(
    discord: LoopbackDiscord, caller: Caller
) -> None:
    discord.limits.set("POST /channels/{channel_id}/messages", 2, 5.0)
    assert [budget(await caller.post()) for _ in range(2)] == [("2", "1"), ("2", "0")]
    limited = await caller.post()
    assert (limited.status, limited.body["global"], limited.headers["X-RateLimit-Scope"]) == (429, False, "user")
    assert limited.headers["Via"]
    assert 0 < limited.body["retry_after"] <= 5
    assert (await caller.post(channel=discord.places.add_channel())).status == 200
    discord.clock.turn(timedelta(seconds=5))
    assert (await caller.post()).status == 200
    assert len(discord.acts) == 4
    assert discord.limits.refused == 1


async def test_the_limit_over_all_routes_is_global(discord: LoopbackDiscord, caller: Caller) -> None:
    discord.limits.everywhere = (2, 1.0)
    await caller.post()
    await caller.post()
    limited = await caller.ask("GET", "/users/@me")
    assert (limited.status, limited.body["global"], limited.headers["X-RateLimit-Global"]) == (429, True, "true")


async def test_the_limit_over_all_routes_may_slide(discord: LoopbackDiscord, caller: Caller) -> None:
    discord.limits.everywhere, discord.limits.slides = (2, 1.0), True
    await caller.post()
    discord.clock.turn(timedelta(milliseconds=900))
    await caller.post()
    discord.clock.turn(timedelta(milliseconds=300))
    assert (await caller.post()).status == 200, "the first is over a second old"
    limited = await caller.post()
    assert (limited.status, limited.body["global"]) == (429, True)
    assert 0.5 < limited.body["retry_after"] <= 0.7
    assert discord.limits.throttled == 1


async def test_what_came_is_counted_by_the_worst_second_but_not_what_has_a_token_of_its_own(
    discord: LoopbackDiscord, caller: Caller
) -> None:
    interaction = discord.interactions.begin(COMMAND, discord.places.alice, discord.places.channel)
    await caller.respond(interaction, content="hello")
    await caller.original("GET", interaction)
    assert discord.limits.arrived == []
    await caller.post()
    discord.clock.turn(timedelta(milliseconds=700))
    await caller.post()
    discord.clock.turn(timedelta(milliseconds=700))
    await caller.post()
    assert len(discord.limits.arrived) == 3
    assert most_in_a_second(discord.limits.arrived) == 2


async def test_each_refusal_can_be_ordered(discord: LoopbackDiscord, caller: Caller) -> None:
    for code, (status, message) in REFUSALS.items():
        discord.traps.lay("POST */channels/*/messages", Moment.RECEIVED, refusal(code))
        refused = await caller.post()
        assert (refused.status, refused.body) == (status, {"message": message, "code": code})
        discord.traps.clear()
    assert not discord.acts
    assert (await caller.post()).status == 200


async def test_a_429_can_be_ordered_with_via_and_a_ban_without(discord: LoopbackDiscord, caller: Caller) -> None:
    discord.traps.lay("POST */messages", Moment.RECEIVED, throttled(0.5, scope="global"))
    limited = await caller.post()
    assert (limited.status, limited.body["retry_after"], limited.headers["Via"]) == (429, 0.5, "1.1 google")
    discord.traps.lay("POST */messages", Moment.RECEIVED, banned)
    ban = await caller.post()
    assert (ban.status, "Via" in ban.headers) == (429, False)


async def test_a_message_that_was_taken_but_not_answered_is_there(discord: LoopbackDiscord, caller: Caller) -> None:
    discord.traps.lay("POST */messages", Moment.DONE, reset)
    with pytest.raises(aiohttp.ClientError):
        await caller.post("taken")
    assert [message["content"] for message in discord.messages.values()] == ["taken"]
    assert [message["author"]["id"] for message in discord.messages.values()] == [str(BOT_ID)]


async def test_what_is_not_known_here_is_noted(discord: LoopbackDiscord, caller: Caller) -> None:
    assert (await caller.ask("GET", "/voice/regions")).status == 404
    assert "/voice/regions" in discord.violations.pop()
    async with caller.session.get(f"{discord.url}/api/v10/channels/{CHANNEL_ID}/messages") as response:
        assert response.status == 401
    assert "User-Agent" in discord.violations.pop()


@pytest.mark.skipif(VARIABLE not in os.environ, reason=f"{VARIABLE} does not say where Discord's description is")
async def test_what_discords_description_does_not_allow_is_noted(discord: LoopbackDiscord, caller: Caller) -> None:
    await caller.ask("POST", MESSAGES, {"content": "fine", "attachments": []})
    assert not discord.violations
    await caller.ask("POST", MESSAGES, {"content": "fine", "tts": "perhaps"})
    assert "tts" in discord.violations.pop()
    discord.places.bot.name = None  # type: ignore[assignment]  # a response that Discord would not send
    await caller.ask("GET", "/users/@me")
    assert "username" in discord.violations.pop()
