"""
A loopback Discord over real sockets, as far as one bot with one command needs it: REST v10 and one gateway connection.

It keeps every message it is sent, with the names of its files, so that one posted twice shows.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp
from aiohttp import web
from aiohttp.test_utils import TestServer

from tests.wire.traps import Traps

API = "/api/v10"
BOT_ID, APPLICATION_ID, GUILD_ID, CHANNEL_ID, ALICE_ID = 7001, 7002, 7010, 7011, 7021
BOT = {"id": str(BOT_ID), "username": "Atelier", "discriminator": "0000", "avatar": None, "bot": True}
ALICE = {"id": str(ALICE_ID), "username": "alice", "discriminator": "0", "avatar": None}
EVERYTHING = str((1 << 53) - 1)
DISCORD_EPOCH_MS = 1_420_070_400_000


@dataclass
class LoopbackDiscord:
    token: str
    traps: Traps = field(default_factory=Traps)
    files: dict[str, bytes] = field(default_factory=dict)
    """What its CDN has, by name."""
    commands: list[dict[str, Any]] = field(default_factory=list)
    published: int = 0
    messages: dict[str, dict[str, Any]] = field(default_factory=dict)
    deleted: list[str] = field(default_factory=list)
    ready: asyncio.Event = field(default_factory=asyncio.Event)
    changed: asyncio.Condition = field(default_factory=asyncio.Condition)
    url: str = ""
    _socket: web.WebSocketResponse | None = None
    _sequence: itertools.count[int] = field(default_factory=lambda: itertools.count(1))
    _ids: itertools.count[int] = field(default_factory=lambda: itertools.count(9000))

    def application(self) -> web.Application:
        application = web.Application(middlewares=[self.traps.middleware], client_max_size=25 * 1024 * 1024)
        routes = [
            web.get("/", self._gateway),
            web.get("/attachments/{name}", self._attachment),
            web.get(f"{API}/users/@me", self._me),
            web.get(f"{API}/oauth2/applications/@me", self._application),
            web.get(f"{API}/gateway/bot", self._gateway_bot),
            web.put(f"{API}/applications/{{id}}/commands", self._publish),
            web.post(f"{API}/interactions/{{id}}/{{token}}/callback", self._callback),
            web.post(f"{API}/channels/{{channel}}/messages", self._post),
            web.get(f"{API}/channels/{{channel}}/messages", self._history),
            web.patch(f"{API}/channels/{{channel}}/messages/{{id}}", self._edit),
            web.delete(f"{API}/channels/{{channel}}/messages/{{id}}", self._delete),
        ]
        application.add_routes(routes)
        return application

    async def until(self, condition: Any) -> None:
        async with asyncio.timeout(60), self.changed:
            await self.changed.wait_for(condition)

    async def connected(self) -> None:
        """Until a bot is ready."""
        async with asyncio.timeout(30):
            await self.ready.wait()

    # The gateway

    async def _gateway(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        await socket.send_json({"op": 10, "d": {"heartbeat_interval": 41_250}})
        async for frame in socket:
            if frame.type is not aiohttp.WSMsgType.TEXT:
                break
            said = json.loads(frame.data)
            if said["op"] == 1:
                await socket.send_json({"op": 11})
            elif said["op"] == 2:
                self._socket = socket
                await self._dispatch("READY", self._ready_payload())
                self.ready.set()
        return socket

    def _ready_payload(self) -> dict[str, Any]:
        application = {"id": str(APPLICATION_ID), "flags": 0}
        gateway = self.url.replace("http", "ws")
        session = {"session_id": "one", "resume_gateway_url": gateway, "shard": [0, 1], "v": 10}
        return {"user": BOT, "guilds": [], "application": application, **session}

    async def _dispatch(self, event: str, data: dict[str, Any]) -> None:
        assert self._socket is not None
        await self._socket.send_json({"op": 0, "t": event, "s": next(self._sequence), "d": data})

    async def imagine(self, prompt: str, **files: str) -> None:
        """Alice types the command in the channel; files are names on the CDN, by option."""
        options: list[dict[str, Any]] = [{"name": "prompt", "type": 3, "value": prompt}]
        attachments = {}
        for option, name in files.items():
            attachment = self._attached(name, len(self.files[name]))
            attachments[attachment["id"]] = attachment
            options.append({"name": option, "type": 11, "value": attachment["id"]})
        data = {
            "id": "7300",
            "name": "imagine",
            "type": 1,
            "options": options,
            "resolved": {"attachments": attachments},
        }
        await self._dispatch("INTERACTION_CREATE", self._interaction(data))

    def _interaction(self, data: dict[str, Any]) -> dict[str, Any]:
        snowflake = ((time.time_ns() // 1_000_000 - DISCORD_EPOCH_MS) << 22) + next(self._ids)
        return {
            "id": str(snowflake),
            "application_id": str(APPLICATION_ID),
            "type": 2,
            "token": "interaction-token",
            "version": 1,
            "guild_id": str(GUILD_ID),
            "guild": {"id": str(GUILD_ID), "locale": "en-US", "features": []},
            "channel_id": str(CHANNEL_ID),
            "channel": {"id": str(CHANNEL_ID), "type": 0, "name": "pictures", "position": 0, "permissions": EVERYTHING},
            "member": {"user": ALICE, "roles": [], "joined_at": None, "deaf": False, "mute": False, "flags": 0},
            "app_permissions": EVERYTHING,
            "locale": "en-US",
            "guild_locale": "en-US",
            "context": 0,
            "authorizing_integration_owners": {"0": str(GUILD_ID)},
            "entitlements": [],
            "attachment_size_limit": 10 * 1024 * 1024,
            "data": data,
        }

    # REST

    async def _me(self, request: web.Request) -> web.Response:
        if request.headers["Authorization"] != f"Bot {self.token}":
            return _json({"message": "401: Unauthorized", "code": 0}, status=401)
        return _json(BOT)

    async def _application(self, _: web.Request) -> web.Response:
        owner = {"id": "7003", "username": "owner", "discriminator": "0", "avatar": None}
        about = {"name": "Atelier", "icon": None, "description": "", "verify_key": "", "flags": 0, "team": None}
        switches = {"bot_public": True, "bot_require_code_grant": False}
        return _json({"id": str(APPLICATION_ID), "owner": owner, **about, **switches})

    async def _gateway_bot(self, _: web.Request) -> web.Response:
        limit = {"total": 1000, "remaining": 1000, "reset_after": 0, "max_concurrency": 1}
        return _json({"url": self.url.replace("http", "ws"), "shards": 1, "session_start_limit": limit})

    async def _publish(self, request: web.Request) -> web.Response:
        self.commands = await request.json()
        self.published += 1
        known = {"application_id": str(APPLICATION_ID), "version": "1"}
        return _json([{**command, "id": str(7300 + n), **known} for n, command in enumerate(self.commands)])

    async def _callback(self, request: web.Request) -> web.Response:
        payload, files = await _body(request)
        message = await self._keep(CHANNEL_ID, payload["data"], files)
        interaction = {"id": request.match_info["id"], "type": 2, "response_message_id": message["id"]}
        return _json({"interaction": interaction, "resource": {"type": payload["type"], "message": message}})

    async def _post(self, request: web.Request) -> web.Response:
        payload, files = await _body(request)
        return _json(await self._keep(int(request.match_info["channel"]), payload, files))

    async def _edit(self, request: web.Request) -> web.Response:
        payload, files = await _body(request)
        message = self.messages.get(request.match_info["id"])
        if message is None:
            return _json({"message": "Unknown Message", "code": 10008}, status=404)
        message["components"] = payload.get("components", message["components"])
        if "attachments" in payload:
            kept = {one["id"] for one in payload["attachments"]}
            staying = [one for one in message["attachments"] if one["id"] in kept]
            message["attachments"] = staying + [self._attached(name, size) for name, size in files]
        return _json(message)

    async def _history(self, _: web.Request) -> web.Response:
        return _json(sorted(self.messages.values(), key=lambda message: -int(message["id"])))

    async def _delete(self, request: web.Request) -> web.Response:
        if self.messages.pop(request.match_info["id"], None) is None:
            return _json({"message": "Unknown Message", "code": 10008}, status=404)
        async with self.changed:
            self.deleted.append(request.match_info["id"])
            self.changed.notify_all()
        return web.Response(status=204)

    async def _attachment(self, request: web.Request) -> web.Response:
        data = self.files.get(request.match_info["name"])
        return web.Response(body=data) if data is not None else web.Response(status=404)

    async def _keep(self, channel: int, payload: dict[str, Any], files: list[tuple[str, int]]) -> dict[str, Any]:
        pinged = payload.get("allowed_mentions", {}).get("users", [])
        message = {
            "id": str(next(self._ids)),
            "channel_id": str(channel),
            "author": BOT,
            "content": payload.get("content") or "",
            "timestamp": "2026-01-01T00:00:00+00:00",
            "edited_timestamp": None,
            "tts": False,
            "mention_everyone": False,
            "mentions": [ALICE] if str(ALICE_ID) in map(str, pinged) else [],
            "mention_roles": [],
            "attachments": [self._attached(name, size) for name, size in files],
            "embeds": [],
            "pinned": False,
            "type": 0,
            "flags": payload.get("flags", 0),
            "components": payload.get("components", []),
        }
        async with self.changed:
            self.messages[message["id"]] = message
            self.changed.notify_all()
        return message

    def _attached(self, name: str, size: int) -> dict[str, Any]:
        url = f"{self.url}/attachments/{name}"
        return {"id": str(next(self._ids)), "filename": name, "size": size, "url": url, "proxy_url": url}


def _json(body: object, *, status: int = 200) -> web.Response:
    """Exactly `application/json`, as Discord answers: with a charset behind it discord.py reads no JSON."""
    return web.Response(body=json.dumps(body), status=status, headers={"Content-Type": "application/json"})


async def _body(request: web.Request) -> tuple[dict[str, Any], list[tuple[str, int]]]:
    """The payload, and the names and bytes of the files beside it."""
    if request.content_type != "multipart/form-data":
        return await request.json(), []
    form = await request.post()
    files = [(part.filename, len(part.file.read())) for part in form.values() if isinstance(part, web.FileField)]
    return json.loads(str(form["payload_json"])), files


@asynccontextmanager
async def loopback_discord(token: str) -> AsyncIterator[LoopbackDiscord]:
    discord = LoopbackDiscord(token)
    async with TestServer(discord.application()) as server:
        discord.url = str(server.make_url("")).rstrip("/")
        yield discord
