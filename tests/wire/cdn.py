"""The loopback Discord's CDN: addresses are signed and expire, by their parameters `ex`, `is` and `hm`."""

from __future__ import annotations

import hashlib
import hmac
import mimetypes
import secrets
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from aiohttp import web

from tests.wire.clock import Clock

GONE = "This content is no longer available."


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """One stored file; each request for its address gets a freshly signed one."""

    id: int
    path: str
    name: str
    size: int
    content_type: str
    data: bytes | None
    """None when the contents of files are not kept."""
    description: str | None = None
    ephemeral: bool = False


@dataclass
class Cdn:
    clock: Clock
    life: timedelta = timedelta(hours=24)
    """How long a newly signed address is valid."""
    url: str = ""
    stored: dict[str, Stored] = field(default_factory=dict)
    """By path."""
    fetched: list[str] = field(default_factory=list)
    """The paths that were served."""
    _key: bytes = field(default_factory=lambda: secrets.token_bytes(16))

    def store(self, folder: str, name: str, data: bytes | None, size: int, **about: Any) -> Stored:
        number = self.clock.snowflake()
        kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
        path = f"/{folder}/{number}/{name}"
        self.stored[path] = Stored(id=number, path=path, name=name, size=size, content_type=kind, data=data, **about)
        return self.stored[path]

    def payload(self, stored: Stored) -> dict[str, Any]:
        """Return the attachment object, with a freshly signed address."""
        url = self.signed(stored.path)
        about: dict[str, Any] = {"filename": stored.name, "size": stored.size, "content_type": stored.content_type}
        if stored.description is not None:
            about["description"] = stored.description
        if stored.ephemeral:
            about["ephemeral"] = True
        return {"id": str(stored.id), **about, "url": url, "proxy_url": url}

    def signed(self, path: str) -> str:
        now = self.clock.now() // 1000
        begins, ends = f"{now:x}", f"{now + int(self.life.total_seconds()):x}"
        return f"{self.url}{path}?ex={ends}&is={begins}&hm={self._signature(path, ends, begins)}"

    async def serve(self, request: web.Request) -> web.Response:
        stored = self.stored.get(request.path)
        if stored is None or stored.data is None or not self._holds(request):
            return web.Response(status=404, text=GONE)
        self.fetched.append(stored.path)
        return web.Response(body=stored.data, content_type=stored.content_type)

    def _holds(self, request: web.Request) -> bool:
        ends, begins, signature = (request.query.get(name, "") for name in ("ex", "is", "hm"))
        if not hmac.compare_digest(signature, self._signature(request.path, ends, begins)):
            return False
        return self.clock.now() < int(ends, 16) * 1000

    def _signature(self, path: str, ends: str, begins: str) -> str:
        return hmac.new(self._key, f"{path} {ends} {begins}".encode(), hashlib.sha256).hexdigest()
