"""
`python -m sandbox`: run the real bot between a simulated Discord and an emulated image API, with a page to try it.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import socket
import tempfile
import webbrowser
from contextlib import AsyncExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import simcord
from pydantic import SecretStr, ValidationError

from bot.app import Running, open_atelier, open_site
from bot.config import Settings
from bot.engine.policy import PREVIEW_WAIT
from bot.process.logs import configure_logs
from sandbox import magic
from sandbox.kie import Emulator
from sandbox.magic import Magic
from sandbox.page import keep_fresh, open_page, set_clock
from sandbox.welcome import post_welcome
from sandbox.world import Attachments, name_bot, people_a_server, spare_refusals

KEY: Final = SecretStr("sandbox")
PROBE_AFTER: Final = timedelta(seconds=15)
"""After [401] or [402] the bot stops creating tasks and asks at this interval whether the account works again."""
STOP_SECONDS: Final = 2.0
FROM_ENVIRONMENT: Final = ("KIE_MODELS", "KIE_4O_FORM", "KIE_FALLBACK_MODEL", "KIE_UPLOAD_CN")
"""Settings that are read from the environment: which models there are, and how the image API is called."""
A_FEW: Final = (Magic.POLICY, Magic.CREDIT, Magic.UNFETCHED, Magic.DROPPED, Magic.OVERDUE, Magic.GONE)


def main() -> None:
    given = _arguments().parse_args()
    if given.data is not None and given.data.exists() and any(given.data.iterdir()):
        raise SystemExit(f"{given.data} is not empty: the sandbox begins with nothing, so name a new folder")
    try:
        Settings(**chosen_settings())
    except ValidationError as error:
        wrong = error.errors(include_url=False)[0]
        raise SystemExit(f"{str(wrong['loc'][0]).upper()} {wrong['msg'].removeprefix('Value error, ')}") from None
    asyncio.run(run(given))


async def run(given: argparse.Namespace) -> None:
    """Run the sandbox until Ctrl-C, SIGTERM, or a click on the page's own stop button."""
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    configure_logs("WARNING", "console")
    async with AsyncExitStack() as stack:
        folder = given.data or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="atelier-")))
        webhook_key = None if given.kie_url else KEY.get_secret_value()
        emulator = Emulator(speed=given.speed, webhook_key=webhook_key)
        kie_url = given.kie_url or (await stack.enter_async_context(emulator)).url
        settings = sandbox_settings(folder.absolute(), kie_url, webhook_key)
        atelier = await stack.enter_async_context(
            open_atelier(
                settings,
                attachments=lambda client: Attachments(client=client),
                probe_account_after=PROBE_AFTER,
                preview_wait=PREVIEW_WAIT / given.speed,
            )
        )
        if settings.callbacks:
            await stack.enter_async_context(open_site(atelier, settings))
        env = await stack.enter_async_context(simcord.run(atelier.client, shard_count=1, check_errors=False))
        set_clock(env)
        await atelier.client.publish_commands(atelier.stores.key_values)
        await name_bot(atelier.client)
        spare_refusals(atelier.client)
        place = people_a_server(env, atelier.client, direct=given.dm)
        await post_welcome(atelier.client, place.channel.id)
        preview = await stack.enter_async_context(open_page(env, place, port=given.port))
        bot = atelier.client.user
        print(_greeting(preview.url, given, bot.mention if bot is not None else "@Atelier"), flush=True)
        if given.open:
            await asyncio.to_thread(webbrowser.open, preview.url)
        await _work_until(stop, atelier, env, preview)


async def _work_until(stop: asyncio.Event, atelier: Running, env: simcord.Env, preview: simcord.Preview) -> None:
    """
    Run the engine beside the bot until `stop` is set or the page is closed. The engine is not part of the bot's own
    tasks, because simcord waits for all of these to finish.
    """
    async with asyncio.TaskGroup() as group:
        work = group.create_task(atelier.work())
        fresh = group.create_task(keep_fresh(env, preview))
        ends = [group.create_task(stop.wait()), group.create_task(preview.wait_closed())]
        await asyncio.wait([work, *ends], return_when=asyncio.FIRST_COMPLETED)
        atelier.engine.stop()
        await asyncio.wait([work], timeout=STOP_SECONDS)
        for task in (work, fresh, *ends):
            task.cancel()


def chosen_settings() -> dict[str, Any]:
    """Return those of the settings in `FROM_ENVIRONMENT` that are set."""
    return {name.lower(): value for name in FROM_ENVIRONMENT if (value := os.environ.get(name, "").strip())}


def sandbox_settings(folder: Path, kie_url: str, webhook_key: str | None) -> Settings:
    """Return fixed settings, except for `chosen_settings`; `.env` is not read. With `webhook_key`, the image API calls
    back when a picture is ready, so that it comes at once."""
    port = _free_port()
    return Settings(
        kie_webhook_key=SecretStr(webhook_key or ""),
        public_url=f"http://127.0.0.1:{port}" if webhook_key else None,
        http_port=port,
        discord_token=KEY,
        kie_api_key=KEY,
        kie_api_url=kie_url,
        kie_upload_url=kie_url,
        references_as="upload",
        database_url=f"sqlite:///{folder / 'atelier.db'}",
        pictures_url=str(folder / "pictures"),
        max_pictures_per_user_per_day=0,
        max_pictures_per_day=0,
        **chosen_settings(),
    )


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


def _greeting(url: str, given: argparse.Namespace, mention: str) -> str:
    where = (
        "a direct message with the bot"
        if given.dm
        else "a channel; you can be Alice, who manages the server, Bob, or Mei"
    )
    words = "  ".join(A_FEW)
    kept = f"what was made stays in {given.data}" if given.data else "nothing is kept"
    return (
        f"The sandbox is ready. Open this page in a browser ({where}):\n\n  {url}\n\n"
        "In the field at the bottom type /imagine, press Enter, and say what you want to see.\n"
        'Behind "more" are pictures to attach and other options. Then press Send, and wait for 4 to 25 seconds.\n'
        "Each model paints in a manner of its own.\n\n"
        f"Or mention the bot, with a picture or in answer to one: {mention} make it night\n"
        f"Words in the prompt make things go wrong: {words}\n"
        "All of them: make sandbox ARGS=--help\n"
        "\n"
        f"Ctrl-C stops everything; {kept}."
    )


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m sandbox",
        description="Try the bot with no accounts: a Discord and an image API on this machine, and a page.",
        epilog="Words in a prompt that make the image API fail or misbehave:\n\n" + magic.table(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--dm", action="store_true", help="show a direct message with the bot instead of a channel")
    parser.add_argument("--open", action="store_true", help="open the page in a browser")
    parser.add_argument("--port", type=int, default=0, help="of the page (default: a free one)")
    parser.add_argument("--speed", type=float, default=1.0, help="how many times faster pictures are made (default: 1)")
    parser.add_argument("--kie-url", help="an image API that runs already, such as python -m sandbox.kie")
    parser.add_argument("--data", type=Path, help="a new folder to keep the database and the pictures in, to look at")
    return parser


if __name__ == "__main__":
    main()
