"""
An emulator of the KIE 4o Image API over real HTTP. It reproduces what is known of the real API: envelopes, codes,
limits, progress, times, addresses, uploads, credits. It fetches `filesUrl` and `maskUrl` itself, and paints the
pictures it returns.

In a test: `async with Emulator(seconds=0) as emulator: emulator.url`. As a process: `python -m sandbox.kie`; then
`GET /_emulator/creates` returns the accepted creates. Magic words in a prompt make the emulator fail or misbehave
(`sandbox.magic`). If a create has a `callBackUrl`, the emulator calls this address when the task has ended
(`sandbox.callbacks`).
"""

from __future__ import annotations

import argparse
import asyncio
import secrets
import signal
import time
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from types import TracebackType
from typing import Any, Final, Self

import aiohttp
from aiohttp import web
from aiohttp.typedefs import Middleware

from sandbox import magic, wire
from sandbox.callbacks import Callbacks, Called
from sandbox.jobs import COST, Job, usual_seconds
from sandbox.magic import Magic
from sandbox.paint.painter import Order, paint
from sandbox.studio import MAX_AT_ONCE, Studio
from sandbox.uploads import Uploads
from sandbox.wire import Refused

CREATES_PER_WINDOW: Final = 20
WINDOW_SECONDS: Final = 10.0
QUESTIONS_PER_SECOND: Final = 3
MAX_REQUEST_BYTES: Final = 110 * 1024 * 1024
RESULT_SECONDS: Final = 14 * 24 * 3600
LINK_SECONDS: Final = 1200
REFUSED_SECONDS: Final = 300.0
SLOW_SECONDS: Final = 20.0
PAINT_WAIT_SECONDS: Final = 5.0
"""How long a response waits for painting to finish when the task's time is up (at once with `seconds=0`)."""

REFUSALS: Final = {Magic.KEY: 401, Magic.CREDIT: 402, Magic.INVALID: 422, Magic.QUOTA: 433, Magic.ALWAYS_FAULT: 500}
REFUSALS_ONCE: Final = {Magic.BUSY: 429, Magic.MAINTENANCE: 455, Magic.FULL: 550, Magic.FAULT: 500}


class Emulator:
    """
    The image API on loopback.

    * `seconds`  how long every task takes; None means 8 to 20 s, by prompt and variants
    * `speed`    divides every duration
    * `clock`    returns seconds since the epoch; a test may pass its own
    * `balance`  credits at the start
    * `key`      the only key accepted; None accepts any
    * `shrink`   divides the size of the painted pictures
    * `brush`    paints instead of the painter
    * `webhook_key`  signs callbacks; without a key they are not signed
    * `middlewares`  aiohttp middlewares around every request, for tests that inject faults
    * `creates`  the bodies of the accepted creates, oldest first; `attempts` also has the refused ones, with their code
    """

    def __init__(
        self,
        *,
        port: int = 0,
        key: str | None = None,
        seconds: float | None = None,
        speed: float = 1.0,
        clock: Callable[[], float] = time.time,
        balance: float = 5000.0,
        shrink: int = 1,
        brush: Callable[[Order, int], bytes] = paint,
        webhook_key: str | None = None,
        middlewares: Sequence[Middleware] = (),
    ) -> None:
        self.creates: list[dict[str, Any]] = []
        self.attempts: list[tuple[int, dict[str, Any]]] = []
        self.jobs: dict[str, Job] = {}
        self._port, self._key, self._seconds, self._speed, self._clock = port, key, seconds, speed, clock
        self._bought, self._shrink, self._middlewares = balance, shrink, middlewares
        self._webhook_key, self._brush = webhook_key, brush
        self._window: deque[float] = deque()
        self._questions: defaultdict[str, deque[float]] = defaultdict(deque)
        self._turns: Counter[tuple[Magic, str]] = Counter()
        self._stack = AsyncExitStack()
        self.url = ""
        """Without a slash at the end; set when the context is entered."""

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            session = await stack.enter_async_context(aiohttp.ClientSession())
            turns = asyncio.Semaphore(MAX_AT_ONCE)
            self._studio = Studio(session=session, turns=turns, shrink=self._shrink, brush=self._brush)
            self._callbacks = Callbacks(session=session, key=self._webhook_key, speed=self._speed, clock=self._clock)
            runner = web.AppRunner(self._application(session), shutdown_timeout=0.2, access_log=None)
            await runner.setup()
            stack.push_async_callback(runner.cleanup)
            stack.push_async_callback(self._stop_working)
            stack.push_async_callback(self._callbacks.stop)
            await web.TCPSite(runner, "127.0.0.1", self._port).start()
            self.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
            self._stack = stack.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.aclose()

    @property
    def called(self) -> list[Called]:
        """Every attempt to send a callback, oldest first."""
        return self._callbacks.made

    @property
    def credits(self) -> float:
        """Remaining credits. A create is charged at once and refunded when its task fails."""
        now = self._clock()
        return self._bought - sum(job.cost for job in self.jobs.values() if job.outcome(now) is not False)

    def _application(self, session: aiohttp.ClientSession) -> web.Application:
        application = web.Application(
            middlewares=[*self._middlewares, wire.refusals], client_max_size=MAX_REQUEST_BYTES
        )
        application.add_routes(
            [
                web.post("/api/v1/gpt4o-image/generate", self._generate),
                web.get("/api/v1/gpt4o-image/record-info", self._record_info),
                web.post("/api/v1/gpt4o-image/download-url", self._download_url),
                web.post("/api/v1/common/download-url", self._common_download_url),
                web.get("/api/v1/chat/credit", self._credit),
                web.get("/s/{name}", self._result),
                web.get("/_emulator/creates", self._show_creates),
                *Uploads(key=self._key, session=session).routes(),
            ]
        )
        return application

    async def _stop_working(self) -> None:
        working = [job.work for job in self.jobs.values() if job.work is not None and not job.work.done()]
        for work in working:
            work.cancel()
        await asyncio.gather(*working, return_exceptions=True)

    # -- create --------------------------------------------------------------------------------------------------

    async def _generate(self, request: web.Request) -> web.StreamResponse:
        wire.check_key(request, self._key)
        body = await wire.read_body(request)
        words = magic.spoken(str(body.get("prompt") or ""))
        try:
            self._consider(body, words)
        except Refused as refused:
            self.attempts.append((refused.code, body))
            raise
        if Magic.HTML in words:
            return web.Response(status=502, text=wire.GATEWAY_PAGE, content_type="text/html")
        return await self._answer_create(request, self._take(request, body, words))

    def _consider(self, body: dict[str, Any], words: frozenset[Magic]) -> None:
        """
        Check the rate limit, the body, magic words and credit. Raises Refused; the order of the checks is a guess.
        """
        now = self._clock()
        while self._window and self._window[0] <= now - WINDOW_SECONDS:
            self._window.popleft()
        if len(self._window) >= CREATES_PER_WINDOW:
            raise Refused(429)
        wire.check_create(body)
        for word in sorted(words & REFUSALS.keys()):
            raise Refused(REFUSALS[word])
        for word in sorted(words & REFUSALS_ONCE.keys()):
            if self._first_time(word, body):
                raise Refused(REFUSALS_ONCE[word])
        if self.credits < COST[int(body.get("nVariants", 1))]:
            raise Refused(402)

    def _first_time(self, word: Magic, body: dict[str, Any]) -> bool:
        """
        Return True at the first create with this word and prompt and False at the second; a later create with the
        same prompt starts a new pair.
        """
        self._turns[word, str(body["prompt"])] += 1
        return self._turns[word, str(body["prompt"])] % 2 == 1

    def _take(self, request: web.Request, body: dict[str, Any], words: frozenset[Magic]) -> Job:
        now = self._clock()
        self._window.append(now)
        if Magic.UNFETCHED in words and self._first_time(Magic.UNFETCHED, body):
            words |= {Magic.ALWAYS_UNFETCHED}
        job = Job(
            id=secrets.token_hex(16),
            body=body,
            magic=words,
            base_url=str(request.url.origin()),
            created=now,
            seconds=self._how_long(body, words),
            speed=self._speed,
        )
        job.work = asyncio.create_task(self._studio.work(job))
        self.jobs[job.id] = job
        self._callbacks.expect(job)
        self.creates.append(body)
        self.attempts.append((200, body))
        return job

    def _how_long(self, body: dict[str, Any], words: frozenset[Magic]) -> float:
        usual = usual_seconds(str(body.get("prompt") or ""), int(body.get("nVariants", 1)))
        seconds = usual if self._seconds is None else self._seconds
        if Magic.EARLY_CALLBACK in words and body.get("callBackUrl"):
            return 0.0
        return seconds * (5 if Magic.LONG in words else 1) / self._speed

    async def _answer_create(self, request: web.Request, job: Job) -> web.StreamResponse:
        if Magic.EARLY_CALLBACK in job.magic and job.body.get("callBackUrl"):
            await self._let_dry(job)
            await self._callbacks.call(job)
        if Magic.SLOW in job.magic:
            await asyncio.sleep(SLOW_SECONDS / self._speed)
        if Magic.DROPPED in job.magic and request.transport is not None:
            request.transport.abort()
        return wire.success({"taskId": job.id})

    # -- record and credit queries -------------------------------------------------------------------------------

    async def _record_info(self, request: web.Request) -> web.Response:
        wire.check_key(request, self._key)
        job = self.jobs.get(request.query.get("taskId", ""))
        if job is None:
            raise Refused(422, wire.RECORD_MISSING)
        self._bound_questions(job)
        if job.hidden(self._clock()):
            if Magic.NULL in job.magic:
                return wire.success(None)
            raise Refused(422, wire.RECORD_MISSING)
        if Magic.FLAKY in job.magic and job.questions % 2 == 1:
            raise Refused(500)
        await self._let_dry(job)
        return wire.success(job.record(self._clock()))

    def _bound_questions(self, job: Job) -> None:
        now, asked = self._clock(), self._questions[job.id]
        while asked and asked[0] <= now - 1:
            asked.popleft()
        if len(asked) >= QUESTIONS_PER_SECOND:
            raise Refused(429)
        asked.append(now)
        job.questions += 1

    async def _let_dry(self, job: Job) -> None:
        if job.work is not None and self._clock() >= job.finished:
            await asyncio.wait({job.work}, timeout=PAINT_WAIT_SECONDS)

    async def _download_url(self, request: web.Request) -> web.Response:
        wire.check_key(request, self._key)
        body = await wire.read_body(request)
        job = self.jobs.get(str(body.get("taskId")))
        if job is None:
            raise Refused(422, "record is null")
        if not job.outcome(self._clock()):
            raise Refused(422, "record status is not success")
        if body.get("url") not in job.urls:
            raise Refused(422, "url is wrong")
        return wire.success(self._link(str(body["url"])))

    async def _common_download_url(self, request: web.Request) -> web.Response:
        wire.check_key(request, self._key)
        url = str((await wire.read_body(request)).get("url"))
        if not any(url in job.urls for job in self.jobs.values() if job.outcome(self._clock())):
            raise Refused(422, "url is wrong")
        return wire.success(self._link(url))

    def _link(self, url: str) -> str:
        until = int(self._clock()) + LINK_SECONDS
        return f"{url}?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Expires={LINK_SECONDS}&until={until}"

    async def _credit(self, request: web.Request) -> web.Response:
        wire.check_key(request, self._key)
        return wire.success(self.credits)

    # -- results -------------------------------------------------------------------------------------------------

    async def _result(self, request: web.Request) -> web.Response:
        name, now = request.match_info["name"], self._clock()
        job = self.jobs.get(name.partition("_")[0])
        if job is None or name not in job.names or not job.outcome(now) or now > job.finished + RESULT_SECONDS:
            raise web.HTTPNotFound
        if now > float(request.query.get("until", "inf")):
            raise web.HTTPForbidden
        if self._refuses(job, request, now):
            return web.Response(status=403, text="error code: 1010")
        first = name not in job.fetched
        job.fetched.add(name)
        if Magic.GONE in job.magic or (first and Magic.LATE_FILE in job.magic):
            raise web.HTTPNotFound
        picture = job.pictures[job.names.index(name)]
        kind = "text/html" if Magic.NO_PICTURE in job.magic else "image/png"
        return web.Response(body=picture, content_type=kind)

    def _refuses(self, job: Job, request: web.Request, now: float) -> bool:
        """Return whether to answer 403, as the proxy in front of the real result host sometimes does."""
        if Magic.REFUSED in job.magic and now < job.finished + REFUSED_SECONDS / self._speed:
            return True
        return Magic.REFUSED_THERE in job.magic and "until" not in request.query

    async def _show_creates(self, request: web.Request) -> web.Response:
        return web.json_response(self.creates)


async def serve(emulator: Emulator) -> None:
    """Run the emulator until SIGINT or SIGTERM."""
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with emulator:
        print(f"The image API's emulator is at {emulator.url}", flush=True)
        await stop.wait()


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m sandbox.kie",
        description="An emulator of the image API, on this machine only.",
        epilog="Words in a prompt that make it fail or misbehave:\n\n" + magic.table(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--port", type=int, default=8300, help="0 takes a free one (default: %(default)s)")
    parser.add_argument("--speed", type=float, default=1.0, help="how many times faster than usual (8-20 s a task)")
    parser.add_argument("--seconds", type=float, help="how long every task takes, before --speed")
    parser.add_argument("--key", help="the only key accepted (default: any)")
    parser.add_argument("--webhook-key", help="the key that callbacks are signed with (default: they are not signed)")
    parser.add_argument("--shrink", type=int, default=1, help="divide the size of the pictures")
    given = parser.parse_args()
    limits = {"speed": given.speed, "seconds": given.seconds}
    named = {"key": given.key, "webhook_key": given.webhook_key}
    asyncio.run(serve(Emulator(port=given.port, shrink=given.shrink, **named, **limits)))


if __name__ == "__main__":
    main()
