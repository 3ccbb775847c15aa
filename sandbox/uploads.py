"""
The File Upload API: stores files sent as a stream, as base64 or by URL, and serves them. A failed upload is HTTP 200,
with the cause in its body.
"""

from __future__ import annotations

import base64
import binascii
import json
import mimetypes
import secrets
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import PurePosixPath
from typing import Any, Final

import aiohttp
from aiohttp import web

from sandbox import wire

ACCOUNT: Final = "19001"
MAX_BYTES: Final = 100 * 1024 * 1024
BASE36: Final = "0123456789abcdefghijklmnopqrstuvwxyz"


@dataclass(slots=True, kw_only=True)
class Uploads:
    """`files` maps the path of an address to the file's content and type."""

    key: str | None
    session: aiohttp.ClientSession
    files: dict[str, tuple[bytes, str]] = field(default_factory=dict)

    def routes(self) -> list[web.AbstractRouteDef]:
        return [
            web.post("/api/file-stream-upload", self._stream),
            web.post("/api/file-base64-upload", self._base64),
            web.post("/api/file-url-upload", self._address),
            web.get("/kieai/{path:.+}", self._file),
        ]

    async def _stream(self, request: web.Request) -> web.Response:
        if refused := self._refused(request):
            return refused
        form = await request.post()
        file = form.get("file")
        if not isinstance(file, web.FileField):
            return _failed("Missing required parameter: file")
        fields = {name: value for name, value in form.items() if isinstance(value, str)}
        fields.setdefault("fileName", "")
        return self._keep(request, fields, file.file.read(), file.content_type)

    async def _base64(self, request: web.Request) -> web.Response:
        if refused := self._refused(request):
            return refused
        fields = await _json(request)
        text = str(fields.get("base64Data") or "")
        if not text:
            return _failed("Missing required parameter: base64Data")
        head, comma, tail = text.partition(",")
        declared = head.removeprefix("data:").partition(";")[0] if comma else None
        try:
            data = base64.b64decode(tail if comma else text, validate=True)
        except (binascii.Error, ValueError):
            return _failed("Base64 decoding failed: Invalid Base64 format")
        return self._keep(request, fields, data, declared)

    async def _address(self, request: web.Request) -> web.Response:
        if refused := self._refused(request):
            return refused
        fields = await _json(request)
        if not fields.get("fileUrl"):
            return _failed("Missing required parameter: fileUrl (file download URL)")
        try:
            async with self.session.get(str(fields["fileUrl"]), timeout=aiohttp.ClientTimeout(total=30)) as response:
                data, declared = await response.content.read(MAX_BYTES), response.content_type
                if response.status != 200:
                    return _failed("File download failed")
        except (aiohttp.ClientError, TimeoutError):
            return _failed("File download failed", 500)
        return self._keep(request, fields, data, declared)

    def _refused(self, request: web.Request) -> web.Response | None:
        try:
            wire.check_key(request, self.key)
        except wire.Refused:
            return _failed("Authentication failed: Invalid API Key", 401)
        return None

    def _keep(self, request: web.Request, fields: dict[str, Any], data: bytes, declared: str | None) -> web.Response:
        folder = str(fields.get("uploadPath") or "").strip("/")
        if not folder:
            return _failed("Missing required parameter: uploadPath")
        kind = declared or "application/octet-stream"
        name = PurePosixPath(str(fields.get("fileName") or "")).name or _made_up_name(kind)
        path = f"kieai/{ACCOUNT}/{folder}/{name}"
        kind = mimetypes.guess_type(name)[0] or kind
        self.files[path] = (data, kind)
        return _uploaded(
            {
                "success": True,
                "fileName": name,
                "filePath": path,
                "downloadUrl": str(request.url.origin() / path),
                "fileSize": len(data),
                "mimeType": kind,
                "uploadedAt": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            }
        )

    async def _file(self, request: web.Request) -> web.Response:
        data, kind = self.files.get(f"kieai/{request.match_info['path']}", (None, ""))
        if data is None:
            raise web.HTTPNotFound
        return web.Response(body=data, content_type=kind)


def _made_up_name(kind: str) -> str:
    letters = "".join(secrets.choice(BASE36) for _ in range(11))
    return f"{time.time_ns() // 1_000_000}-{letters}{mimetypes.guess_extension(kind) or '.bin'}"


async def _json(request: web.Request) -> dict[str, Any]:
    try:
        body = json.loads(await request.text())
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


def _uploaded(data: dict[str, object]) -> web.Response:
    return _plain({"success": True, "code": 200, "msg": "File uploaded successfully", "data": data})


def _failed(message: str, code: int = 400) -> web.Response:
    return _plain({"success": False, "code": code, "msg": message})


def _plain(body: dict[str, object]) -> web.Response:
    return web.json_response(body, headers={"Access-Control-Allow-Origin": "*"})
