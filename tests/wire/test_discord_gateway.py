"""The loopback Discord is as strict as the real one: sessions, replay, shards, close codes."""

from __future__ import annotations

import asyncio

import aiohttp
import pytest

from tests.wire.caller import Caller
from tests.wire.discord import LoopbackDiscord


async def test_frames_are_compressed_where_both_sides_want_it(discord: LoopbackDiscord, caller: Caller) -> None:
    kinds = []
    for asked, given in ((True, True), (True, False), (False, True)):
        discord.gateway.compresses = given
        async with caller.gateway(compress=asked) as client:
            await client.identify()
            kinds.append(client.frames)
    text, binary = {aiohttp.WSMsgType.TEXT}, {aiohttp.WSMsgType.BINARY}
    assert kinds == [binary, text, text]


async def test_what_was_missed_is_replayed_in_order_and_then_resumed(discord: LoopbackDiscord, caller: Caller) -> None:
    async with caller.gateway() as client:
        session = await client.identify()
        await discord.imagine("seen")
        seen = (await client.event("INTERACTION_CREATE"))["s"]
        discord.gateway.drop()
        await discord.imagine("missed one")
        await discord.imagine("missed two")
    discord.gateway.repeats = 1
    async with caller.gateway() as client:
        await client.resume(session, seen)
        told = [await client.told() for _ in range(4)]
    assert [event["t"] for event in told] == ["INTERACTION_CREATE"] * 3 + ["RESUMED"]
    assert [event["s"] for event in told] == [seen, seen + 1, seen + 2, seen + 3]
    prompts = [event["d"]["data"]["options"][0]["value"] for event in told[:3]]
    assert prompts == ["seen", "missed one", "missed two"]


async def test_a_session_that_is_gone_cannot_be_resumed(discord: LoopbackDiscord, caller: Caller) -> None:
    async with caller.gateway() as client:
        session = await client.identify()
        await discord.gateway.invalidate(resumable=False)
        assert await client.told() == {"op": 9, "d": False}
    async with caller.gateway() as client:
        await client.resume(session, 1)
        assert await client.told() == {"op": 9, "d": False}
        ended = await client.identify()
        await client.socket.close(code=1000)
    await discord.until(lambda: ended not in discord.gateway.sessions)
    async with caller.gateway() as client:
        await client.identify()
        await discord.gateway.ask_to_reconnect()
        assert (await client.told())["op"] == 7
        await discord.gateway.invalidate(resumable=True)
        assert await client.told() == {"op": 9, "d": True}


async def test_a_session_outlives_a_connection_that_is_closed_by_the_other_side(
    discord: LoopbackDiscord, caller: Caller
) -> None:
    async with caller.gateway() as client:
        session = await client.identify()
        await asyncio.gather(discord.gateway.close(4000), client.closed())
        assert discord.gateway.closed_with == [4000]
    async with caller.gateway() as client:
        await client.resume(session, 2)
        assert (await client.told())["t"] == "RESUMED"


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ({"op": 2, "d": {"token": "another"}}, 4004),
        ({"op": 2, "d": {"token": "MTAx.Gabc.defghijk", "shard": [2, 2]}}, 4010),
        ({"op": 3, "d": {}}, 4003),
        ({"op": 99, "d": {}}, 4001),
    ],
)
async def test_a_client_that_does_wrong_is_told_by_the_close_code(
    caller: Caller, said: dict[str, object], code: int
) -> None:
    async with caller.gateway() as client:
        await client.socket.send_json(said)
        assert await client.closed() == code


async def test_too_many_events_and_a_second_identify_end_a_connection(caller: Caller) -> None:
    async with caller.gateway() as client:
        for _ in range(121):
            await client.say(1)
        assert await client.closed() == 4008
    async with caller.gateway() as client:
        await client.identify()
        await client.say(2, {"token": client.token})
        assert await client.closed() == 4005


async def test_shards_that_identify_too_soon_after_each_other_are_told_so_unless_their_numbers_take_turns_apart(
    discord: LoopbackDiscord, caller: Caller
) -> None:
    discord.gateway.max_concurrency = 2
    told = (await caller.ask("GET", "/gateway/bot")).body["session_start_limit"]
    assert (told["max_concurrency"], told["remaining"]) == (2, 1000)
    async with caller.gateway() as zero, caller.gateway() as one, caller.gateway() as two:
        await zero.identify(shard=(0, 4))
        await one.identify(shard=(1, 4))
        await two.say(2, {"token": two.token, "shard": (2, 4), "intents": 1, "properties": {}})
        assert await two.told() == {"op": 9, "d": False}
    assert (discord.gateway.too_soon, discord.gateway.begun, discord.gateway.starts_left) == (1, 2, 997)


async def test_the_last_session_of_a_day_is_the_last(discord: LoopbackDiscord, caller: Caller) -> None:
    discord.gateway.starts_left = 1
    async with caller.gateway() as client:
        await client.identify()
    async with caller.gateway() as client:
        await client.say(2, {"token": client.token, "shard": (0, 1), "intents": 1, "properties": {}})
        assert await client.closed() == 4004


async def test_heartbeats_are_answered_and_one_that_stops_is_cut_off(discord: LoopbackDiscord, caller: Caller) -> None:
    discord.gateway.heartbeat_ms = 50
    async with caller.gateway() as client:
        await client.say(1)
        assert (await client.told())["op"] == 11
        assert await client.closed() == 4009
    discord.gateway.acknowledges = False
    async with caller.gateway() as client:
        await client.say(1)
        assert await client.closed() == 4009


async def test_events_go_to_the_shard_of_their_server_and_direct_messages_to_the_first(
    discord: LoopbackDiscord, caller: Caller
) -> None:
    places = discord.places
    second = places.add_channel(places.add_guild("Second", lane=1))
    async with caller.gateway() as zero, caller.gateway() as one:
        await zero.identify(shard=(0, 2))
        await one.identify(shard=(1, 2))
        await discord.imagine("for the second", channel=second)
        await discord.imagine("direct", channel=places.direct(places.alice))
        await discord.imagine("for the first")
        prompts = [(await zero.event("INTERACTION_CREATE"))["d"]["data"]["options"][0]["value"] for _ in range(2)]
        assert prompts == ["direct", "for the first"]
        assert (await one.event("INTERACTION_CREATE"))["d"]["data"]["options"][0]["value"] == "for the second"


async def test_while_it_is_down_nobody_gets_through_and_afterwards_it_is_where_it_was(
    discord: LoopbackDiscord, caller: Caller
) -> None:
    url = discord.url
    async with caller.gateway() as client:
        session = await client.identify()
        async with discord.down():
            with pytest.raises(AssertionError, match="closed"):
                await client.told()
            with pytest.raises(aiohttp.ClientConnectorError):
                await caller.post()
            await discord.imagine("while down")
    assert discord.url == url
    assert (await caller.post()).status == 200
    async with caller.gateway() as client:
        await client.resume(session, 2)
        assert [(await client.told())["t"] for _ in range(2)] == ["INTERACTION_CREATE", "RESUMED"]
