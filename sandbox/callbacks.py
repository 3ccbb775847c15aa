"""Send the emulator's callback when a task has ended, with three retries if the answer is not 2xx within 15 s."""

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
"""Seconds before each retry. How long the real image API waits is not known."""
LOOK_SECONDS: Final = 0.05
"""How often to check whether a task has ended, once it is painted. Polled because a test may control the clock."""
FORGED_URL: Final = "https://forged.example/picture.png"


@dataclass(frozen=True, slots=True, kw_only=True)
class Called:
    """One attempt to send a callback."""

    url: str
    body: dict[str, Any]
    status: int | None
    """HTTP status, or None when there was no answer."""


@dataclass(slots=True, kw_only=True)
class Callbacks:
    """Sends a callback to the `callBackUrl` of each create that has one; signed if `key` is set."""

    session: aiohttp.ClientSession
    key: str | None
    speed: float
    clock: Callable[[], float]
    made: list[Called] = field(default_factory=list)
    """Every attempt, oldest first."""
    _waiting: set[asyncio.Task[None]] = field(default_factory=set)

    def expect(self, job: Job) -> None:
        """Start to wait for the task's end and then send its callback, if the create asked for one. Some magic words
        prevent it; after [early callback] it has been sent already."""
        if job.asked.callback_url is None or job.magic & {Magic.NO_CALLBACK, Magic.OVERDUE, Magic.EARLY_CALLBACK}:
            return
        waiting = asyncio.create_task(self._call_when_ended(job))
        self._waiting.add(waiting)
        waiting.add_done_callback(self._waiting.discard)

    async def call(self, job: Job) -> None:
        """Send the callback now, and retry until the answer is 2xx or the retries are used up."""
        url = str(job.asked.callback_url)
        body = job.form.callback(job, [FORGED_URL] if Magic.FORGED_CALLBACK in job.magic else job.urls)
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
        while job.outcome(self.clock()) is None:  # noqa: ASYNC110  # the clock has no event to wait for
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
        """Return the signature headers. The signature covers the task id and the timestamp, not the body."""
        if self.key is None:
            return {}
        timestamp = str(int(self.clock()))
        digest = hmac.digest(self.key.encode(), f"{task_id}.{timestamp}".encode(), hashlib.sha256)
        return {"X-Webhook-Timestamp": timestamp, "X-Webhook-Signature": base64.b64encode(digest).decode()}
