"""
One process of an engine: `python -m benchmarks.engines.worker ENGINE DATABASE WORLD NAME`.

Without `WORLD`, only the tables are made. Requests, cancels and callbacks come over HTTP.
"""

from __future__ import annotations

import asyncio
import importlib
import logging
import signal
import sys
from typing import Any

import aiohttp
import structlog
from aiohttp import web

from benchmarks.engines.life import Carrier, World


async def _work(engine: Any, database: str, world: str, name: str) -> None:
    stopping = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopping.set)
    async with (
        aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=60)) as session,
        engine.carrier(database, World(session, world, name), name) as carrier,
    ):
        runner = web.AppRunner(_doors(carrier), access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        address = f"http://127.0.0.1:{runner.addresses[0][1]}"
        async with session.post(f"{world}/worker", params={"worker": name, "address": address}):
            await stopping.wait()
        await runner.cleanup()


def _doors(carrier: Carrier) -> web.Application:
    async def ask(request: web.Request) -> web.Response:
        await carrier.ask(int(request.query["task"]))
        return web.json_response(True)

    async def cancel(request: web.Request) -> web.Response:
        return web.json_response(await carrier.cancel(int(request.query["task"])))

    async def called_back(request: web.Request) -> web.Response:
        await carrier.called_back(int(request.query["task"]), request.query["token"], request.query["job"])
        return web.json_response(True)

    app = web.Application()
    app.add_routes([web.post("/ask", ask), web.post("/cancel", cancel), web.post("/called_back", called_back)])
    return app


def main(engine: str, database: str, world: str = "", name: str = "") -> None:
    logging.basicConfig(level=logging.WARNING)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    module = importlib.import_module(f"benchmarks.engines.{engine}")
    asyncio.run(_work(module, database, world, name) if world else module.prepare(database))


if __name__ == "__main__":
    main(*sys.argv[1:])
