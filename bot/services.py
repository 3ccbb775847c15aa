"""The one typed attribute (`client.services`) that cogs and buttons are given things from."""

from __future__ import annotations

from dataclasses import dataclass

from bot.engine.engine import Engine


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    engine: Engine
