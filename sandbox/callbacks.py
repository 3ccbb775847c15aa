"""The emulator calls back when a task has ended: three more tries when it is not answered with 2xx within 15 s."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

import aiohttp

from sandbox.jobs import Job
from sandbox.magic import Magic

TIMEOUT: Final = aiohttp.ClientTimeout(total=15)
SPACINGS_SECONDS: Final = (1.0, 5.0, 15.0)
"""Before each further try; how long they really wait is not known."""
LOOK_SECONDS: Final = 0.05
"""How often a task is looked at whose time is nearly up: the clock may be one that a test turns."""
FORGED_URL: Final = "https://forged.example/picture.png"


@dataclass(frozen=True, slots=True, kw_only=True)
class Called:
    """One try to call back."""

    url: str
    body: dict[str, Any]
    status: int | None
    """None when there was no answer."""


@dataclass(slots=True, kw_only=True)
class Callbacks:
    """Calls back at the `callBackUrl` of each create that has one; signed if there is a `key`."""

    session: aiohttp.ClientSession
    key: str | None
    speed: float
    clock: Callable[[], float]
    made: list[Called] = field(default_factory=list)
    """Oldest first."""
    _waiting: set[asyncio.Task[None]] = field(default_factory=set)

    def expect(self, job: Job) -> None:
        """Call back when it has ended."""
        if not job.body.get("callBackUrl") or job.magic & {Magic.NO_CALLBACK, Magic.OVERDUE, Magic.EARLY_CALLBACK}:
            return
        waiting = asyncio.create_task(self._call_when_ended(job))
        self._waiting.add(waiting)
        waiting.add_done_callback(self._waiting.discard)

    async def call(self, job: Job) -> None:
        """Now, until it is answered."""
        url, body = str(job.body["callBackUrl"]), _body(job)
        for spacing in (*SPACINGS_SECONDS, None):
            status = await self._post(url, body)
            self.made.append(Called(url=url, body=body, status=status))
            if spacing is None or (status is not None and 200 <= status < 300):
                return
            await asyncio.sleep(spacing / self.speed)

    async def stop(self) -> None:
        for waiting in list(self._waiting):
            waiting.cancel()
        await asyncio.gather(*self._waiting, return_exceptions=True)

    async def _call_when_ended(self, job: Job) -> None:
        if job.work is not None:
            await asyncio.wait({job.work})
        while job.outcome(self.clock()) is None:  # noqa: ASYNC110  # a clock wakes nobody
            await asyncio.sleep(LOOK_SECONDS)
        for _ in range(2 if Magic.CALLBACK_TWICE in job.magic else 1):
            await self.call(job)

    async def _post(self, url: str, body: dict[str, Any]) -> int | None:
        headers = {"Content-Type": "application/json", **self._signature(body["data"]["taskId"])}
        try:
            async with self.session.post(url, data=json.dumps(body), headers=headers, timeout=TIMEOUT) as answer:
                return answer.status
        except (aiohttp.ClientError, TimeoutError, ValueError):
            return None

    def _signature(self, task_id: str) -> dict[str, str]:
        """It covers the id and the time, not the body."""
        if self.key is None:
            return {}
        timestamp = str(int(self.clock()))
        digest = hmac.digest(self.key.encode(), f"{task_id}.{timestamp}".encode(), hashlib.sha256)
        return {"X-Webhook-Timestamp": timestamp, "X-Webhook-Signature": base64.b64encode(digest).decode()}


def _body(job: Job) -> dict[str, Any]:
    if job.failure is not None:
        return {"code": job.failure.code, "msg": job.failure.message, "data": {"taskId": job.id, "info": None}}
    urls = [FORGED_URL] if Magic.FORGED_CALLBACK in job.magic else job.urls
    return {"code": 200, "msg": "success", "data": {"taskId": job.id, "info": {"result_urls": urls}}}
