"""
Know in which channels results are being sent. Cards in such a channel wait, so that they do not use up Discord's rate
limit of the channel before the result.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager


class ResultsFirst:
    def __init__(self) -> None:
        self._sending: Counter[int] = Counter()

    def is_sending_to(self, channel_id: int) -> bool:
        return self._sending[channel_id] > 0

    @contextmanager
    def sending_to(self, channel_id: int) -> Iterator[None]:
        self._sending[channel_id] += 1
        try:
            yield
        finally:
            self._sending[channel_id] -= 1
            if not self._sending[channel_id]:
                del self._sending[channel_id]
