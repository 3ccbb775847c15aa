"""Call the loopback Discord without a bot, to test it: plain requests, and a gateway client."""

from __future__ import annotations

import asyncio
import io
import json
import zlib
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from tests.wire.discord import LoopbackDiscord
from tests.wire.interactions import Interaction
from tests.wire.places import APPLICATION_ID, CHANNEL_ID, Channel
from tests.wire.rest import API

MESSAGES = f"/channels/{CHANNEL_ID}/messages"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    status: int
    body: Any
    headers: Mapping[str, str]

    @property
    def code(self) -> int:
        """Discord's error code of a refusal; 0 when the request was accepted."""
        return int(self.body["code"]) if self.status >= 400 else 0


@dataclass
class Caller:
    discord: LoopbackDiscord
    session: aiohttp.ClientSession

    async def ask(
        self, method: str, path: str, body: Any = None, *, files: Sequence[tuple[str, bytes]] = (), token: str = ""
    ) -> Answer:
        """Send a request. `path` is a path within the API or a whole address; `files` are names and contents."""
        headers = {"User-Agent": "DiscordBot (https://example.com, 1)"}
        headers["Authorization"] = f"Bot {token or self.discord.token}"
        url = path if path.startswith("http") else f"{self.discord.url}{API}{path}"
        given = {"data": _form(body, files)} if files else {"json": body}
        async with self.session.request(method, url, headers=headers, **given) as response:
            said = await response.read()
            is_json = response.content_type == "application/json"
            return Answer(status=response.status, body=json.loads(said) if is_json else said, headers=response.headers)

    async def post(self, content: str = "hello", *, channel: Channel | None = None, **more: Any) -> Answer:
        path = f"/channels/{channel.id}/messages" if channel else MESSAGES
        files = more.pop("files", ())
        return await self.ask("POST", path, {"content": content, **more}, files=files)

    async def respond(self, interaction: Interaction, kind: int = 4, /, query: str = "", **data: Any) -> Answer:
        files = data.pop("files", ())
        path = f"/interactions/{interaction.id}/{interaction.token}/callback{query}"
        return await self.ask("POST", path, {"type": kind, "data": data}, files=files)

    async def original(self, method: str, interaction: Interaction, body: Any = None) -> Answer:
        return await self.ask(method, f"/webhooks/{APPLICATION_ID}/{interaction.token}/messages/@original", body)

    async def followup(self, interaction: Interaction, content: str = "more") -> Answer:
        path = f"/webhooks/{APPLICATION_ID}/{interaction.token}"
        return await self.ask("POST", path, {"content": content})

    @asynccontextmanager
    async def gateway(self, *, compress: bool = True) -> AsyncIterator[GatewayClient]:
        query = "?compress=zlib-stream" if compress else ""
        async with self.session.ws_connect(f"{self.discord.gateway.url}{query}") as socket:
            client = GatewayClient(socket, self.discord.token)
            assert (await client.told())["op"] == 10
            yield client


@dataclass
class GatewayClient:
    socket: aiohttp.ClientWebSocketResponse
    token: str
    frames: set[aiohttp.WSMsgType] = field(default_factory=set)
    """Types of the received frames."""
    _inflate: Any = field(default_factory=zlib.decompressobj)

    async def told(self) -> dict[str, Any]:
        """Return the next message from the gateway. Raises AssertionError if the connection is closed instead."""
        frame = await self.socket.receive(timeout=10)
        self.frames.add(frame.type)
        match frame.type:
            case aiohttp.WSMsgType.TEXT:
                text = frame.data
            case aiohttp.WSMsgType.BINARY:
                assert frame.data.endswith(b"\x00\x00\xff\xff")
                text = self._inflate.decompress(frame.data)
            case _:
                raise AssertionError(f"closed with {self.socket.close_code}")
        said: dict[str, Any] = json.loads(text)
        return said

    async def event(self, name: str) -> dict[str, Any]:
        """Return the next event of this name; other messages are skipped."""
        while (said := await self.told())["t"] != name:
            pass
        return said

    async def closed(self) -> int | None:
        """Read until the connection is closed; return the close code."""
        async with asyncio.timeout(10):
            async for _ in self.socket:
                pass
        return self.socket.close_code

    async def say(self, op: int, data: Any = None) -> None:
        await self.socket.send_json({"op": op, "d": data})

    async def identify(self, *, shard: tuple[int, int] = (0, 1)) -> str:
        """Identify and wait for GUILD_CREATE of each server; return the session id."""
        await self.say(2, {"token": self.token, "shard": shard, "intents": 1, "properties": {}})
        ready = await self.event("READY")
        for _ in ready["d"]["guilds"]:
            await self.event("GUILD_CREATE")
        return str(ready["d"]["session_id"])

    async def resume(self, session: str, sequence: int) -> None:
        await self.say(6, {"token": self.token, "session_id": session, "seq": sequence})


def _form(body: Any, files: Sequence[tuple[str, bytes]]) -> aiohttp.FormData:
    form = aiohttp.FormData(quote_fields=False)
    form.add_field("payload_json", json.dumps(body))
    for number, (name, data) in enumerate(files):
        form.add_field(f"files[{number}]", io.BytesIO(data), filename=name, content_type="application/octet-stream")
    return form
