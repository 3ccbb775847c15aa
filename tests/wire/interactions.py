"""
The loopback Discord's interactions: requests, their responses, and the two limits of a token: 3 s for the first
response, 15 min for everything after it.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from aiohttp import web

from tests.wire.clock import Clock
from tests.wire.components import EPHEMERAL, LOADING
from tests.wire.messages import Kept, Messages, Way
from tests.wire.places import APPLICATION_ID, Channel, Kind, Person, Places
from tests.wire.refusals import Refused, answer, invalid
from tests.wire.uploads import Sent, sent_with
from tests.worlds.waiting import LONGEST_SECONDS

FIRST_ANSWER = timedelta(seconds=3)
TOKEN_LIFE = timedelta(minutes=15)
COMMAND, COMPONENT = 2, 3
MESSAGE, DEFERRED, DEFERRED_UPDATE, UPDATE, MODAL = 4, 5, 6, 7, 9
ONLY_FOR_COMPONENTS = frozenset({DEFERRED_UPDATE, UPDATE})
PERMISSIONS = str((1 << 53) - 1)
"""Permissions of the person who asks."""
CONTEXTS = {Kind.DIRECT: 1, Kind.GROUP: 2}
"""Context of interactions by kind of channel; 0 is a server."""
MOST_FOLLOWUPS = 5
"""Limit when only the person has installed the app, not the server."""


@dataclass(eq=False, kw_only=True)
class Interaction:
    id: int
    token: str
    kind: int
    person: Person
    channel: Channel
    asked_ms: int
    """Milliseconds, by Discord's clock."""
    source: Kept | None = None
    """The message whose button was pressed."""
    sent: float = field(default_factory=time.perf_counter)
    acknowledged_after: float | None = None
    """Seconds until the first response arrived."""
    answered_with: int | None = None
    """The type of the first response."""
    answer: dict[str, Any] | None = None
    """The data of the first response, as sent."""
    dead: bool = False
    """The first response came too late."""
    original: Kept | None = None
    followups: list[Kept] = field(default_factory=list)
    acknowledged: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def message(self) -> dict[str, Any] | None:
        """The message of the first response, as it is now or was last."""
        return self.original.payload if self.original else None

    async def acknowledgement(self) -> float:
        """Wait for the first response; return the seconds it took. Raises TimeoutError if none comes."""
        async with asyncio.timeout(LONGEST_SECONDS):
            await self.acknowledged.wait()
        assert self.acknowledged_after is not None
        return self.acknowledged_after


@dataclass
class Interactions:
    clock: Clock
    places: Places
    messages: Messages
    changed: asyncio.Condition
    first_answer: timedelta = FIRST_ANSWER
    """A test raises this limit when many ask at once and the speed of a busy machine is not tested."""
    all: list[Interaction] = field(default_factory=list)
    _by_token: dict[str, Interaction] = field(default_factory=dict)

    def begin(self, kind: int, person: Person, channel: Channel, source: Kept | None = None) -> Interaction:
        interaction = Interaction(
            id=self.clock.snowflake(),
            token=f"interaction-token-{secrets.token_hex(24)}",
            kind=kind,
            person=person,
            channel=channel,
            asked_ms=self.clock.now(),
            source=source,
        )
        self.all.append(interaction)
        self._by_token[interaction.token] = interaction
        return interaction

    def payload(self, interaction: Interaction, data: dict[str, Any]) -> dict[str, Any]:
        """Return the interaction's payload as the gateway sends it."""
        channel, source = interaction.channel, interaction.source
        return {
            "id": str(interaction.id),
            "application_id": str(APPLICATION_ID),
            "type": interaction.kind,
            "token": interaction.token,
            "version": 1,
            "channel_id": str(channel.id),
            "channel": channel.payload() | ({} if channel.recipient else {"permissions": PERMISSIONS}),
            "app_permissions": str(int(channel.may)),
            "locale": interaction.person.locale,
            "context": CONTEXTS.get(channel.kind, 0),
            "authorizing_integration_owners": _owners(interaction),
            "entitlements": [],
            "attachment_size_limit": channel.file_bytes,
            "data": data,
            **self._asker(interaction),
            **({"message": self.messages.given_out(source)} if source else {}),
        }

    def _asker(self, interaction: Interaction) -> dict[str, Any]:
        user, guild = interaction.person.payload(), interaction.channel.guild
        if guild is None:
            return {"user": user}
        about = {"joined_at": "2026-01-01T00:00:00+00:00", "deaf": False, "mute": False, "flags": 0}
        member = {"user": user, "roles": [], "permissions": PERMISSIONS, **about}
        told = {"id": str(guild.id), "locale": guild.locale, "features": []}
        return {"guild_id": str(guild.id), "guild": told, "guild_locale": guild.locale, "member": member}

    # The first response

    async def callback(self, request: web.Request) -> web.Response:
        sent = await sent_with(request)
        interaction = self._waiting(request)
        kind = sent.payload["type"]
        if kind in ONLY_FOR_COMPONENTS and interaction.kind != COMPONENT:
            raise invalid("type", "INTERACTION_CALLBACK_TYPE_INVALID", "Only for components")
        data = Sent(payload=sent.payload.get("data") or {}, files=sent.files)
        await self._answer(interaction, kind, data)
        interaction.answered_with, interaction.answer = kind, data.payload
        interaction.acknowledged_after = time.perf_counter() - interaction.sent
        interaction.acknowledged.set()
        async with self.changed:
            self.changed.notify_all()
        if request.query.get("with_response") not in ("1", "true"):
            return web.Response(status=204)
        return answer(self._response(interaction, kind))

    def _waiting(self, request: web.Request) -> Interaction:
        """Return the interaction that still awaits its first response. Raises Refused (10062, 40060)."""
        interaction = self._by_token.get(request.match_info["interaction_token"])
        if interaction is None or str(interaction.id) != request.match_info["interaction_id"] or interaction.dead:
            raise Refused(10062)
        if interaction.answered_with is not None:
            raise Refused(40060)
        if self._age(interaction) > self.first_answer:
            interaction.dead = True
            raise Refused(10062)
        return interaction

    async def _answer(self, interaction: Interaction, kind: int, data: Sent) -> None:
        match kind:
            case 4:
                interaction.original = await self._post(interaction, data, Way.CALLBACK)
            case 5:
                flags = LOADING | int(data.payload.get("flags") or 0) & EPHEMERAL
                empty = Sent(payload={"flags": flags})
                interaction.original = await self._post(interaction, empty, Way.CALLBACK)
            case 6:
                interaction.original = interaction.source
            case 7:
                assert interaction.source is not None
                self._still_there(interaction.source)
                interaction.original = await self.messages.edit(interaction.source, data, way=Way.CALLBACK)
            case _ if kind != MODAL:
                raise invalid("type", "BASE_TYPE_CHOICES", f"There is no answer of type {kind} here")

    def _response(self, interaction: Interaction, kind: int) -> dict[str, Any]:
        about: dict[str, Any] = {"id": str(interaction.id), "type": interaction.kind}
        original = interaction.original
        if original is None:
            return {"interaction": about}
        about["response_message_id"] = original.id
        about["response_message_loading"] = bool(original.flags & LOADING)
        about["response_message_ephemeral"] = bool(original.flags & EPHEMERAL)
        if kind not in (MESSAGE, UPDATE):
            return {"interaction": about}
        return {"interaction": about, "resource": {"type": kind, "message": self.messages.given_out(original)}}

    async def _post(self, interaction: Interaction, sent: Sent, way: Way) -> Kept:
        ephemeral = int(sent.payload.get("flags") or 0) & EPHEMERAL
        only_for = interaction.person if ephemeral else None
        about = _origin(interaction)
        return await self.messages.post(
            interaction.channel, self.places.bot, sent, way=way, only_for=only_for, about=about
        )

    # Requests by token after the first response

    async def followup(self, request: web.Request) -> web.Response:
        sent = await sent_with(request)
        interaction = self._living(request)
        if len(interaction.followups) >= MOST_FOLLOWUPS and "0" not in _owners(interaction):
            raise Refused(40094)
        original = interaction.original
        if original is not None and original.flags & LOADING and not interaction.followups:
            kept = await self.messages.edit(original, sent, way=Way.ORIGINAL)
        else:
            kept = await self._post(interaction, sent, Way.FOLLOWUP)
            interaction.followups.append(kept)
        return answer(self.messages.given_out(kept))

    async def look(self, request: web.Request) -> web.Response:
        return answer(self.messages.given_out(self._named(request)))

    async def edit(self, request: web.Request) -> web.Response:
        sent = await sent_with(request)
        kept = self._named(request)
        return answer(self.messages.given_out(await self.messages.edit(kept, sent, way=_way(request))))

    async def delete(self, request: web.Request) -> web.Response:
        await self.messages.delete(self._named(request), way=_way(request))
        return web.Response(status=204)

    def _living(self, request: web.Request) -> Interaction:
        """Return the interaction of a valid token. Raises Refused (10015, 50027)."""
        interaction = self._by_token.get(request.match_info["webhook_token"])
        if interaction is None or request.match_info["webhook_id"] != str(APPLICATION_ID):
            raise Refused(10015)
        if self._age(interaction) > TOKEN_LIFE:
            raise Refused(50027)
        if interaction.answered_with is None:
            raise Refused(10015)
        return interaction

    def _named(self, request: web.Request) -> Kept:
        """Return the message that the request names, or else the first response's message. Raises Refused."""
        interaction = self._living(request)
        number = request.match_info.get("message_id")
        own = [message for message in (interaction.original, *interaction.followups) if message is not None]
        found = next((message for message in own if message.id == number), None) if number else interaction.original
        return self._still_there(found)

    def _still_there(self, kept: Kept | None) -> Kept:
        if kept is None or kept.id not in self.messages.kept:
            raise Refused(10008)
        return kept

    def _age(self, interaction: Interaction) -> timedelta:
        return timedelta(milliseconds=self.clock.now() - interaction.asked_ms)


def _way(request: web.Request) -> Way:
    return Way.FOLLOWUP if "message_id" in request.match_info else Way.ORIGINAL


def _owners(interaction: Interaction) -> dict[str, str]:
    """Return who installed the app: the server ("0" in direct messages with the bot), or the person."""
    guild = interaction.channel.guild
    if interaction.channel.kind is Kind.GROUP or (guild is not None and not guild.installed):
        return {"1": str(interaction.person.id)}
    return {"0": str(guild.id) if guild else "0"}


def _origin(interaction: Interaction) -> dict[str, Any]:
    """Return the fields of a message that name the interaction it responds to."""
    metadata = {
        "id": str(interaction.id),
        "type": interaction.kind,
        "user": interaction.person.payload(),
        "authorizing_integration_owners": _owners(interaction),
    }
    if interaction.source is not None:
        metadata["interacted_message_id"] = interaction.source.id
    number = str(APPLICATION_ID)
    return {"application_id": number, "webhook_id": number, "interaction_metadata": metadata}
