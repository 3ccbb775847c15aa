"""Learn how long pictures take, for each model apart, and for requests with and without input pictures."""

from __future__ import annotations

from typing import Final

from bot.engine.timing.schedule import Durations
from storage.catalogue import DEFAULT, MODELS
from storage.models import Task
from storage.queue import RECENT
from storage.stores import Stores

MOST_TASKS: Final = 20_000
"""Tasks of which it is remembered whether they have input pictures, so that not each poll reads it again."""


class LearnedDurations:
    """The durations of the last successful pictures. Those of one model do not affect another: a model without traffic
    has only the prior of its catalogue entry."""

    def __init__(self, stores: Stores) -> None:
        self._stores = stores
        self._asked: set[str] = set()
        """Models whose durations were asked for since the last `refresh`."""
        self._known: dict[tuple[str, bool], Durations] = {}
        """By model, and whether there were input pictures."""
        self._pictured: dict[str, bool] = {}
        """Whether a task has input pictures, by its id, of the last tasks that were asked about."""

    async def learn(self, *models: str) -> None:
        """Read again how long pictures of these models took; without models, of all."""
        for model in models or MODELS:
            for with_pictures in (False, True):
                recent = await self._stores.queue.recent_seconds(model, with_pictures=with_pictures)
                self._known[model, with_pictures] = _durations(model, recent, with_pictures=with_pictures)

    async def succeeded(self, task: Task) -> None:
        """Learn how long the pictures took of a task that was just settled with pictures. For a single create this
        needs no read."""
        if task.creates_wanted > 1:
            await self.learn(task.model)
        elif task.generating_at is not None and task.settled_at is not None:
            seconds = (task.settled_at - task.generating_at) / 1000
            with_pictures = await self.is_pictured(task)
            recent = (seconds, *self.of(task.model, with_pictures=with_pictures).recent)[:RECENT]
            self._known[task.model, with_pictures] = _durations(task.model, recent, with_pictures=with_pictures)

    async def refresh(self) -> None:
        """Learn what other processes on the database have stored, of the models that were asked for since the last
        time. Does nothing if there are no others."""
        if self._stores.key_values.alone or not self._asked:
            return
        asked, self._asked = self._asked, set()
        await self.learn(*sorted(asked))

    def of(self, model: str, *, with_pictures: bool) -> Durations:
        """Return what is known of the model. One that is no longer in the catalogue has the prior of the default."""
        self._asked.add(model)
        kind = model, with_pictures
        if kind not in self._known:
            self._known[kind] = _durations(model, (), with_pictures=with_pictures)
        return self._known[kind]

    async def of_task(self, task: Task) -> Durations:
        """Return what is known of the model of the task, with its kind of request."""
        return self.of(task.model, with_pictures=await self.is_pictured(task))

    async def is_pictured(self, task: Task) -> bool:
        """Return whether the task has input pictures."""
        if task.id not in self._pictured:
            self.know(task, with_pictures=bool(await self._stores.references.of_task(task.id)))
        return self._pictured[task.id]

    def know(self, task: Task, *, with_pictures: bool) -> None:
        """Remember whether the task has input pictures, as was read for another reason."""
        if len(self._pictured) >= MOST_TASKS:
            self._pictured.clear()
        self._pictured[task.id] = with_pictures


def _durations(model: str, recent: tuple[float, ...], *, with_pictures: bool) -> Durations:
    return Durations(prior_seconds=MODELS.get(model, DEFAULT).usual_seconds[with_pictures], recent=recent)
