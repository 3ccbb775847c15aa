"""The Discord client and its command tree."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Callable, Sequence
from typing import Any, Final, Literal

import discord
import structlog
from discord import app_commands
from discord.backoff import ExponentialBackoff
from discord.ext import commands

from bot.command_options import check_options
from bot.discord_errors import map_discord_errors
from bot.engine.clock import system_clock
from bot.error_replies import answer_error
from bot.errors import ServiceError, UserError
from bot.process.garbage import garbage_collection_paused
from bot.services import Services
from bot.texts import link_commands
from bot.texts.command_texts import CatalogueTranslator, SourceTranslator
from bot.traffic import Identifies, StartLimits, Traffic
from storage.key_values import KeyValueStore

PUBLISHED_FACT: Final = "published_commands"
COMMAND_IDS_FACT: Final = "command_ids"
PUBLISHING_FACT: Final = "publishing_commands"
PUBLISH_WITHIN_MS: Final = 60 * 1000
"""ms. Longest time for which other processes wait for one that publishes the commands."""
PUBLISHED_LOOK_SECONDS: Final = 1.0
CLOSE_SECONDS: Final = 2.0

discord.VoiceClient.warn_nacl = discord.VoiceClient.warn_dave = False  # the bot does not use voice


class ReconnectDelay(ExponentialBackoff[Literal[False]]):
    """
    How long a shard waits after an attempt to connect that failed: at random up to twice as long after each, at most
    256 s, and up to 2 s again after one that failed more than five minutes after the one before.

    discord.py waits up to 17 minutes once ten attempts failed at intervals of less than 34 minutes, as after three
    short outages. With this delay, each shard makes some 700 attempts a day while the gateway cannot be reached, and
    only an attempt that reaches it identifies. (Discord: 1,000 identifies a day of all shards, docs.discord.com,
    Gateway, "Session Start Limit Object".) A session that the gateway ends is resumed without this delay.
    """

    def __init__(self) -> None:
        super().__init__()
        self._max = 8
        self._reset_time = 300


discord.shard.ExponentialBackoff = ReconnectDelay  # type: ignore[assignment,attr-defined]  # each shard makes one

log = structlog.get_logger(__name__)


class AtelierTree(app_commands.CommandTree["Atelier"]):
    async def interaction_check(self, interaction: discord.Interaction[Atelier], /) -> bool:
        """Clean the text options (`check_options`) and return True; send the person an error message and return False
        if an option does not match its declaration. The command does not run then."""
        try:
            check_options(interaction)
        except UserError as error:
            await answer_error(interaction, error)
            return False
        return True

    async def on_error(self, interaction: discord.Interaction[Atelier], error: app_commands.AppCommandError) -> None:
        await answer_error(interaction, error)


class Atelier(commands.AutoShardedBot):
    """
    The Discord client. It needs no privileged intent: Discord shows it the content of messages that mention it, of
    direct messages, of its own, and of those on which a command is used. `message_content` requests the privileged
    Message Content Intent, for pictures in other people's messages.
    """

    services: Services
    """Set by the code that opens the bot, before the client starts."""

    def __init__(
        self,
        *,
        extensions: Sequence[str],
        allowed_guilds: frozenset[int] = frozenset(),
        message_content: bool = False,
        shard_count: int | None = None,
        shard_ids: list[int] | None = None,
        traffic: Traffic | None = None,
        identifies: Identifies | None = None,
        proxy: str | None = None,
    ) -> None:
        """`identifies`: None if no other process has this token."""
        self.traffic = traffic or Traffic()
        self._identifies = identifies
        super().__init__(
            command_prefix=commands.when_mentioned,
            help_command=None,
            tree_cls=AtelierTree,
            intents=discord.Intents(
                guilds=True,
                guild_messages=True,
                guild_reactions=True,
                dm_messages=True,
                message_content=message_content,
            ),
            allowed_mentions=discord.AllowedMentions.none(),
            max_messages=None,
            http_trace=self.traffic.trace(),
            proxy=proxy,
            shard_count=shard_count,
            shard_ids=shard_ids,  # type: ignore[arg-type]  # None is its own default
        )
        parsers = self._connection.parsers
        parsers.update({name: _survived(name, parse) for name, parse in parsers.items() if name != "READY"})
        self.allowed_guilds = allowed_guilds
        self._extensions_to_load = tuple(extensions)

    async def setup_hook(self) -> None:
        await self.tree.set_translator(CatalogueTranslator())
        with garbage_collection_paused():
            for extension in self._extensions_to_load:
                await self.load_extension(extension)

    async def before_identify_hook(self, shard_id: int | None, *, initial: bool = False) -> None:
        """Wait until the shard may identify. If the database cannot be asked, wait as a process that is alone."""
        if self._identifies is None:
            await super().before_identify_hook(shard_id, initial=initial)
            return
        try:
            await self._identifies.turn(shard_id or 0, self._start_limits)
        except Exception as error:  # noqa: BLE001  # a bot that does not connect is worse than a refused identify
            log.warning("identify without a turn: the database or Discord did not answer", error=str(error))
            await super().before_identify_hook(shard_id, initial=initial)

    async def _start_limits(self) -> StartLimits:
        limits = await self.fetch_session_start_limits()
        return StartLimits(
            max_concurrency=limits.max_concurrency,
            remaining=limits.remaining,
            reset_after_seconds=limits.reset_after / 1000,
        )

    async def on_message(self, message: discord.Message, /) -> None:
        """Do nothing: the bot has no prefix commands of discord.py; cogs have their own listeners."""

    async def login(self, token: str) -> None:
        """Log in. A failed login closes its HTTP session, so that `login` can be called again."""
        try:
            await super().login(token)
        except BaseException:
            await self.http.close()
            self.http.connector = discord.utils.MISSING
            raise

    async def close(self) -> None:
        """Close all connections within `CLOSE_SECONDS`. If discord.py still waits after that (for a connection that
        hangs, say), its close is cancelled, logged, and the connections may stay open."""
        closing = asyncio.create_task(super().close())
        _, late = await asyncio.wait({closing}, timeout=CLOSE_SECONDS)
        if late:
            closing.cancel()
            log.warning("Discord client close timed out: connections abandoned", seconds=CLOSE_SECONDS)
            return
        await closing

    async def publish_commands(
        self, key_values: KeyValueStore, *, force: bool = False, clock: Callable[[], int] = system_clock
    ) -> bool:
        """Publish the global commands if they differ from those published last, or with `force`; processes that share
        the database do so one after the other. In either case, show commands as mentions in all texts
        (`link_commands`), where their ids are known. Return whether they were published. Call after `login`. Raises
        what discord.py and the database raise."""
        digest = await self._commands_digest()
        while force or await key_values.get(PUBLISHED_FACT) != digest:
            if key_values.alone:
                await self._publish(key_values, digest)
                return True
            if await key_values.take_turn(PUBLISHING_FACT, clock=clock, every_ms=PUBLISH_WITHIN_MS) == 0:
                try:
                    if not force and await key_values.get(PUBLISHED_FACT) == digest:
                        break  # another process published them between the look above and this turn
                    await self._publish(key_values, digest)
                finally:
                    await key_values.set(PUBLISHING_FACT, None)
                return True
            await asyncio.sleep(PUBLISHED_LOOK_SECONDS)
        link_commands(await self._command_ids(key_values))
        return False

    async def _publish(self, key_values: KeyValueStore, digest: str) -> None:
        published = await self.tree.sync()
        ids = await _remembered(published, key_values)
        await key_values.set(PUBLISHED_FACT, digest)
        log.info("commands published", commands=[command.name for command in published])
        link_commands(ids)

    async def _command_ids(self, key_values: KeyValueStore) -> dict[str, int]:
        """Return the ids of the published commands by name, as stored. Ask Discord for them if they are not stored, as
        after an upgrade; nothing if Discord answers with an error or cannot be reached."""
        stored = await key_values.get(COMMAND_IDS_FACT)
        if stored is not None:
            return dict(json.loads(stored))
        try:
            with map_discord_errors():
                published = await self.tree.fetch_commands()
        except ServiceError as error:
            log.info(
                "command ids not available: Discord or network error, texts show names of commands until a restart",
                error=str(error),
            )
            return {}
        return await _remembered(published, key_values)

    async def _commands_digest(self) -> str:
        """Return a hash of the commands' payloads, with the sources of their texts in all languages, and of the
        application's id."""
        commands, translator = self.tree.get_commands(), SourceTranslator()
        payloads = [await command.get_translated_payload(self.tree, translator) for command in commands]
        text = json.dumps([self.application_id, payloads], sort_keys=True, default=str)
        return hashlib.sha256(text.encode()).hexdigest()


async def _remembered(published: Sequence[app_commands.AppCommand], key_values: KeyValueStore) -> dict[str, int]:
    """Store the ids of the commands that people type, and return them by name."""
    typed = [command for command in published if command.type is discord.AppCommandType.chat_input]
    ids = {command.name: command.id for command in typed}
    await key_values.set(COMMAND_IDS_FACT, json.dumps(ids))
    return ids


def _survived(name: str, parse: Callable[[Any], None]) -> Callable[[Any], None]:
    """Wrap an event parser so that an event which discord.py cannot read is logged and skipped; the log has a traceback
    once for each kind of event. Without the wrapper, the first such event would end the connection for all servers, and
    an event that is sent at every start would end it each time. READY is not wrapped: without READY the bot cannot
    work."""
    reported = False

    def parsed(data: Any) -> None:
        nonlocal reported
        try:
            parse(data)
        except Exception as error:
            log.exception("gateway event skipped: parsing failed", name=name, exc_info=None if reported else error)
            reported = True

    return parsed
