"""
Serve `/metrics`: counts from the rows and from this process, in Prometheus' text format.

The rows are counted at each scrape, in the database's thread; of several processes on a database, by the one that
leads, so that a sum over all processes is right. docs/metrics.md explains every name.
"""

from __future__ import annotations

import asyncio
import platform
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

import discord
import structlog
from prometheus_client import Metric, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from bot.client import Atelier
from bot.engine.clock import system_clock
from bot.engine.processes.membership import Membership
from bot.errors import Reason
from bot.process import counters
from bot.process.version import RELEASE
from bot.web.balance import Balance
from bot.web.readiness import connected_shards, expected_shards
from storage.availability import DatabaseAway
from storage.disks import Disks
from storage.models import OPEN_STATES, TaskState
from storage.statistics import Statistics, StatisticsStore, TaskResult

READ_SECONDS: Final = 5.0
LAG_EVERY_SECONDS: Final = 1.0
PICTURES: Final = "pictures"
"""The label of an outcome with pictures."""
OTHER: Final = "other"
"""The label of every other reason: one that ends a task rarely, or one of another release."""
OUTCOMES: Final = (
    *(Reason.REFERENCE_EMPTY, Reason.REFERENCE_TOO_LARGE, Reason.REFERENCE_TOO_MANY_PIXELS),
    *(Reason.REFERENCE_NOT_A_PICTURE, Reason.REFERENCE_FORMAT, Reason.REFERENCE_ANIMATED),
    *(Reason.REFERENCE_TOO_COMPLEX, Reason.REFERENCE_BROKEN, Reason.REFERENCE_MISNAMED),
    *(Reason.REFERENCE_TOO_SMALL, Reason.REFERENCE_TOO_LONG, Reason.REFERENCES_UNUSABLE),
    *(Reason.REFERENCE_UNFETCHABLE, Reason.ATTACHED_UNUSABLE, Reason.MASK_SIZE, Reason.MASK_NOT_BLACK_AND_WHITE),
    Reason.MASK_CHANGES_NOTHING,
    *(Reason.POLICY, Reason.REFERENCE_POLICY, Reason.API_REFERENCE_TOO_LARGE, Reason.API_REFERENCE_FORMAT),
    Reason.API_REFERENCE_TOO_SMALL,
    *(Reason.API_REFERENCE_UNFETCHABLE, Reason.API_MASK, Reason.GENERATION_FAILED, Reason.NO_PICTURES),
    *(Reason.INVALID_REQUEST, Reason.MODEL_UNAVAILABLE),
    *(Reason.ACCOUNT_KEY, Reason.ACCOUNT_CREDIT, Reason.ACCOUNT_QUOTA, Reason.SERVICE_FAULT),
    *(Reason.SERVICE_UNREACHABLE, Reason.UNCONFIRMED, Reason.RESTORED, Reason.LOST),
)
"""Reasons for which tasks usually end without pictures; each is a label. A reason outside this list counts as
`OTHER`."""
FATES: Final = (TaskResult.TAKEN, TaskResult.REFUSED, TaskResult.UNCONFIRMED)
"""Results of a create. A create in progress is a task in the state `submitting`."""

log = structlog.get_logger(__name__)


class Metrics:
    def __init__(
        self,
        client: Atelier,
        store: StatisticsStore,
        balance: Balance,
        disks: Disks,
        *,
        membership: Membership,
        clock: Callable[[], int] = system_clock,
    ) -> None:
        self._client = client
        self._membership = membership
        self._store = store
        self._balance = balance
        self._disks = disks
        self._clock = clock
        self._most = defaultdict[str, dict[str, int]](dict)

    async def scrape(self) -> bytes:
        if not self._membership.is_leader:
            free = await self._free_bytes()
            return generate_latest(_Shown([*self._of_process(free), _readable(self._membership.is_current)]))
        figures, free = await asyncio.gather(self._figures(), self._free_bytes())
        return generate_latest(_Shown([*self._of_process(free), *self._of_rows(figures)]))

    async def _figures(self) -> Statistics | None:
        try:
            async with asyncio.timeout(READ_SECONDS):
                return await self._store.figures()
        except DatabaseAway:
            return None
        except Exception as error:  # noqa: BLE001  # the counts of this process are shown anyway
            log.warning(
                "metrics incomplete: counting the rows failed or took too long, only counts of this process are served",
                error=str(error) or type(error).__name__,
            )
            return None

    async def _free_bytes(self) -> int | None:
        try:
            async with asyncio.timeout(READ_SECONDS):
                return await self._disks.free_bytes()
        except TimeoutError:  # a network disk whose server is gone
            return None

    def _of_process(self, free_bytes: int | None) -> Iterator[Metric]:
        yield from counters.REGISTRY.collect()
        yield _build()
        yield _gauge(
            "shards", "Shards that this process runs; 0 until Discord has answered.", expected_shards(self._client)
        )
        yield _gauge("shards_connected", "Shards that are connected.", connected_shards(self._client))
        yield GaugeMetricFamily(
            "atelier_processes", "Processes on the database, as this one knows.", value=self._membership.living
        )
        leads = self._membership.is_leader
        yield GaugeMetricFamily("atelier_leads", "1 if this process leads the others, else 0.", value=leads)
        credits_left = self._balance.last_known() if leads else None
        if credits_left is not None:
            yield GaugeMetricFamily("atelier_credits", "Credits left, as last known.", value=credits_left)
        if free_bytes is not None:
            free = "Free bytes of the disk of the database or of the pictures, the fuller of the two."
            yield GaugeMetricFamily("atelier_disk_free_bytes", free, value=free_bytes)

    def _of_rows(self, figures: Statistics | None) -> Iterator[Metric]:
        yield _readable(figures is not None)
        if figures is None:
            return
        yield from _tasks(figures, self._clock())
        yield from _curation(figures)
        outcomes = self._never_less("outcomes", _by_reason(figures))
        yield _counter("outcomes", "Known outcomes: pictures, or the reason why there are none.", "reason", outcomes)
        fates = {fate.value: figures.creates[fate] for fate in FATES}
        creates = self._never_less("creates", fates)
        yield _counter("creates", "Creates sent to the image API, by their result.", "result", creates)

    def _never_less(self, name: str, counted: Mapping[str, int]) -> Mapping[str, int]:
        """Return for each label the highest count since the process started: an adoption withdraws an outcome, and a
        counter that decreases would look like a restart."""
        most = self._most[name]
        most.update({label: max(number, most.get(label, 0)) for label, number in counted.items()})
        return most


async def watch_lag() -> None:
    """Measure once a second, until cancelled, how late the event loop wakes up."""
    loop = asyncio.get_running_loop()
    while True:
        due = loop.time() + LAG_EVERY_SECONDS
        await asyncio.sleep(LAG_EVERY_SECONDS)
        counters.LOOP_LAG.observe(max(loop.time() - due, 0.0))


@dataclass(frozen=True, slots=True)
class _Shown(Collector):
    families: Iterable[Metric]

    def collect(self) -> Iterable[Metric]:
        return self.families


def _tasks(figures: Statistics, now: int) -> Iterator[Metric]:
    by_state = GaugeMetricFamily("atelier_tasks", "Tasks by their state.", labels=["state"])
    for state in TaskState:
        by_state.add_metric([state.value], figures.tasks[state])
    yield by_state
    oldest = GaugeMetricFamily(
        "atelier_oldest_task_age_seconds",
        "Seconds since the request of the oldest task in this state, without kept outcomes; 0 if there is none.",
        labels=["state"],
    )
    for state in TaskState:
        if state in OPEN_STATES:
            oldest.add_metric([state.value], max(now - figures.oldest.get(state, now), 0) / 1000)
    yield oldest
    yield GaugeMetricFamily("atelier_queue_length", "Prepared tasks that wait for a create.", value=figures.queue)
    yield GaugeMetricFamily(
        "atelier_tasks_unconfirmed",
        "Tasks whose create was not answered, while a callback may still report that it was accepted.",
        value=figures.unconfirmed,
    )
    yield GaugeMetricFamily(
        "atelier_tasks_overdue", "Tasks without an outcome for longer than expected.", value=figures.overdue
    )
    yield GaugeMetricFamily(
        "atelier_tasks_kept", "Outcomes that could not be delivered, kept for their asker.", value=figures.undelivered
    )


def _curation(figures: Statistics) -> Iterator[Metric]:
    yield GaugeMetricFamily(
        "atelier_reposts_waiting",
        "Results that are to be published, shown again or copied to a gallery and are not posted yet.",
        value=figures.reposts,
    )
    yield GaugeMetricFamily(
        "atelier_message_sync_waiting",
        "Results whose messages are to be hidden, shown or removed.",
        value=figures.message_sync,
    )
    yield GaugeMetricFamily("atelier_reports_open", "Reports without a moderator's decision.", value=figures.reports)
    yield GaugeMetricFamily("atelier_batches_open", "Batches that are not completely delivered.", value=figures.batches)
    yield GaugeMetricFamily(
        "atelier_pictures_missing",
        "Paid pictures delivered as links because their host does not serve them; downloads are still tried.",
        value=figures.missing,
    )


def _by_reason(figures: Statistics) -> Mapping[str, int]:
    """Return a count for each label (`PICTURES`, `OUTCOMES`, `OTHER`), 0 included, so that the first outcome with a
    reason is an increase."""
    counted = {PICTURES: 0, **{reason.value: 0 for reason in OUTCOMES}, OTHER: 0}
    for reason, number in figures.outcomes.items():
        if reason is None:
            label = PICTURES
        elif reason in counted:
            label = reason
        else:
            label = OTHER
        counted[label] += number
    return counted


def _readable(value: bool) -> Metric:
    says = "1, or 0 if the rows could not be counted; then the metrics that are counted from rows are missing."
    return GaugeMetricFamily("atelier_database_readable", says, value=value)


def _build() -> Metric:
    build = GaugeMetricFamily(
        "atelier_build_info", "Always 1; the labels name the versions.", labels=["version", "python", "discord_py"]
    )
    build.add_metric([RELEASE, platform.python_version(), discord.__version__], 1)
    return build


def _gauge(name: str, says: str, counted: Iterable[int]) -> Metric:
    return GaugeMetricFamily(f"atelier_{name}", says, value=len(list(counted)))


def _counter(name: str, says: str, label: str, counted: Mapping[str, int]) -> Metric:
    family = CounterMetricFamily(f"atelier_{name}", says, labels=[label])
    for value, number in counted.items():
        family.add_metric([value], number)
    return family
