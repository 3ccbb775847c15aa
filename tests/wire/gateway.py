"""
The loopback Discord's gateway: sessions outlive their connections, so that missed events are replayed.

A session is one shard of one bot process. Events go to the shard (guild id >> 22) % shards, events without a server
to shard 0.
"""

from __future__ import annotations

import asyncio
import json
import secrets
import zlib
from collections import deque
from dataclasses import dataclass, field
from typing import Any

import aiohttp
from aiohttp import web

from tests.wire.places import APPLICATION_ID, Channel, Guild, Places

HEARTBEAT_MS = 41_250
IDENTIFY_SECONDS = 5.0
STARTS_PER_DAY = 1000
LATE_BY = 1.5
"""The server closes a connection whose heartbeat takes this many times the interval."""
EVENTS_PER_MINUTE = 120
FOR_GOOD = frozenset({1000, 1001})
"""Close codes with which a client ends its session."""
DISPATCH, HEARTBEAT, IDENTIFY, RESUME, RECONNECT, INVALID, HELLO, ACK = 0, 1, 2, 6, 7, 9, 10, 11
HARMLESS = frozenset({3, 4, 8})


@dataclass(eq=False)
class Connection:
    socket: web.WebSocketResponse
    request: web.Request
    compressing: bool
    session: Session | None = None
    closed_here: bool = False
    beat: asyncio.Event = field(default_factory=asyncio.Event)
    received: deque[float] = field(default_factory=deque)
    _lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    _deflate: Any = field(default_factory=zlib.compressobj)

    async def send(self, op: int, data: Any = None, **more: Any) -> None:
        """Send a message; errors are ignored, because the task that reads from the connection notices its end."""
        text = json.dumps({"op": op, "d": data, **more})
        async with self._lock:
            try:
                if self.compressing:
                    whole = self._deflate.compress(text.encode()) + self._deflate.flush(zlib.Z_SYNC_FLUSH)
                    await self.socket.send_bytes(whole)
                else:
                    await self.socket.send_str(text)
            except (aiohttp.ClientError, ConnectionError, RuntimeError):
                return

    def abort(self) -> None:
        if self.request.transport is not None:
            self.request.transport.abort()


@dataclass(eq=False, kw_only=True)
class Session:
    id: str
    shard: int
    shards: int
    past: list[dict[str, Any]] = field(default_factory=list)
    """Every event; the sequence number of the first is 1."""
    connection: Connection | None = None

    def sees(self, guild: Guild | None) -> bool:
        return self.shard == (guild.shard(self.shards) if guild else 0)

    async def dispatch(self, event: str, data: Any) -> None:
        self.past.append({"t": event, "d": data, "s": len(self.past) + 1})
        if self.connection is not None:
            await self.connection.send(DISPATCH, **_event(self.past[-1]))


@dataclass
class Gateway:
    token: str
    places: Places
    changed: asyncio.Condition
    url: str = ""
    shards: int = 1
    """The number of shards that `GET /gateway/bot` recommends."""
    max_concurrency: int | None = None
    """
    How many shards may identify in any 5 s (`between_identifies`), one of each number modulo this; Discord begins with
    1. A shard that identifies too soon gets op 9. With None there is no limit, so that tests need not wait after each
    start.
    """
    between_identifies: float = IDENTIFY_SECONDS
    """Seconds between two identifies that take turns."""
    identified: list[tuple[int, float]] = field(default_factory=list)
    """The shard and the time (the loop's) of each identify that was not too soon."""
    starts_left: int = STARTS_PER_DAY
    """Sessions that may still be begun today. At 0, Discord resets the token."""
    compresses: bool = True
    """Whether to use zlib-stream if the client asks for it; otherwise every frame is text."""
    acknowledges: bool = True
    """Whether heartbeats are acknowledged."""
    heartbeat_ms: int = HEARTBEAT_MS
    repeats: int = 0
    """How many already received events are replayed to a client at a resume."""
    begun: int = 0
    """Sessions begun with READY so far."""
    too_soon: int = 0
    """How many identifies were refused because of `max_concurrency`."""
    resumed: int = 0
    sessions: dict[str, Session] = field(default_factory=dict)
    closed_with: list[int] = field(default_factory=list)
    """The codes with which this server closed connections."""
    _connections: set[Connection] = field(default_factory=set)

    def connected(self) -> list[Session]:
        return [session for session in self.sessions.values() if session.connection is not None]

    async def dispatch(self, event: str, data: Any, *, guild: Guild | None = None) -> None:
        """Send an event to every session that sees this server; disconnected sessions receive it at their resume."""
        for session in list(self.sessions.values()):
            if session.sees(guild):
                await session.dispatch(event, data)

    async def ask_to_reconnect(self) -> None:
        """Send op 7 (reconnect) to every session."""
        for session in self.connected():
            await self._send(session, RECONNECT)

    async def invalidate(self, *, resumable: bool) -> None:
        """Send op 9 (invalid session) to every session; unless `resumable`, delete the sessions."""
        for session in self.connected():
            if not resumable:
                del self.sessions[session.id]
            await self._send(session, INVALID, resumable)

    def forget(self) -> None:
        """Delete all sessions: a client that resumes gets op 9."""
        self.sessions.clear()

    def drop(self) -> None:
        """Break every connection without a close frame."""
        for connection in list(self._connections):
            if connection.session is not None:
                connection.session.connection = None
            connection.abort()

    async def close(self, code: int) -> None:
        """Close every connection with this code."""
        for connection in list(self._connections):
            await self._close(connection, code)

    async def serve(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        asked = request.query.get("compress") == "zlib-stream"
        connection = Connection(socket, request, compressing=asked and self.compresses)
        self._connections.add(connection)
        watch = asyncio.create_task(self._watch(connection))
        try:
            await connection.send(HELLO, {"heartbeat_interval": self.heartbeat_ms})
            await self._listen(connection)
        finally:
            watch.cancel()
            self._connections.discard(connection)
            await self._part(connection)
        return socket

    async def _listen(self, connection: Connection) -> None:
        async for frame in connection.socket:
            if frame.type is not aiohttp.WSMsgType.TEXT:
                await self._close(connection, 4002)
                return
            if not self._in_time(connection):
                await self._close(connection, 4008)
                return
            said = json.loads(frame.data)
            code = await self._take(connection, said["op"], said.get("d"))
            if code is not None:
                await self._close(connection, code)
                return

    async def _take(self, connection: Connection, op: int, data: Any) -> int | None:
        """Handle a client's message; return a close code if the message breaks the protocol."""
        match op:
            case 1:
                connection.beat.set()
                if self.acknowledges:
                    await connection.send(ACK)
            case 2 if connection.session is not None:
                return 4005
            case 2:
                return await self._identify(connection, data)
            case 6:
                return await self._resume(connection, data)
            case _ if op not in HARMLESS:
                return 4001
            case _ if connection.session is None:
                return 4003
        return None

    async def _identify(self, connection: Connection, data: dict[str, Any]) -> int | None:
        shard, shards = data.get("shard", (0, 1))
        if data["token"] != self.token:
            return 4004
        if not 0 <= shard < shards:
            return 4010
        if self.starts_left <= 0:
            return 4004
        self.starts_left -= 1
        if self._identifies_too_soon(shard):
            self.too_soon += 1
            await connection.send(INVALID, False)
            return None
        session = Session(id=secrets.token_hex(16), shard=shard, shards=shards, connection=connection)
        connection.session = self.sessions[session.id] = session
        seen = [guild for guild in self.places.guilds.values() if guild.shard(shards) == shard]
        await session.dispatch("READY", self._ready(session, seen))
        for guild in seen:
            await session.dispatch("GUILD_CREATE", self._guild(guild))
        async with self.changed:
            self.begun += 1
            self.changed.notify_all()
        return None

    def _identifies_too_soon(self, shard: int) -> bool:
        """Return whether another shard with the same turn identified within `between_identifies`."""
        now, turns = asyncio.get_running_loop().time(), self.max_concurrency
        same = (at for other, at in self.identified if turns is not None and other % turns == shard % turns)
        if now - max(same, default=-self.between_identifies) < self.between_identifies:
            return True
        self.identified.append((shard, now))
        return False

    async def _resume(self, connection: Connection, data: dict[str, Any]) -> int | None:
        if data["token"] != self.token:
            return 4004
        session = self.sessions.get(data["session_id"])
        if session is None:
            await connection.send(INVALID, False)
            return None
        if not 0 <= data["seq"] <= len(session.past):
            return 4007
        place = max(0, data["seq"] - self.repeats)
        while place < len(session.past):
            await connection.send(DISPATCH, **_event(session.past[place]))
            place += 1
        connection.session, session.connection = session, connection
        await session.dispatch("RESUMED", {})
        async with self.changed:
            self.resumed += 1
            self.changed.notify_all()
        return None

    async def _part(self, connection: Connection) -> None:
        session = connection.session
        if session is None:
            return
        if session.connection is connection:
            session.connection = None
        if not connection.closed_here and connection.socket.close_code in FOR_GOOD:
            self.sessions.pop(session.id, None)
        async with self.changed:
            self.changed.notify_all()

    async def _watch(self, connection: Connection) -> None:
        """Close the connection of a client that sends no heartbeat."""
        try:
            while True:
                async with asyncio.timeout(self.heartbeat_ms / 1000 * LATE_BY):
                    await connection.beat.wait()
                connection.beat.clear()
        except TimeoutError:
            await self._close(connection, 4009)

    async def _close(self, connection: Connection, code: int) -> None:
        self.closed_with.append(code)
        connection.closed_here = True
        await connection.socket.close(code=code)

    async def _send(self, session: Session, op: int, data: Any = None) -> None:
        if session.connection is not None:
            await session.connection.send(op, data)

    def _in_time(self, connection: Connection) -> bool:
        now = asyncio.get_running_loop().time()
        connection.received.append(now)
        while connection.received[0] < now - 60:
            connection.received.popleft()
        return len(connection.received) <= EVENTS_PER_MINUTE

    def _ready(self, session: Session, guilds: list[Guild]) -> dict[str, Any]:
        about = {"v": 10, "session_id": session.id, "shard": [session.shard, session.shards]}
        return {
            **about,
            "user": self.places.bot.payload(),
            "guilds": [{"id": str(guild.id), "unavailable": True} for guild in guilds],
            "application": {"id": str(APPLICATION_ID), "flags": 0},
            "resume_gateway_url": self.url,
        }

    def _guild(self, guild: Guild) -> dict[str, Any]:
        channels = self.places.channels_of(guild)
        numbers = {"verification_level": 0, "default_message_notifications": 0, "explicit_content_filter": 0}
        more = {"mfa_level": 0, "nsfw_level": 0, "premium_tier": 0, "member_count": 2, "system_channel_flags": 0}
        nothing: dict[str, list[Any]] = {name: [] for name in ("features", "emojis", "stickers", "presences")}
        return {
            "id": str(guild.id),
            "name": guild.name,
            "owner_id": str(self.places.owner.id),
            "preferred_locale": guild.locale,
            "unavailable": False,
            "roles": [_everyone(guild)],
            "members": [_member(self.places)],
            "channels": [_within(channel) for channel in channels if channel.parent is None],
            "threads": [_within(channel) for channel in channels if channel.parent is not None],
            "voice_states": [],
            "stage_instances": [],
            "guild_scheduled_events": [],
            **numbers,
            **more,
            **nothing,
        }


def _event(past: dict[str, Any]) -> dict[str, Any]:
    return {"data": past["d"], "t": past["t"], "s": past["s"]}


def _within(channel: Channel) -> dict[str, Any]:
    """Return a channel as it appears inside its server: without `guild_id`."""
    return {name: value for name, value in channel.payload().items() if name != "guild_id"}


def _everyone(guild: Guild) -> dict[str, Any]:
    about = {"id": str(guild.id), "name": "@everyone", "color": 0, "position": 0, "permissions": "0", "flags": 0}
    return about | {"hoist": False, "managed": False, "mentionable": False}


def _member(places: Places) -> dict[str, Any]:
    about = {"joined_at": "2026-01-01T00:00:00+00:00", "deaf": False, "mute": False, "flags": 0}
    return {"user": places.bot.payload(), "roles": [], **about}
