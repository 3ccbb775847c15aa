"""
A loopback Discord over real sockets: REST v10, gateway and CDN, as strict as the real one where the bot could do
wrong.

    clock.py         its clock, which a test may turn forward, and its ids
    places.py        people, servers, channels, threads, and the bot's permissions
    rest.py          the API's own requests
    interactions.py  commands and clicks: 3 s for the first response, 15 min for the token
    messages.py      all messages, and the log of every post, edit and deletion
    components.py    what Discord accepts in a message
    uploads.py       payloads and files of a request
    cdn.py           signed addresses that expire
    gateway.py       sessions, replay, shards, and everything that can go wrong with a connection
    limits.py        buckets and 429
    refusals.py      Discord's error codes; `refusal`, `throttled` and `banned` for traps
    openapi.py       the check against Discord's own description
    traps.py         faults to inject into chosen requests
    process.py       the bot as the process that operators start
"""

from __future__ import annotations

import asyncio
import json
import socket
import traceback
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web
from aiohttp.typedefs import Handler

from tests.wire import components
from tests.wire.cdn import Cdn
from tests.wire.clock import Clock
from tests.wire.gateway import Gateway
from tests.wire.interactions import COMMAND, COMPONENT, Interaction, Interactions
from tests.wire.limits import BY_TOKEN, ROUTE, RateLimits
from tests.wire.messages import Act, Doing, Kept, Messages, Way
from tests.wire.openapi import OpenApi, from_environment
from tests.wire.places import ALICE_ID, APPLICATION_ID, BOT_ID, CHANNEL_ID, GUILD_ID, Channel, Person, Places
from tests.wire.refusals import Refused, answer
from tests.wire.rest import API, Rest
from tests.wire.traps import Traps
from tests.wire.uploads import SENT, Sent

__all__ = ["ALICE_ID", "APPLICATION_ID", "BOT_ID", "CHANNEL_ID", "GUILD_ID", "LoopbackDiscord", "loopback_discord"]

LONGEST_SECONDS = 60.0
_OPTION_TYPES: dict[type, int] = {str: 3, int: 4, bool: 5}
_ATTACHMENT = 11
_SUBCOMMAND = 1


class LoopbackDiscord:
    """
    The servers and the state of the loopback Discord.

    * `traps`        faults to inject into chosen requests
    * `clock`        Discord's clock; `clock.turn(timedelta(minutes=15))`
    * `places`       people, servers and channels; `places.channel.may = May.VIEW`
    * `gateway`      drop, close, op 7, op 9, compression, shards
    * `cdn`          `cdn.life` is how long an address is valid
    * `limits`       rate limits
    * `interactions` `interactions.all` has the response to each
    * `files`        pictures that people have, by name, to attach to a command
    * `acts`         every post, edit and deletion of a message
    * `violations`   what the bot, or this server, did against Discord's rules; must be empty at the end
    """

    def __init__(self, token: str) -> None:
        self.token = token
        self.url = ""
        self.violations: list[str] = []
        self.files: dict[str, bytes] = {}
        self.traps = Traps()
        self.clock = Clock()
        self.changed = asyncio.Condition()
        self.places = Places()
        self.cdn = Cdn(self.clock)
        self.limits = RateLimits(self.clock)
        self.messages_kept = Messages(self.clock, self.cdn, self.places, self.changed)
        self.interactions = Interactions(self.clock, self.places, self.messages_kept, self.changed)
        self.gateway = Gateway(token, self.places, self.changed)
        self.rest = Rest(token, self.clock, self.places, self.messages_kept, self.interactions, self.gateway)
        self._openapi = from_environment()
        self._runner: web.AppRunner | None = None
        self._site: web.SockSite | None = None
        self._bound: socket.socket | None = None
        """Holds the port while no server listens on it."""

    # Accessors

    @property
    def messages(self) -> dict[str, dict[str, Any]]:
        """The existing messages, by id, with their last payload; ephemeral messages too."""
        return {number: kept.payload for number, kept in self.messages_kept.kept.items()}

    @property
    def acts(self) -> list[Act]:
        return self.messages_kept.acts

    @property
    def deleted(self) -> list[str]:
        return [act.message_id for act in self.acts if act.doing is Doing.DELETED]

    @property
    def commands(self) -> list[dict[str, Any]]:
        return self.rest.commands

    @property
    def published(self) -> int:
        """How often the commands were published."""
        return self.rest.published

    async def until(self, condition: Callable[[], Any], *, within_seconds: float = LONGEST_SECONDS) -> Any:
        """Wait until the condition holds, checked after every change here; return its value."""
        async with asyncio.timeout(within_seconds), self.changed:
            return await self.changed.wait_for(condition)

    async def connected(self, *, since: int = 0, shards: int = 1, within_seconds: float = LONGEST_SECONDS) -> None:
        """Wait until `shards` shards are connected, in sessions begun after the first `since` (`gateway.begun`)."""
        gateway = self.gateway
        await self.until(
            lambda: gateway.begun >= since + shards and len(gateway.connected()) >= shards,
            within_seconds=within_seconds,
        )

    # What people do

    async def imagine(
        self,
        prompt: str,
        *,
        person: Person | None = None,
        channel: Channel | None = None,
        options: Mapping[str, str | int | bool] | None = None,
        **files: str,
    ) -> Interaction:
        """
        Send /imagine as a person (default: Alice) in a channel (default: hers). `files` maps an option to a name in
        `self.files`.
        """
        given = {"prompt": prompt, **(options or {})}
        return await self.invoke("imagine", given, person=person, channel=channel, files=files)

    async def invoke(
        self,
        command: str,
        options: Mapping[str, str | int | bool],
        *,
        of_group: str | None = None,
        person: Person | None = None,
        channel: Channel | None = None,
        files: Mapping[str, str] | None = None,
    ) -> Interaction:
        interaction = self.interactions.begin(COMMAND, person or self.places.alice, channel or self.places.channel)
        attached = {option: self._attach(name) for option, name in (files or {}).items()}
        typed: list[dict[str, Any]] = [
            {"name": name, "type": _OPTION_TYPES[type(value)], "value": value} for name, value in options.items()
        ]
        typed += [
            {"name": name, "type": _ATTACHMENT, "value": attachment["id"]} for name, attachment in attached.items()
        ]
        if of_group is not None:
            typed, command = [{"name": command, "type": _SUBCOMMAND, "options": typed}], of_group
        names = [known["name"] for known in self.commands]
        data = {
            "id": self.rest.command_id(names.index(command) if command in names else 0),
            "name": command,
            "type": 1,
            "options": typed,
            "resolved": {"attachments": {attachment["id"]: attachment for attachment in attached.values()}},
        }
        return await self._dispatch(interaction, data)

    async def click(self, message_id: str, custom_id: str, *, person: Person | None = None) -> Interaction:
        """Press a button with exactly this `custom_id`."""
        kept = self.messages_kept.kept[message_id]
        found = [
            component
            for _, component in components.walked(kept.payload["components"])
            if component.get("custom_id") == custom_id
        ]
        assert found, f"message {message_id} has no {custom_id}"
        assert not found[0].get("disabled"), f"{custom_id} is disabled"
        data = {"custom_id": custom_id, "component_type": found[0]["type"], "id": found[0]["id"]}
        interaction = self.interactions.begin(COMPONENT, person or self.places.alice, kept.channel, kept)
        return await self._dispatch(interaction, data)

    def buttons(self, message_id: str) -> dict[str, str]:
        """Return the custom_ids of a message's enabled buttons, by label."""
        every = [
            component for _, component in components.walked(self.messages_kept.kept[message_id].payload["components"])
        ]
        live = [component for component in every if "custom_id" in component and not component.get("disabled")]
        return {component.get("label", ""): component["custom_id"] for component in live}

    async def say(self, text: str, *, person: Person | None = None, channel: Channel | None = None) -> Kept:
        """Post a message of a person; the bot gets no event."""
        place, author = channel or self.places.channel, person or self.places.alice
        return await self.messages_kept.post(place, author, Sent(payload={"content": text}), way=Way.PERSON)

    async def _dispatch(self, interaction: Interaction, data: dict[str, Any]) -> Interaction:
        payload = self.interactions.payload(interaction, data)
        await self.gateway.dispatch("INTERACTION_CREATE", payload, guild=interaction.channel.guild)
        return interaction

    def _attach(self, name: str) -> dict[str, Any]:
        data = self.files[name]
        folder = f"ephemeral-attachments/{APPLICATION_ID}"
        return self.cdn.payload(self.cdn.store(folder, name, data, len(data), ephemeral=True))

    # The server

    @asynccontextmanager
    async def down(self) -> AsyncIterator[None]:
        """Break every connection and accept none until the context ends."""
        await self.go_down()
        try:
            yield
        finally:
            await self.come_up()

    async def go_down(self) -> None:
        assert self._runner is not None
        assert self._runner.server is not None
        assert self._site is not None
        await self._site.stop()
        self._site, self._bound = None, _bound(int(self.url.rpartition(":")[2]))
        self.gateway.drop()
        for connection in list(self._runner.server.connections):
            if connection.transport is not None:
                connection.transport.abort()

    async def come_up(self) -> None:
        assert self._runner is not None
        assert self._bound is not None
        self._site, self._bound = web.SockSite(self._runner, self._bound), None
        await self._site.start()

    def application(self) -> web.Application:
        routes = [web.get("/", self.gateway.serve), *self.rest.routes()]
        folders = ("attachments", "ephemeral-attachments")
        routes += [web.get(f"/{folder}/{{place}}/{{id}}/{{name}}", self.cdn.serve) for folder in folders]
        middlewares = [self.traps.middleware, _routed, self.limits.middleware, self._checked, self._answered]
        application = web.Application(middlewares=middlewares, client_max_size=0)
        application.add_routes(routes)
        return application

    async def start(self) -> None:
        self._runner = web.AppRunner(self.application(), access_log=None, shutdown_timeout=0.2)
        await self._runner.setup()
        self._bound = _bound(0)
        port = self._bound.getsockname()[1]
        self.url = self.cdn.url = f"http://127.0.0.1:{port}"
        self.gateway.url = f"ws://127.0.0.1:{port}/"
        await self.come_up()

    async def stop(self) -> None:
        assert self._runner is not None
        self.gateway.drop()
        await self._runner.cleanup()
        if self._bound is not None:
            self._bound.close()

    @web.middleware
    async def _checked(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """
        Note violations: a missing User-Agent, and, if Discord's description is available, requests and responses that
        do not match it.
        """
        response = await handler(request)
        route = request.get(ROUTE)
        if route is None:
            return response
        named = request.headers.get("User-Agent", "").startswith("DiscordBot (")
        if not named and not route.startswith(BY_TOKEN):
            self.violations.append(f"{request.method} {route}: no User-Agent as Discord asks for")
        if self._openapi is not None and isinstance(response, web.Response):
            self.violations += _faults(self._openapi, request, route, response)
        return response

    @web.middleware
    async def _answered(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            return await handler(request)
        except Refused as refused:
            return refused.response()
        except web.HTTPException as error:
            self.violations.append(f"{request.method} {request.path}: {error.status}, not known here")
            return answer({"message": f"{error.status}: {error.reason}", "code": 0}, status=error.status)
        except (ConnectionError, asyncio.CancelledError):
            raise
        except Exception:  # noqa: BLE001  # reported at the end of the test
            self.violations.append(f"{request.method} {request.path}: {traceback.format_exc()}")
            return answer({"message": "500: Internal Server Error", "code": 0}, status=500)


def _bound(port: int) -> socket.socket:
    """Return a socket that is bound but does not listen: connections are refused."""
    bound = socket.socket()
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    bound.bind(("127.0.0.1", port))
    return bound


@web.middleware
async def _routed(request: web.Request, handler: Handler) -> web.StreamResponse:
    resource = request.match_info.route.resource
    if resource is not None and resource.canonical.startswith(API):
        request[ROUTE] = resource.canonical.removeprefix(API)
    return await handler(request)


def _faults(openapi: OpenApi, request: web.Request, route: str, response: web.Response) -> list[str]:
    faults = []
    sent = request.get(SENT)
    if sent is not None:
        faults += openapi.faults_of_request(request.method, route, sent.payload)
    body = json.loads(response.body) if isinstance(response.body, bytes) and response.body else None
    if isinstance(body, dict):
        body.pop("errors", None)  # the description has numeric codes here, Discord sends text
    return faults + openapi.faults_of_response(request.method, route, response.status, body)


@asynccontextmanager
async def loopback_discord(token: str) -> AsyncIterator[LoopbackDiscord]:
    """Run a loopback Discord. At the end there must be no violations of Discord's rules."""
    discord = LoopbackDiscord(token)
    await discord.start()
    try:
        yield discord
    finally:
        await discord.stop()
    assert not discord.violations, "\n".join(discord.violations)
