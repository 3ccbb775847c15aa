"""Learn how long pictures take, for each model apart, and for requests with and without input pictures."""

from __future__ import annotations

from bot.engine.timing.schedule import Durations
from storage.catalogue import DEFAULT, MODELS
from storage.models import Task
from storage.stores import Stores


class LearnedDurations:
    """The durations of the last successful pictures. Those of one model do not affect another: a model without traffic
    has only the prior of its catalogue entry."""

    def __init__(self, stores: Stores) -> None:
        self._stores = stores
        self._recent: dict[tuple[str, bool], tuple[float, ...]] = {}
        """By model, and whether there were input pictures."""

    async def learn(self, *models: str) -> None:
        """Read again how long pictures of these models took; without models, of all."""
        for model in models or MODELS:
            for with_pictures in (False, True):
                recent = await self._stores.queue.recent_seconds(model, with_pictures=with_pictures)
                self._recent[model, with_pictures] = recent

    def of(self, model: str, *, with_pictures: bool) -> Durations:
        """Return what is known of the model. One that is no longer in the catalogue has the prior of the default."""
        prior = MODELS.get(model, DEFAULT).usual_seconds[with_pictures]
        return Durations(prior_seconds=prior, recent=self._recent.get((model, with_pictures), ()))

    async def of_task(self, task: Task) -> Durations:
        """Return what is known of the model of the task, with its kind of request."""
        references = await self._stores.references.of_task(task.id)
        return self.of(task.model, with_pictures=bool(references))
