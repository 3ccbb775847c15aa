"""Say whether pictures can be made now, how many requests wait, how long a picture takes, and which models have
trouble."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from bot.errors import Reason
from storage.stores import Stores


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceStatus:
    paused: Reason | None
    """Why creates are paused; None if they are not."""
    waiting: int
    """Number of requests in the queue, of all people together."""
    seconds: float
    """Median time (s) from create to outcome, of the model that was asked about."""
    trouble: Mapping[str, int] = field(default_factory=dict)
    """Since when (ms) models have trouble, by their keys."""


class StatusReader:
    """`seconds`: the median time (s) of a model, by its key. `trouble`: since when (ms) the image API has had trouble
    with a model; None if it has none."""

    def __init__(
        self,
        *,
        stores: Stores,
        paused: Callable[[], Reason | None],
        seconds: Callable[[str], float],
        trouble: Callable[[str], int | None],
    ) -> None:
        self._stores = stores
        self._paused = paused
        self._seconds = seconds
        self._trouble = trouble

    async def now(self, model: str, *, among: Iterable[str]) -> ServiceStatus:
        """Return the status for a person whose usual model is `model` and who may choose `among` these models."""
        since = {key: self._trouble(key) for key in among}
        return ServiceStatus(
            paused=self._paused(),
            waiting=await self._stores.queue.count_waiting(),
            seconds=self._seconds(model),
            trouble={key: moment for key, moment in since.items() if moment is not None},
        )
