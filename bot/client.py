"""The connection to Discord: the client, and the tree of its commands."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Callable, Sequence
from typing import Any, Final

import discord
import structlog
from discord import app_commands
from discord.ext import commands

from bot.errors import UserError
from bot.options import check_options
from bot.replies import answer_error
from bot.services import Services
from bot.traffic import Traffic
from bot.translation import CatalogueTranslator
from storage.tasks import TaskStore

PUBLISHED_FACT: Final = "published_commands"
CLOSE_SECONDS: Final = 2.0

discord.VoiceClient.warn_nacl = discord.VoiceClient.warn_dave = False  # it never speaks: nothing to warn of

log = structlog.get_logger(__name__)


class AtelierTree(app_commands.CommandTree["Atelier"]):
    async def interaction_check(self, interaction: discord.Interaction[Atelier], /) -> bool:
        """False where an option is not what was declared; then the person is told."""
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
    Needs no privileged intent: it reads its own messages and those that mention it. `message_content`: that one is
    switched on, for pictures in what others have written.
    """

    services: Services
    """Set by whoever opens the bot, before it starts."""

    def __init__(
        self,
        *,
        extensions: Sequence[str],
        allowed_guilds: frozenset[int] = frozenset(),
        message_content: bool = False,
        shard_count: int | None = None,
        shard_ids: list[int] | None = None,
        traffic: Traffic | None = None,
        proxy: str | None = None,
    ) -> None:
        self.traffic = traffic or Traffic()
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
        self._translator = CatalogueTranslator()

    async def setup_hook(self) -> None:
        await self.tree.set_translator(self._translator)
        for extension in self._extensions_to_load:
            await self.load_extension(extension)

    async def on_message(self, message: discord.Message, /) -> None:
        """Not for commands of discord.py's own, of which there are none; cogs listen."""

    async def login(self, token: str) -> None:
        """One that fails leaves no session behind, so that it can be tried again."""
        try:
            await super().login(token)
        except BaseException:
            await self.http.close()
            self.http.connector = discord.utils.MISSING
            raise

    async def close(self) -> None:
        """Ends within `CLOSE_SECONDS`: what discord.py still waits for then (a connection that does not let go, say) is
        given up."""
        closing = asyncio.create_task(super().close())
        _, late = await asyncio.wait({closing}, timeout=CLOSE_SECONDS)
        if late:
            closing.cancel()
            log.warning("Discord's connections did not close; they are given up", seconds=CLOSE_SECONDS)
            return
        await closing

    async def publish_commands(self, tasks: TaskStore, *, force: bool = False) -> bool:
        """Tell Discord the global commands if they differ from those told last. True if told. After `login`."""
        digest = await self._commands_digest()
        if not force and await tasks.fact(PUBLISHED_FACT) == digest:
            return False
        published = await self.tree.sync()
        await tasks.set_fact(PUBLISHED_FACT, digest)
        log.info("commands published", commands=[command.name for command in published])
        return True

    async def _commands_digest(self) -> str:
        """Of what would be sent, in all languages, and of the application it would be sent for."""
        commands = self.tree.get_commands()
        payloads = [await command.get_translated_payload(self.tree, self._translator) for command in commands]
        text = json.dumps([self.application_id, payloads], sort_keys=True, default=str)
        return hashlib.sha256(text.encode()).hexdigest()


def _survived(name: str, parse: Callable[[Any], None]) -> Callable[[Any], None]:
    """An event that discord.py cannot read is skipped. By itself it would end with the first one, for everybody; and
    one that comes at every start would keep it from ever running again. READY is let through: without it there is
    nothing to run."""
    told = False

    def parsed(data: Any) -> None:
        nonlocal told
        try:
            parse(data)
        except Exception as error:
            log.exception("an event could not be read", name=name, exc_info=None if told else error)
            told = True

    return parsed
