"""The servers, the people and the database of a run with several processes, and its evidence."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from sandbox.kie import Emulator
from storage.database import Database
from tests.crash.observed import cards_left, posts, rows_in, stored_rows
from tests.crash.verdict import Evidence, Verdict, judge
from tests.wire.discord import LoopbackDiscord, loopback_discord
from tests.wire.load import UNLIMITED, Creates, Load
from tests.wire.process import KEY, TOKEN, WEBHOOK_KEY
from tests.wire.processes import Fleet, fleet
from tests.wire.traps import Traps
from tests.worlds.engine_world import png

LOOK_SECONDS = 1.0
DISCORDS_LIMIT = (50, 1.0)


@dataclass(kw_only=True)
class Scene:
    folder: Path
    discord: LoopbackDiscord
    image_api: Emulator
    image_traps: Traps
    creates: Creates
    load: Load

    @asynccontextmanager
    async def fleet(self, urls: Sequence[str], **settings: str) -> AsyncIterator[Fleet]:
        """Run a process for each of these URLs of the database."""
        given = {"LOG_LEVEL": "INFO", **UNLIMITED, **settings}
        async with fleet(
            self.folder, self.discord, self.image_api, urls=urls, shards=self.load.shards, **given
        ) as running:
            yield running

    async def all_closed(self, url: str, *, within_seconds: float) -> None:
        """Wait until every stored task is closed. Raises TimeoutError."""
        async with Database.open(url, exclusive=False) as database:
            try:
                async with asyncio.timeout(within_seconds):
                    while not all(row.state == "closed" for row in await rows_in(database)):  # noqa: ASYNC110  # other processes write the rows
                        await asyncio.sleep(LOOK_SECONDS)
            except TimeoutError as error:
                unfinished = {row.id: row.state for row in await rows_in(database) if row.state != "closed"}
                raise TimeoutError(f"not over after {within_seconds:.0f} s: {unfinished}") from error

    def promised(self) -> frozenset[str]:
        """Return the prompts of the commands that were answered with a card, which says that the task is stored."""
        cards = {act.message_id for act in self.discord.acts if '"a1:cancel:' in json.dumps(act.payload)}
        originals = {prompt: each.original for prompt, each in self.load.asked.items()}
        return frozenset(prompt for prompt, original in originals.items() if original and original.id in cards)

    async def verdict(
        self,
        url: str,
        *,
        struck_at: Iterable[float] = (),
        faults: Iterable[str] = (),
        corrections: bool = False,
        broken: str = "",
    ) -> Verdict:
        """Judge the run. `struck_at`: when something happened that may have kept an answer of the image API from being
        stored (s, monotonic)."""
        return judge(
            Evidence(
                acknowledged=self.promised(),
                rows=await stored_rows(url),
                posts=posts(self.discord),
                creates=self.creates.accepted(),
                struck_at=tuple(struck_at),
                struck=1,
                cards_left=cards_left(self.discord),
                faults=tuple(faults),
                corrections=corrections,
                broken=broken,
            )
        )


@asynccontextmanager
async def scene(*, picture_seconds: float, shards: int) -> AsyncIterator[Scene]:
    """Set up servers with the limits of the real ones: Discord's requests and identifies, and the image API's
    creates."""
    creates, traps, picture = Creates(), Traps(), png()
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="atelier-processes-")))
        discord = await stack.enter_async_context(loopback_discord(TOKEN))
        discord.limits.everywhere, discord.limits.slides, discord.gateway.max_concurrency = DISCORDS_LIMIT, True, 1
        image_api = Emulator(
            key=KEY,
            seconds=picture_seconds,
            brush=lambda _order, _position: picture,
            webhook_key=WEBHOOK_KEY,
            middlewares=[creates.middleware, traps.middleware],
        )
        await stack.enter_async_context(image_api)
        yield Scene(
            folder=folder,
            discord=discord,
            image_api=image_api,
            image_traps=traps,
            creates=creates,
            load=Load(discord, shards),
        )
