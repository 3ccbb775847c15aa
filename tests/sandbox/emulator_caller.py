"""Call the image API's emulator as a client of the real API does, with a clock that the test controls."""

from __future__ import annotations

import io
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp
from PIL import Image

from sandbox.kie import Emulator

KEY = "the-right-key"
START = 1_774_788_500.25
PROMPT = "A serene mountain lake at sunset with reflections"


@dataclass
class Clock:
    now: float = START

    def __call__(self) -> float:
        return self.now

    def turn(self, seconds: float) -> None:
        self.now += seconds


@dataclass
class Caller:
    """Calls the emulator as a client of the real API does."""

    emulator: Emulator
    session: aiohttp.ClientSession
    clock: Clock

    async def raw(self, method: str, path: str, *, key: str = KEY, **options: Any) -> aiohttp.ClientResponse:
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        url = path if path.startswith("http") else self.emulator.url + path
        response = await self.session.request(method, url, headers=headers, **options)
        await response.read()
        return response

    async def call(self, method: str, path: str, **options: Any) -> dict[str, Any]:
        """Return the envelope, which always comes with HTTP 200."""
        response = await self.raw(method, path, **options)
        assert response.status == 200
        envelope: dict[str, Any] = json.loads(await response.text())
        return envelope

    async def create(self, prompt: str = PROMPT, **fields: Any) -> dict[str, Any]:
        body = {"prompt": prompt, "size": "1:1"} | fields
        return await self.call("POST", "/api/v1/gpt4o-image/generate", json=body)

    async def task(self, prompt: str = PROMPT, **fields: Any) -> str:
        created = await self.create(prompt, **fields)
        assert created["code"] == 200, created
        task_id: str = created["data"]["taskId"]
        return task_id

    async def record(self, task_id: str) -> dict[str, Any]:
        """Return the envelope of record-info; the clock moves on so that the rate limit of queries is not reached."""
        self.clock.turn(0.4)
        return await self.call("GET", f"/api/v1/gpt4o-image/record-info?taskId={task_id}")

    async def done(self, prompt: str = PROMPT, **fields: Any) -> dict[str, Any]:
        """Create a task, let its time pass, and return its `data`."""
        task_id = await self.task(prompt, **fields)
        self.clock.turn(120)
        data: dict[str, Any] = (await self.record(task_id))["data"]
        return data

    async def job(self, model: str, prompt: str = PROMPT, **fields: Any) -> dict[str, Any]:
        """Create a task by the jobs API and return the envelope."""
        return await self.call(
            "POST", "/api/v1/jobs/createTask", json={"model": model, "input": {"prompt": prompt, **fields}}
        )

    async def job_task(self, model: str, prompt: str = PROMPT, **fields: Any) -> str:
        created = await self.job(model, prompt, **fields)
        assert created["code"] == 200, created
        task_id: str = created["data"]["taskId"]
        return task_id

    async def job_record(self, task_id: str) -> dict[str, Any]:
        """Return the envelope of recordInfo; the clock moves on so that the rate limit of queries is not reached."""
        self.clock.turn(0.4)
        return await self.call("GET", f"/api/v1/jobs/recordInfo?taskId={task_id}")

    async def job_done(self, model: str, prompt: str = PROMPT, **fields: Any) -> dict[str, Any]:
        """Create a task by the jobs API, let its time pass, and return its `data`."""
        task_id = await self.job_task(model, prompt, **fields)
        self.clock.turn(120)
        data: dict[str, Any] = (await self.job_record(task_id))["data"]
        return data

    async def flux(self, prompt: str = PROMPT, **fields: Any) -> dict[str, Any]:
        """Create a task by Flux Kontext's own endpoint and return the envelope."""
        return await self.call("POST", "/api/v1/flux/kontext/generate", json={"prompt": prompt, **fields})

    async def flux_record(self, task_id: str) -> dict[str, Any]:
        self.clock.turn(0.4)
        return await self.call("GET", f"/api/v1/flux/kontext/record-info?taskId={task_id}")

    async def flux_done(self, prompt: str = PROMPT, **fields: Any) -> dict[str, Any]:
        task_id = (await self.flux(prompt, **fields))["data"]["taskId"]
        self.clock.turn(120)
        data: dict[str, Any] = (await self.flux_record(task_id))["data"]
        return data

    async def picture(self, url: str) -> bytes:
        response = await self.raw("GET", url, key="")
        assert response.status == 200, url
        return await response.read()

    async def credits(self) -> float:
        balance: float = (await self.call("GET", "/api/v1/chat/credit"))["data"]
        return balance

    async def upload(self, data: bytes, name: str = "test.png") -> str:
        form = aiohttp.FormData({"uploadPath": "images/test-uploads", "fileName": name})
        form.add_field("file", io.BytesIO(data), filename=name, content_type="image/png")
        envelope = await self.call("POST", "/api/file-stream-upload", data=form)
        url: str = envelope["data"]["downloadUrl"]
        return url


@asynccontextmanager
async def calling(**options: Any) -> AsyncIterator[Caller]:
    clock = Clock()
    emulator = Emulator(**{"key": KEY, "clock": clock, "shrink": 32, **options})
    async with emulator, aiohttp.ClientSession() as session:
        yield Caller(emulator, session, clock)


def png(colour: str = "orange", size: tuple[int, int] = (60, 40), kind: str = "PNG") -> bytes:
    out = io.BytesIO()
    Image.new("RGB", size, colour).save(out, kind)
    return out.getvalue()


def pixels(data: bytes) -> Image.Image:
    with Image.open(io.BytesIO(data)) as picture:
        return picture.convert("RGB")
