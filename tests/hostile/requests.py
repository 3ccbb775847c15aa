"""HTTP requests that are never completed, and requests that cannot be parsed."""

from __future__ import annotations

from typing import Final

HALF: Final[dict[str, bytes]] = {
    "nothing": b"",
    "one byte": b"G",
    "half a request line": b"GET /healthz HT",
    "a request line": b"GET /healthz HTTP/1.1\r\n",
    "half a header": b"GET /healthz HTTP/1.1\r\nHost: 127.0.",
    "headers without their end": b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nX: y\r\n",
    "empty lines": b"\r\n\r\n",
}
"""The connection is closed after some seconds."""

UNREADABLE: Final[dict[str, bytes]] = {
    "a path that is too long": b"GET /callbacks/kie/secret" + b"a" * 20_000 + b" HTTP/1.1\r\nHost: h\r\n\r\n",
    "a path that is far too long and never ends": b"GET /secret" + b"a" * 200_000,
    "a header that is too long": b"GET / HTTP/1.1\r\nHost: h\r\nX-Secret: secret" + b"a" * 20_000 + b"\r\n\r\n",
    "too many headers": b"GET / HTTP/1.1\r\nHost: h\r\n" + b"X: secret\r\n" * 1000 + b"\r\n",
    "no HTTP at all": b"secret\r\n\r\n",
    "the beginning of TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03secret\r\n\r\n",
    "an unknown version": b"GET /secret HTTP/9.9\r\nHost: h\r\n\r\n",
    "a header without a name": b"GET /secret HTTP/1.1\r\n: secret\r\n\r\n",
    "a header with a control character": b"GET / HTTP/1.1\r\nHost: h\r\nX: sec\x00ret secret\r\n\r\n",
    "two lengths": b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nsecret",
    "a length and chunks": (
        b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\nsecret"
    ),
    "a negative length": b"POST /secret HTTP/1.1\r\nHost: h\r\nContent-Length: -1\r\n\r\n",
}
"""Answered with 400 and one line in the log."""
