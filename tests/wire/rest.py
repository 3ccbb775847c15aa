"""The loopback Discord's REST requests: the application, its commands, channels and their messages."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from tests.wire.clock import Clock
from tests.wire.gateway import STARTS_PER_DAY, Gateway
from tests.wire.interactions import Interactions
from tests.wire.messages import Kept, Messages, Way
from tests.wire.places import APPLICATION_ID, Channel, Kind, May, Places
from tests.wire.refusals import Refused, answer, invalid
from tests.wire.uploads import Sent, sent_with

API = "/api/v10"
MOST_IN_HISTORY = 100
FIRST_COMMAND_ID = 7300

Served = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass
class Rest:
    token: str
    clock: Clock
    places: Places
    messages: Messages
    interactions: Interactions
    gateway: Gateway
    commands: list[dict[str, Any]] = field(default_factory=list)
    published: int = 0

    def routes(self) -> list[web.RouteDef]:
        """Return all routes, named as in Discord's OpenAPI description."""
        message = "/channels/{channel_id}/messages/{message_id}"
        webhook = "/webhooks/{webhook_id}/{webhook_token}"
        open_to_all: list[tuple[str, str, Served]] = [
            ("POST", "/interactions/{interaction_id}/{interaction_token}/callback", self.interactions.callback),
            ("POST", webhook, self.interactions.followup),
        ]
        for end in ("@original", "{message_id}"):
            open_to_all += [
                ("GET", f"{webhook}/messages/{end}", self.interactions.look),
                ("PATCH", f"{webhook}/messages/{end}", self.interactions.edit),
                ("DELETE", f"{webhook}/messages/{end}", self.interactions.delete),
            ]
        for_the_bot: list[tuple[str, str, Served]] = [
            ("GET", "/users/@me", self._me),
            ("POST", "/users/@me/channels", self._open_direct),
            ("GET", "/oauth2/applications/@me", self._application),
            ("GET", "/applications/@me", self._application),
            ("GET", "/gateway/bot", self._gateway_bot),
            ("GET", "/applications/{application_id}/commands", self._commands),
            ("PUT", "/applications/{application_id}/commands", self._publish),
            ("GET", "/channels/{channel_id}", self._channel_alone),
            ("PATCH", "/channels/{channel_id}", self._edit_channel),
            ("GET", "/channels/{channel_id}/messages", self._history),
            ("POST", "/channels/{channel_id}/messages", self._post),
            ("GET", message, self._message),
            ("PATCH", message, self._edit),
            ("DELETE", message, self._delete),
        ]
        closed = [(method, path, self._with_token(serve)) for method, path, serve in for_the_bot]
        return [web.route(method, f"{API}{path}", serve) for method, path, serve in [*open_to_all, *closed]]

    def _with_token(self, serve: Served) -> Served:
        async def checked(request: web.Request) -> web.StreamResponse:
            if request.headers.get("Authorization") != f"Bot {self.token}":
                raise Refused(0)
            return await serve(request)

        return checked

    # The application

    async def _me(self, _: web.Request) -> web.Response:
        return answer({**self.places.bot.payload(), "mfa_enabled": True, "locale": "en-US", "verified": True})

    async def _application(self, _: web.Request) -> web.Response:
        return answer(
            {
                "id": str(APPLICATION_ID),
                "name": "Atelier",
                "icon": None,
                "description": "",
                "type": None,
                "verify_key": "",
                "flags": 0,
                "flags_new": "0",
                "redirect_uris": [],
                "interactions_endpoint_url": None,
                "role_connections_verification_url": None,
                "owner": self.places.owner.payload(),
                "team": None,
                "bot_public": True,
                "bot_require_code_grant": False,
                "explicit_content_filter": 0,
                "eligible_oauth2_scopes": [],
                "approximate_guild_count": len(self.places.guilds),
                "approximate_user_install_count": 0,
                "approximate_user_authorization_count": 0,
            }
        )

    async def _gateway_bot(self, _: web.Request) -> web.Response:
        gateway = self.gateway
        starts = {"total": STARTS_PER_DAY, "remaining": gateway.starts_left, "reset_after": 0}
        limit = starts | {"max_concurrency": gateway.max_concurrency or 1}
        return answer({"url": gateway.url, "shards": gateway.shards, "session_start_limit": limit})

    async def _commands(self, _: web.Request) -> web.Response:
        return answer(self._published_commands())

    async def _publish(self, request: web.Request) -> web.Response:
        self.commands = (await sent_with(request)).payload
        self.published += 1
        return answer(self._published_commands())

    def _published_commands(self) -> list[dict[str, Any]]:
        """Return the commands as Discord does: a context-menu command has an empty description."""
        known = {"application_id": str(APPLICATION_ID), "version": "1"}
        told = []
        for number, command in enumerate(self.commands):
            said = {name: value for name, value in command.items() if value is not None}
            given = command.get("default_member_permissions")
            permissions = None if given is None else str(given)
            told.append(
                {
                    "description": "",
                    **said,
                    "default_member_permissions": permissions,
                    **known,
                    "id": self.command_id(number),
                }
            )
        return told

    def command_id(self, number: int) -> str:
        return str(FIRST_COMMAND_ID + number)

    # Channels

    async def _open_direct(self, request: web.Request) -> web.Response:
        sent = await sent_with(request)
        person = self.places.people.get(int(sent.payload["recipient_id"]))
        if person is None:
            raise Refused(10013)
        if person.is_bot:
            raise Refused(50007)
        return answer(self.places.direct(person).payload())

    async def _channel_alone(self, request: web.Request) -> web.Response:
        return answer(self._channel(request).payload())

    async def _edit_channel(self, request: web.Request) -> web.Response:
        """Change a thread: reopening needs only permission to send in threads if it is not locked. Raises Refused."""
        sent = await sent_with(request)
        channel = self._channel(request)
        if not channel.kind.is_thread:
            raise Refused(50013)
        reopens = sent.payload == {"archived": False} and not channel.locked
        if not channel.may & (May.SEND_IN_THREADS if reopens else May.MANAGE_THREADS):
            raise Refused(50013)
        channel.archived = sent.payload.get("archived", channel.archived)
        channel.locked = sent.payload.get("locked", channel.locked)
        return answer(channel.payload())

    def _channel(self, request: web.Request) -> Channel:
        """Return the named channel. Raises Refused (10003, 50001)."""
        channel = self.places.channels.get(int(request.match_info["channel_id"]))
        if channel is None or channel.gone or (channel.parent is not None and channel.parent.gone):
            raise Refused(10003)
        outside = channel.kind is Kind.PRIVATE_THREAD and not channel.joined and not channel.may & May.MANAGE_THREADS
        if outside or not channel.may & May.VIEW:
            raise Refused(50001)
        return channel

    # Messages

    async def _post(self, request: web.Request) -> web.Response:
        sent = await sent_with(request)
        channel = self._channel(request)
        self._may_send(channel, sent)
        kept = await self.messages.post(channel, self.places.bot, sent, way=Way.CHANNEL)
        return answer(self.messages.given_out(kept))

    def _may_send(self, channel: Channel, sent: Sent) -> None:
        if channel.recipient is not None:
            if not channel.recipient.direct:
                raise Refused(50007)
            return
        self._is_open(channel)
        if not channel.may & (May.SEND_IN_THREADS if channel.kind.is_thread else May.SEND):
            raise Refused(50013)
        if sent.files and not channel.may & May.ATTACH:
            raise Refused(50013)

    def _is_open(self, channel: Channel) -> None:
        if channel.archived:
            raise Refused(50083)
        if channel.locked and not channel.may & May.MANAGE_THREADS:
            raise Refused(160005)

    async def _message(self, request: web.Request) -> web.Response:
        channel = self._channel(request)
        if not channel.may & May.HISTORY:
            raise Refused(50001)
        return answer(self.messages.given_out(self.messages.find(channel, request.match_info["message_id"])))

    async def _edit(self, request: web.Request) -> web.Response:
        sent = await sent_with(request)
        kept = self._own(request)
        self._is_open(kept.channel)
        if sent.files and not kept.channel.may & May.ATTACH:
            raise Refused(50013)
        return answer(self.messages.given_out(await self.messages.edit(kept, sent, way=Way.CHANNEL)))

    async def _delete(self, request: web.Request) -> web.Response:
        channel = self._channel(request)
        kept = self.messages.find(channel, request.match_info["message_id"])
        self._is_open(channel)
        if kept.author is not self.places.bot and not channel.may & May.MANAGE_MESSAGES:
            raise Refused(50013)
        await self.messages.delete(kept, way=Way.CHANNEL)
        return web.Response(status=204)

    def _own(self, request: web.Request) -> Kept:
        kept = self.messages.find(self._channel(request), request.match_info["message_id"])
        if kept.author is not self.places.bot:
            raise Refused(50005)
        return kept

    async def _history(self, request: web.Request) -> web.Response:
        """
        Return messages newest first; with `after`, those that follow it. Empty without the right to read the history.
        """
        channel = self._channel(request)
        for name in ("after", "before", "around"):
            if not request.query.get(name, "0").isdecimal():
                raise invalid(name, "NUMBER_TYPE_COERCE", f'Value "{request.query[name]}" is not snowflake.')
        limit = int(request.query.get("limit", "50"))
        if not 1 <= limit <= MOST_IN_HISTORY:
            raise invalid("limit", "NUMBER_TYPE_MAX", f"int value should be 1 to {MOST_IN_HISTORY}.")
        kept = self.messages.history(channel) if channel.may & May.HISTORY else []
        return answer([self.messages.given_out(message) for message in _asked_for(kept, request, limit)])


def _asked_for(kept: list[Kept], request: web.Request, limit: int) -> list[Kept]:
    """Select from a history (newest first) by `after`, `before` or `around`."""
    if "after" in request.query:
        return [message for message in kept if int(message.id) > int(request.query["after"])][-limit:]
    if "before" in request.query:
        return [message for message in kept if int(message.id) < int(request.query["before"])][:limit]
    if "around" in request.query:
        place = sum(int(message.id) > int(request.query["around"]) for message in kept)
        return kept[max(0, place - limit // 2) :][:limit]
    return kept[:limit]
