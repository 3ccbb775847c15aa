"""The loopback Discord is as strict as the real one: interactions, their first responses and their tokens."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tests.wire.caller import MESSAGES, Caller
from tests.wire.discord import LoopbackDiscord
from tests.wire.interactions import DEFERRED, DEFERRED_UPDATE, MESSAGE, UPDATE
from tests.wire.messages import Doing, Way

EPHEMERAL, LOADING, V2 = 1 << 6, 1 << 7, 1 << 15
ROW = {"type": 1, "components": [{"type": 2, "style": 1, "label": "Press", "custom_id": "press"}]}


async def test_the_first_answer_is_a_message_and_the_second_is_too_many(
    discord: LoopbackDiscord, caller: Caller
) -> None:
    asked = await discord.imagine("a red door")
    answered = await caller.respond(asked, MESSAGE, "?with_response=1", content="here", files=[("a.png", b"1")])
    assert answered.body["resource"]["message"]["content"] == "here"
    assert answered.body["interaction"]["response_message_id"] == answered.body["resource"]["message"]["id"]
    assert await asked.acknowledgement() < 3
    assert asked.message == discord.messages[answered.body["resource"]["message"]["id"]]
    again = await caller.respond(asked, content="again")
    assert (again.status, again.code) == (400, 40060)
    assert (await caller.respond(await discord.imagine("another"), content="bare")).status == 204
    assert [(act.doing, act.way) for act in discord.acts] == [(Doing.POSTED, Way.CALLBACK)] * 2


async def test_after_three_seconds_the_first_answer_is_refused_and_the_token_is_dead(
    discord: LoopbackDiscord, caller: Caller
) -> None:
    asked = await discord.imagine("a red door")
    discord.clock.turn(timedelta(seconds=3.1))
    for _ in range(2):
        late = await caller.respond(asked, content="late")
        assert (late.status, late.code) == (404, 10062)
    assert (await caller.followup(asked)).code == 10015
    assert (await caller.original("GET", asked)).code == 10015
    assert not asked.acknowledged.is_set()
    assert not discord.acts


async def test_before_the_first_answer_there_is_nothing_to_follow(discord: LoopbackDiscord, caller: Caller) -> None:
    asked = await discord.imagine("a red door")
    assert (await caller.followup(asked)).code == 10015
    assert (await caller.original("PATCH", asked, {"content": "x"})).code == 10015
    assert (await caller.ask("POST", "/webhooks/7002/no-such-token", {"content": "x"})).code == 10015


async def test_a_token_lives_for_fifteen_minutes(discord: LoopbackDiscord, caller: Caller) -> None:
    asked = await discord.imagine("a red door")
    await caller.respond(asked, content="here")
    discord.clock.turn(timedelta(minutes=14, seconds=58))
    assert (await caller.original("PATCH", asked, {"content": "still"})).body["content"] == "still"
    assert (await caller.followup(asked)).status == 200
    discord.clock.turn(timedelta(seconds=3))
    for gone in (
        await caller.original("GET", asked),
        await caller.original("PATCH", asked, {"content": "x"}),
        await caller.original("DELETE", asked),
        await caller.followup(asked),
    ):
        assert (gone.status, gone.code) == (401, 50027)
    assert asked.message is not None
    assert (await caller.ask("PATCH", f"{MESSAGES}/{asked.message['id']}", {"content": "by channel"})).status == 200


async def test_a_deferred_answer_is_filled_by_an_edit_or_by_the_first_followup(
    discord: LoopbackDiscord, caller: Caller
) -> None:
    by_edit, by_followup = await discord.imagine("one"), await discord.imagine("two")
    for asked in (by_edit, by_followup):
        await caller.respond(asked, DEFERRED)
        assert asked.message is not None
        assert asked.message["flags"] == LOADING
    assert (await caller.original("PATCH", by_edit, {"content": "done"})).body["flags"] == 0
    assert (await caller.followup(by_followup, "done")).body["id"] == by_followup.message["id"]  # type: ignore[index]
    assert (await caller.followup(by_followup, "more")).body["content"] == "more"
    assert sorted(message["content"] for message in discord.messages.values()) == ["done", "done", "more"]
    assert (await caller.original("DELETE", by_edit)).status == 204
    assert (await caller.original("GET", by_edit)).code == 10008


async def test_what_only_the_asker_sees_is_not_in_the_channel(discord: LoopbackDiscord, caller: Caller) -> None:
    asked = await discord.imagine("a red door")
    await caller.respond(asked, content="psst", flags=EPHEMERAL)
    assert (await caller.ask("GET", MESSAGES)).body == []
    assert asked.message is not None
    for method, body in (("GET", None), ("PATCH", {"content": "x"}), ("DELETE", None)):
        assert (await caller.ask(method, f"{MESSAGES}/{asked.message['id']}", body)).code == 10008
    assert (await caller.original("GET", asked)).body["content"] == "psst"
    deferred = await discord.imagine("a blue door")
    await caller.respond(deferred, DEFERRED, flags=EPHEMERAL)
    assert deferred.message is not None
    assert deferred.message["flags"] == LOADING | EPHEMERAL


async def test_a_click_edits_its_message_or_leaves_it(discord: LoopbackDiscord, caller: Caller) -> None:
    posted = (await caller.post("card", components=[ROW])).body
    assert discord.buttons(posted["id"]) == {"Press": "press"}
    clicked = await discord.click(posted["id"], "press", person=discord.places.add_person("bob"))
    await caller.respond(clicked, UPDATE, content="pressed", components=[])
    assert discord.messages[posted["id"]]["content"] == "pressed"
    with pytest.raises(AssertionError, match="has no press"):
        await discord.click(posted["id"], "press")
    other = (await caller.post("card", components=[ROW])).body
    left = await discord.click(other["id"], "press")
    await caller.respond(left, DEFERRED_UPDATE)
    assert (await caller.original("GET", left)).body["id"] == other["id"]
    assert (await caller.respond(await discord.imagine("a door"), UPDATE, content="x")).code == 50035


async def test_what_an_interaction_says_of_itself(discord: LoopbackDiscord, caller: Caller) -> None:
    bob = discord.places.add_person("bob")
    async with caller.gateway() as client:
        await client.identify()

        async def told(**where: Any) -> dict[str, Any]:
            await discord.imagine("a red door", options={"variants": 2}, image="cat.png", **where)
            data: dict[str, Any] = (await client.event("INTERACTION_CREATE"))["d"]
            return data

        here = await told()
        direct = await told(person=bob, channel=discord.places.direct(bob))
        thread = await told(channel=discord.places.add_thread())
    types = {option["name"]: option["type"] for option in here["data"]["options"]}
    assert types == {"prompt": 3, "variants": 4, "image": 11}
    (attachment,) = here["data"]["resolved"]["attachments"].values()
    assert (await caller.ask("GET", attachment["url"])).body == discord.files["cat.png"]
    assert (here["context"], here["member"]["user"]["username"]) == (0, "alice")
    assert (direct["context"], direct["user"]["username"], "guild_id" in direct) == (1, "bob", False)
    assert thread["channel"]["thread_metadata"]["archived"] is False
    assert len({here["token"], direct["token"], thread["token"]}) == 3


async def test_where_only_a_person_has_installed_the_app_there_are_five_followups(
    discord: LoopbackDiscord, caller: Caller
) -> None:
    elsewhere = discord.places.add_guild("Elsewhere")
    elsewhere.installed = False
    asked = await discord.imagine("a red door", channel=discord.places.add_channel(elsewhere))
    await caller.respond(asked, content="here")
    assert [(await caller.followup(asked)).status for _ in range(5)] == [200] * 5
    sixth = await caller.followup(asked)
    assert (sixth.status, sixth.code) == (400, 40094)
    assert (await caller.ask("POST", f"/channels/{asked.channel.id}/messages", {"content": "x"})).code == 50001
