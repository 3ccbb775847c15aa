"""Addresses that are not on the public internet, and ports that serve no pictures."""

from __future__ import annotations

from typing import Final

PRIVATE: Final = (
    *("127.0.0.1", "127.8.8.8", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0"),  # noqa: S104
    *("192.0.0.8", "198.18.0.1", "192.0.2.1", "203.0.113.5", "224.0.0.1", "239.255.255.250", "240.0.0.1"),
    *("255.255.255.255", "::", "::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::127.0.0.1", "fc00::1", "fd12::1"),
    *("fe80::1", "fe80::1%1", "fec0::1", "ff02::1", "64:ff9b::7f00:1", "64:ff9b::a00:1", "64:ff9b:1::808:808"),
    *("2002:7f00:1::1", "2002:a9fe:a9fe::1", "2001:db8::1", "3fff::1", "2001:0:7f00:1::1", "100::1", "4000::1"),
    *("192.88.99.1", "::ffff:192.88.99.1", "64:ff9b::c058:6301", "2002:c058:6301::1", "198.51.100.1", "192.0.0.9"),
    *("192.31.196.1", "192.52.193.1", "192.175.48.1", "2620:4f:8000::1", "0.1.2.3", "198.19.255.255"),
    *("2001:0:808:808::1", "2001:1::1", "2001:2::1", "2001:3::1", "2001:4:112::1", "2001:10::1", "2001:20::1"),
    *("2001:30::1", "2001:1ff:ffff::1", "5f00::1", "100:0:0:1::1", "64:ff9b::c0a8:101", "2002:c0a8:101::1"),
)
"""The examples of both IANA special-purpose registries, and private addresses embedded in others."""

PORTS: Final[dict[str, tuple[str, bool]]] = {
    "the port that is meant": ("", True),
    "the same, written out": (":443", True),
    "plain HTTP": (":80", False),
    "another port of TLS": (":8443", False),
    "a database": (":5432", False),
    "mail": (":25", False),
    "no port": (":0", False),
}
"""What follows the host of an https address, and whether a fetch is allowed."""

FAKE: Final = ("198.18.0.1", "198.18.255.255", "198.19.0.1")
"""Addresses with which the resolver of some proxies answers every name."""
