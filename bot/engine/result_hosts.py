"""
What the operator has to know of the hosts that results come from: one that is not allowed, and one that refuses result
after result.

Each is told once for each host, restarts included, until a result comes from it again.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Final
from urllib.parse import urlsplit

from bot.engine.operator import Operator
from bot.errors import HostNotAllowed, Reason
from storage.models import Picture

REFUSED_IN_A_ROW: Final = 3
"""Results, not tries: one that is missing is no news of its host."""
MOST_HOSTS: Final = 100
"""Counted at a time."""


class ResultHostWatch:
    def __init__(self, operator: Operator) -> None:
        self._operator = operator
        self._refused: defaultdict[str, set[tuple[str, int]]] = defaultdict(set)
        """By host, the results that it has refused since it last gave one."""
        self._fine: set[str] = set()
        """Hosts of which the operator was told nothing that is not over."""

    def refused(self, picture: Picture, error: Exception) -> None:
        """A result could not be fetched from its own address, however often it was tried."""
        if isinstance(error, HostNotAllowed):
            self.not_allowed(error)
            return
        host = host_of(picture.url)
        self._fine.discard(host)
        if len(self._refused) >= MOST_HOSTS:
            self._refused.clear()
        results = self._refused[host]
        if len(results) < REFUSED_IN_A_ROW:
            results.add((picture.task_id, picture.position))
        if len(results) == REFUSED_IN_A_ROW:
            reason = Reason.RESULT_HOST_REFUSES
            self._operator.note(reason, host, host=host, results=REFUSED_IN_A_ROW)

    def not_allowed(self, error: HostNotAllowed) -> None:
        self._fine.discard(error.host)
        self._operator.note(Reason.RESULT_HOST_NOT_ALLOWED, error.host, host=error.host)

    async def gave(self, picture: Picture) -> None:
        """A result came from its own address."""
        host = host_of(picture.url)
        self._refused.pop(host, None)
        if host in self._fine:
            return
        for reason in (Reason.RESULT_HOST_NOT_ALLOWED, Reason.RESULT_HOST_REFUSES):
            await self._operator.forget(reason, host)
        if len(self._fine) < MOST_HOSTS:
            self._fine.add(host)


def host_of(url: str) -> str:
    """Its name, which may be shown; never more of the address."""
    try:
        host = urlsplit(url).hostname or ""
    except ValueError:
        host = ""
    return "".join(letter for letter in host if letter.isalnum() or letter in "-._:")[:253] or "?"
