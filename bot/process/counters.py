"""
Count what only this process can count, where it happens; `/metrics` shows these counts beside the counts of rows.

Labels are fixed words of the code, never an id, prompt, address or key. Every label that is known beforehand starts
at 0, so that its first event is an increase. docs/metrics.md explains every name.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector, disable_created_metrics

TOO_FAST: Final = 429
FAILURES: Final = ("throttled", "unreachable", "unavailable", "refused")
CALL_FAILURES: Final = {
    "create": (*FAILURES, "server_fault", "account_refused", "unconfirmed"),
    "question": (*FAILURES, "server_fault", "account_refused", "unknown_record"),
    "transfer": (*FAILURES, "server_fault", "account_refused"),
    "fetch": FAILURES,
}
REQUESTS: Final = ("result", "person", "card", "edit", "interaction")
"""Purposes of requests to Discord, the most urgent first. `interaction`, at the end, is not paced: it never waits."""
REFUSALS: Final = ("401", "403", "429")
STATUSES: Final = ("4xx", "429", "5xx", "none")
CALLBACK_RESULTS: Final = {
    200: "heard",
    400: "unreadable",
    401: "not_signed",
    404: "unknown",
    408: "too_slow",
    413: "too_large",
}
FAILED: Final = "failed"
"""A callback that could not be stored; the image API retries it."""

disable_created_metrics()  # type: ignore[no-untyped-call]  # prometheus-client has no types for this function

REGISTRY: Final = CollectorRegistry()
ProcessCollector(registry=REGISTRY)

POLLS: Final = Counter(
    "atelier_polls_total",
    "Polls of the image API.",
    registry=REGISTRY,
)
API_SECONDS: Final = Histogram(
    "atelier_api_call_seconds",
    "How long calls to the image API and downloads of results took, answered or not.",
    ["call"],
    buckets=(0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 180),
    registry=REGISTRY,
)
API_ERRORS: Final = Counter(
    "atelier_api_errors_total",
    "Calls to the image API that were refused, failed, or had an answer that cannot be read.",
    ["call", "kind"],
    registry=REGISTRY,
)
UNKNOWN_FAILURES: Final = Counter(
    "atelier_unknown_failures_total",
    "Requests that the image API refused or did not complete, with a message that the bot does not know.",
    registry=REGISTRY,
)
DISCORD_ERRORS: Final = Counter(
    "atelier_discord_errors_total",
    "Refusals and failures of Discord while cards and outcomes were delivered.",
    ["status"],
    registry=REGISTRY,
)
DISCORD_REQUESTS: Final = Counter(
    "atelier_discord_requests_total",
    "Requests to Discord by their purpose; each attempt counts.",
    ["purpose"],
    registry=REGISTRY,
)
DISCORD_REFUSALS: Final = Counter(
    "atelier_discord_refusals_total",
    "Answers of Discord for which it bans an address after 10,000 in ten minutes.",
    ["status"],
    registry=REGISTRY,
)
DELIVERY_SECONDS: Final = Histogram(
    "atelier_told_seconds",
    "Seconds from the time at which an outcome is known to its delivery.",
    buckets=(1, 2, 3, 5, 10, 20, 30, 60, 300, 1800, 7200, 86400),
    registry=REGISTRY,
)
CALLBACKS: Final = Counter(
    "atelier_callbacks_total",
    "Callbacks received, by their result.",
    ["result"],
    registry=REGISTRY,
)
LOOP_LAG: Final = Histogram(
    "atelier_event_loop_lag_seconds",
    "How much later than requested the event loop resumed; measured once a second.",
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10),
    registry=REGISTRY,
)

for _call, _kinds in CALL_FAILURES.items():
    API_SECONDS.labels(_call)
    for _name in _kinds:
        API_ERRORS.labels(_call, _name)
for _name in STATUSES:
    DISCORD_ERRORS.labels(_name)
for _name in REQUESTS:
    DISCORD_REQUESTS.labels(_name)
for _name in REFUSALS:
    DISCORD_REFUSALS.labels(_name)
for _name in (*CALLBACK_RESULTS.values(), FAILED):
    CALLBACKS.labels(_name)


@contextmanager
def api_call(call: str) -> Iterator[None]:
    """Time the block, a call to the image API or a download of a result, and count the error it raises."""
    with API_SECONDS.labels(call).time(), api_errors(call):
        yield


@contextmanager
def api_errors(call: str) -> Iterator[None]:
    """Count the error that the block raises, without timing the block. Cancellation is no error."""
    try:
        yield
    except Exception as error:
        API_ERRORS.labels(call, _kind(error)).inc()
        raise


def discord_error(status: int | None) -> None:
    """Count a failed request to Discord by its HTTP status; None: Discord could not be reached."""
    if status is None:
        kind = "none"
    elif status == TOO_FAST:
        kind = "429"
    else:
        kind = f"{status // 100}xx"
    DISCORD_ERRORS.labels(kind).inc()


def discord_request(purpose: str) -> None:
    """Count a request to Discord; `purpose` is one of `REQUESTS`."""
    DISCORD_REQUESTS.labels(purpose).inc()


def discord_refusal(status: int) -> None:
    """Count a refusal of Discord; `status` is 401, 403 or 429."""
    DISCORD_REFUSALS.labels(str(status)).inc()


def callback(status: int) -> None:
    """Count a callback by the HTTP status of its answer."""
    CALLBACKS.labels(CALLBACK_RESULTS.get(status, FAILED)).inc()


def _kind(error: BaseException) -> str:
    """Return the name of the error's class in snake case: server_fault for `ServerFault`."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", type(error).__name__).lower()
