"""Parse a request's payload and files."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from typing import Any

from aiohttp import BodyPartReader, web

from tests.wire.refusals import Refused, invalid

REQUEST_BYTES = 25 * 1024 * 1024
FILES = 10
_CHUNK_BYTES = 256 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    number: int
    """The n of `files[n]`."""
    name: str
    size: int
    data: bytes
    """Empty if contents are not kept."""

    @property
    def digest(self) -> str:
        return hashlib.sha256(self.data).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    payload: Any
    files: tuple[Upload, ...] = ()


SENT = web.RequestKey("SENT", Sent)


async def sent_with(request: web.Request) -> Sent:
    """Parse the request and also store the result in it, for the checks after the handler. Raises Refused."""
    if (request.content_length or 0) > REQUEST_BYTES:
        async for _ in request.content.iter_any():
            pass
        raise Refused(40005)
    match request.content_type:
        case "application/json":
            request[SENT] = sent = Sent(payload=_parsed(await request.read()))
        case "multipart/form-data":
            request[SENT] = sent = await _parts(request)
        case _:
            raise invalid("_content_type", "CONTENT_TYPE_INVALID", "Expected JSON or a form")
    return sent


async def _parts(request: web.Request) -> Sent:
    payload: Any = {}
    files = []
    weight = 0
    async for part in await request.multipart():
        assert isinstance(part, BodyPartReader)
        data = bytearray()
        while chunk := await part.read_chunk(_CHUNK_BYTES):
            data += chunk
        weight += len(data)
        if part.name == "payload_json":
            payload = _parsed(bytes(data))
        elif numbered := re.fullmatch(r"files\[(\d)\]", part.name or ""):
            name = part.filename or "unknown"
            files.append(Upload(number=int(numbered[1]), name=name, size=len(data), data=bytes(data)))
        else:
            raise invalid("files", "UNKNOWN_FIELD", f"There is no field {part.name}")
    if weight > REQUEST_BYTES:
        raise Refused(40005)
    return Sent(payload=payload, files=tuple(files))


def _parsed(data: bytes) -> Any:
    try:
        return json.loads(data)
    except ValueError:
        raise Refused(50109) from None
