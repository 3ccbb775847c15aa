"""Put forged values into interactions, between simcord, which sends only what Discord would, and discord.py."""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from typing import Any

from bot.client import Atelier


class Forger:
    """`forge(name, value)` sets the value of the next option, field or select with this name."""

    def __init__(self, client: Atelier) -> None:
        parsers = client._connection.parsers
        self._parse = parsers["INTERACTION_CREATE"]
        self._forged: tuple[str, Any] | None = None
        self.hits = 0
        parsers["INTERACTION_CREATE"] = self._parsed

    def forge(self, name: str, value: Any) -> None:
        self._forged = (name, value)

    def _parsed(self, data: Any) -> None:
        hits = self.hits
        if self._forged is not None:
            data = deepcopy(data)
            self._put(data["data"], *self._forged)
        if self.hits > hits:
            self._forged = None
        self._parse(data)

    def _put(self, data: dict[str, Any], name: str, value: Any) -> None:
        if name in {"values", "custom_id"}:  # belongs to a select or a button; all else to commands or forms
            data[name] = value
            self.hits += 1
            return
        for part in [*_options(data.get("options", ())), *_fields(data.get("components", ()))]:
            if name == part.get("name"):
                part["value"] = value
            elif name == part.get("custom_id"):
                part["values" if "values" in part else "value"] = value
            else:
                continue
            self.hits += 1


def _options(options: Any) -> Iterator[dict[str, Any]]:
    for option in options:
        yield option
        yield from _options(option.get("options", ()))


def _fields(components: Any) -> Iterator[dict[str, Any]]:
    for component in components:
        yield component.get("component", component)
        yield from _fields(component.get("components", ()))
