"""
Alert the operator about hosts of results: a host that is not allowed, and a host from which several results in a row
could not be downloaded.

The operator gets each alert at most once per host, also across restarts, until a result is downloaded from the host
again.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Final
from urllib.parse import urlsplit

from bot.engine.availability.alerts import OperatorAlerts
from bot.errors import HostNotAllowed, Reason
from storage.models import Picture

REFUSED_IN_A_ROW: Final = 3
"""Different results, not attempts: a single missing result says nothing about its host."""
MOST_HOSTS: Final = 100
"""Number of hosts that are remembered at a time. One more, and the counts of all hosts begin again."""


class ResultHostWatch:
    def __init__(self, operator: OperatorAlerts) -> None:
        self._operator = operator
        self._refused: defaultdict[str, set[tuple[str, int]]] = defaultdict(set)
        """By host: the results that could not be downloaded from it since its last successful download."""
        self._fine: set[str] = set()
        """Hosts that are known to have no open alert, at most `MOST_HOSTS`."""

    def refused(self, picture: Picture, error: Exception) -> None:
        """Record that a result could not be downloaded from its own address or be read, for whatever reason. Alert
        the operator if its host, or one to which it redirects, is not allowed; else when `REFUSED_IN_A_ROW` different
        results of the host have failed since the last download from it."""
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
        """Record that a result was downloaded from its own address: the failures of its host are counted from zero, and
        alerts about the host may be sent again."""
        host = host_of(picture.url)
        self._refused.pop(host, None)
        if host in self._fine:
            return
        for reason in (Reason.RESULT_HOST_NOT_ALLOWED, Reason.RESULT_HOST_REFUSES):
            await self._operator.forget(reason, host)
        if len(self._fine) < MOST_HOSTS:
            self._fine.add(host)


def host_of(url: str) -> str:
    """Return the host name of an address, or "?". Only the name may be shown or logged, never the rest of the
    address."""
    try:
        host = urlsplit(url).hostname or ""
    except ValueError:
        host = ""
    return "".join(letter for letter in host if letter.isalnum() or letter in "-._:")[:253] or "?"
