"""
An emulator of the KIE image API over real HTTP. It reproduces what is known of the real API: envelopes, codes, limits,
progress, times, addresses, uploads, credits, in the three forms of `sandbox.forms`, and the catalogue of models. It
fetches input pictures itself, and paints the pictures it returns.

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
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from functools import partial
from types import TracebackType
from typing import Any, Final, Self

import aiohttp
from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from sandbox import magic, wire
from sandbox.callbacks import Callbacks, Called
from sandbox.forms.flux import FLUX
from sandbox.forms.four_o import FOUR_O
from sandbox.forms.market import NOT_SUPPORTED, Market
from sandbox.jobs import NOT_GENERATED, Asked, Form, Job, usual_seconds
from sandbox.listing import Listing
from sandbox.magic import Magic
from sandbox.paint.painter import Order, paint
from sandbox.studio import MAX_AT_ONCE, Studio
from sandbox.uploads import Uploads
from sandbox.wire import Refused

CREATES_PER_WINDOW: Final = 20
WINDOW_SECONDS: Final = 10.0
MAX_REQUEST_BYTES: Final = 110 * 1024 * 1024
RESULT_SECONDS: Final = 14 * 24 * 3600
LINK_SECONDS: Final = 1200
TROUBLE_SECONDS: Final = 3600
GROUP: Final = 4
"""[second fails] and [second 402] count creates with the same prompt in groups of this size. It is the most creates of
one request."""
REFUSED_SECONDS: Final = 300.0
SLOW_SECONDS: Final = 20.0
PAINT_WAIT_SECONDS: Final = 5.0
"""How long a response waits for painting to finish when the task's time is up (at once with `seconds=0`)."""
CONTENT_TYPES: Final = {"png": "image/png", "jpg": "image/jpeg", "jpeg": "image/jpeg", "webp": "image/webp"}
"""By extension of the result files."""

REFUSALS: Final = {Magic.KEY: 401, Magic.CREDIT: 402, Magic.INVALID: 422, Magic.QUOTA: 433, Magic.ALWAYS_FAULT: 500}
REFUSALS_ONCE: Final = {Magic.BUSY: 429, Magic.MAINTENANCE: 455, Magic.FULL: 550, Magic.FAULT: 500}


class Emulator:
    """
    The image API on loopback.

    * `seconds`  how long every task takes; None means 4 to 25 s, by prompt, variants and model
    * `speed`    divides every duration
    * `clock`    returns seconds since the epoch; a test may pass its own
    * `balance`  credits at the start
    * `key`      the only key accepted; None accepts any
    * `shrink`   divides the size of the painted pictures
    * `brush`    paints instead of the painter
    * `webhook_key`  signs callbacks; without a key they are not signed
    * `gone`     ids of models that the API no longer has
    * `lost`     fields that are missing from a model's schema, by its id
    * `troubled`  ids of models most of whose tasks fail, as the catalogue tells; see also [trouble]
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
        gone: Collection[str] = (),
        lost: Mapping[str, Collection[str]] | None = None,
        troubled: Collection[str] = (),
        middlewares: Sequence[Middleware] = (),
    ) -> None:
        self.creates: list[dict[str, Any]] = []
        self.attempts: list[tuple[int, dict[str, Any]]] = []
        self.jobs: dict[str, Job] = {}
        self._port, self._key, self._seconds, self._speed, self._clock = port, key, seconds, speed, clock
        self._bought, self._shrink, self._middlewares = balance, shrink, middlewares
        self._webhook_key, self._brush = webhook_key, brush
        self._troubled, self._market = troubled, Market(gone)
        self._listing = Listing(key=key, clock=clock, gone=gone, lost=lost or {}, troubled=self._in_trouble)
        self._results: dict[str, tuple[Job, int]] = {}
        """By path: the task of a result, and the result's number within it."""
        self._window: deque[float] = deque()
        self._questions: defaultdict[str, deque[float]] = defaultdict(deque)
        self._turns: Counter[tuple[str, str]] = Counter()
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
        spent = sum(job.asked.price for job in self.jobs.values() if job.outcome(now) is not False)
        return round(self._bought - spent, 4)

    @property
    def prompts(self) -> list[str]:
        """The prompts of the accepted creates, oldest first, whatever their form."""
        return [job.asked.prompt for job in self.jobs.values()]

    def _in_trouble(self) -> Iterable[str]:
        since = self._clock() - TROUBLE_SECONDS
        recent = (job for job in self.jobs.values() if Magic.TROUBLE in job.magic and job.created > since)
        return {*self._troubled, *(job.asked.model for job in recent)}

    def _application(self, session: aiohttp.ClientSession) -> web.Application:
        application = web.Application(
            middlewares=[*self._middlewares, wire.refusals], client_max_size=MAX_REQUEST_BYTES
        )
        application.add_routes(
            [
                *self._form_routes(FOUR_O, "gpt4o-image/generate", "gpt4o-image/record-info"),
                *self._form_routes(FLUX, "flux/kontext/generate", "flux/kontext/record-info"),
                *self._form_routes(self._market, "jobs/createTask", "jobs/recordInfo"),
                *self._listing.routes(),
                web.post("/api/v1/gpt4o-image/download-url", self._download_url),
                web.post("/api/v1/common/download-url", self._common_download_url),
                web.get("/api/v1/chat/credit", self._credit),
                web.get("/{folder:s|r|p|na2|ggg|qwen21|images/chatgpt}/{name}", self._result),
                web.get("/_emulator/creates", self._show_creates),
                *Uploads(key=self._key, session=session).routes(),
            ]
        )
        return application

    def _form_routes(self, form: Form, create: str, record: str) -> list[web.RouteDef]:
        creating: Handler = partial(self._create, form)
        return [
            web.post(f"/api/v1/{create}", creating),
            web.get(f"/api/v1/{record}", partial(self._record, form)),
        ]

    async def _stop_working(self) -> None:
        working = [job.work for job in self.jobs.values() if job.work is not None and not job.work.done()]
        for work in working:
            work.cancel()
        await asyncio.gather(*working, return_exceptions=True)

    # -- create --------------------------------------------------------------------------------------------------

    async def _create(self, form: Form, request: web.Request) -> web.StreamResponse:
        wire.check_key(request, self._key)
        body = await wire.read_body(request)
        try:
            asked, words = self._consider(form, body)
        except Refused as refused:
            self.attempts.append((refused.code, body))
            raise
        if Magic.HTML in words:
            return web.Response(status=502, text=wire.GATEWAY_PAGE, content_type="text/html")
        return await self._answer_create(request, self._take(request, form, asked, words))

    def _consider(self, form: Form, body: dict[str, Any]) -> tuple[Asked, frozenset[Magic]]:
        """
        Check the rate limit, which is the same for all forms, the body, magic words and credit. Raises Refused; the
        order of the checks is a guess.
        """
        now = self._clock()
        while self._window and self._window[0] <= now - WINDOW_SECONDS:
            self._window.popleft()
        if len(self._window) >= CREATES_PER_WINDOW:
            raise Refused(429)
        asked = form.asked(body)
        words = magic.spoken(asked.prompt)
        for word in sorted(words & REFUSALS.keys()):
            raise Refused(REFUSALS[word])
        if Magic.MODEL_GONE in words:
            raise Refused(422, NOT_SUPPORTED)
        for word in sorted(words & REFUSALS_ONCE.keys()):
            if self._turn(word, asked) % 2 == 0:
                raise Refused(REFUSALS_ONCE[word])
        if Magic.SECOND_CREDIT in words and self._turn(Magic.SECOND_CREDIT, asked) % GROUP == 1:
            raise Refused(402)
        if self.credits < asked.price:
            raise Refused(402)
        return asked, words

    def _turn(self, subject: str, asked: Asked) -> int:
        """Return how many creates with this prompt were counted for this subject before, and count this one."""
        self._turns[subject, asked.prompt] += 1
        return self._turns[subject, asked.prompt] - 1

    def _take(self, request: web.Request, form: Form, asked: Asked, words: frozenset[Magic]) -> Job:
        now = self._clock()
        self._window.append(now)
        if Magic.SIX in words and form is not FLUX:
            asked = replace(asked, pictures=6)
        if Magic.BIG in words:
            asked = replace(asked, kind="png")
        if Magic.UNFETCHED in words and self._turn(Magic.UNFETCHED, asked) % 2 == 0:
            words |= {Magic.ALWAYS_UNFETCHED}
        if Magic.SECOND_FAILS in words and self._turn(Magic.SECOND_FAILS, asked) % GROUP == 1:
            words |= {Magic.FAILED}
        job = Job(
            id=secrets.token_hex(16),
            form=form,
            asked=asked,
            magic=words,
            base_url=str(request.url.origin()),
            created=now,
            seconds=self._how_long(asked, words),
            first_variant=0 if form is FOUR_O else self._turn(asked.model, asked) % GROUP * asked.pictures,
            speed=self._speed,
        )
        job.work = asyncio.create_task(self._studio.work(job))
        self.jobs[job.id] = job
        self._results |= {path: (job, index) for index, path in enumerate(job.paths)}
        self._callbacks.expect(job)
        self.creates.append(dict(asked.body))
        self.attempts.append((200, dict(asked.body)))
        return job

    def _how_long(self, asked: Asked, words: frozenset[Magic]) -> float:
        usual = usual_seconds(asked.prompt, asked.pictures) * asked.pace
        seconds = usual if self._seconds is None else self._seconds
        if Magic.EARLY_CALLBACK in words and asked.callback_url is not None:
            return 0.0
        return seconds * (5 if Magic.LONG in words else 1) / self._speed

    async def _answer_create(self, request: web.Request, job: Job) -> web.StreamResponse:
        if Magic.EARLY_CALLBACK in job.magic and job.asked.callback_url is not None:
            await self._let_dry(job)
            await self._callbacks.call(job)
        if Magic.SLOW in job.magic:
            await asyncio.sleep(SLOW_SECONDS / self._speed)
        if Magic.DROPPED in job.magic and request.transport is not None:
            request.transport.abort()
        return wire.success(job.form.created(job))

    # -- record and credit queries -------------------------------------------------------------------------------

    async def _record(self, form: Form, request: web.Request) -> web.Response:
        wire.check_key(request, self._key)
        job = self.jobs.get(request.query.get("taskId", ""))
        if job is None or job.form is not form:
            raise Refused(422, form.record_missing)
        self._bound_questions(job)
        if job.hidden(self._clock()):
            if Magic.NULL in job.magic:
                return wire.success(None)
            raise Refused(422, form.record_missing)
        if Magic.FLAKY in job.magic and job.questions % 2 == 1:
            raise Refused(500)
        await self._let_dry(job)
        if Magic.OUTER_FAILED in job.magic and form.poll_may_fail and job.told(self._clock()) is False:
            raise Refused(501, NOT_GENERATED.message)
        return wire.success(form.record(job, self._clock()))

    def _bound_questions(self, job: Job) -> None:
        now, asked = self._clock(), self._questions[job.id]
        while asked and asked[0] <= now - 1:
            asked.popleft()
        if len(asked) >= job.form.questions_per_second:
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
        if job is None or job.form is not FOUR_O:
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
        path, now = request.path, self._clock()
        job, index = self._results.get(path, (None, 0))
        if job is None or not job.outcome(now) or now > job.finished + RESULT_SECONDS:
            raise web.HTTPNotFound
        if now > float(request.query.get("until", "inf")):
            raise web.HTTPForbidden
        if self._refuses(job, request, now):
            return web.Response(status=403, text="error code: 1010")
        first = path not in job.fetched
        job.fetched.add(path)
        if Magic.GONE in job.magic or (first and Magic.LATE_FILE in job.magic):
            raise web.HTTPNotFound
        kind = "text/html" if Magic.NO_PICTURE in job.magic else CONTENT_TYPES[job.asked.kind]
        return web.Response(body=job.pictures[index], content_type=kind)

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
    parser.add_argument("--speed", type=float, default=1.0, help="how many times faster than usual (4-25 s a task)")
    parser.add_argument("--seconds", type=float, help="how long every task takes, before --speed")
    parser.add_argument("--key", help="the only key accepted (default: any)")
    parser.add_argument("--webhook-key", help="the key that callbacks are signed with (default: they are not signed)")
    parser.add_argument("--gone", action="append", default=[], metavar="ID", help="the API no longer has this model")
    parser.add_argument(
        "--lost", action="append", default=[], metavar="ID:FIELD", help="this model's schema no longer has the field"
    )
    parser.add_argument(
        "--trouble", action="append", default=[], metavar="ID", help="the catalogue says that most tasks of it fail"
    )
    parser.add_argument("--shrink", type=int, default=1, help="divide the size of the pictures")
    given = parser.parse_args()
    limits = {"speed": given.speed, "seconds": given.seconds}
    named = {"key": given.key, "webhook_key": given.webhook_key}
    lost = defaultdict[str, list[str]](list)
    for entry in given.lost:
        model, _, field = entry.rpartition(":")
        lost[model].append(field)
    listed = {"gone": given.gone, "lost": lost, "troubled": given.trouble}
    asyncio.run(serve(Emulator(port=given.port, shrink=given.shrink, **named, **limits, **listed)))


if __name__ == "__main__":
    main()
