"""
Configure the logs: one line per event on standard error, for people (`console`, tracebacks below) or machines
(`json`). Known secrets, and what looks like one, are replaced.

The records of libraries (discord.py, aiohttp, Alembic, warnings) pass the same processors as our own, tracebacks
included, so nothing reaches the log without passing `SecretRedactor`. Two errors that are no defects are logged without
a traceback: a reconnect to Discord, and a database that another program holds. Work that failed because the database
server is away is not logged: `storage.availability` logs once when the server goes and once when it is back.
"""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Iterable, MutableMapping
from typing import Any, Final

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from storage.availability import DatabaseAway

BLANK: Final = "[secret]"
SHORTEST_SECRET: Final = 6
"""Characters. Shorter values are not replaced, as ordinary words could match them."""

SECRET_NAMES: Final = re.compile(r"authorization|password|secret|api_?key|(^|_)token$", re.IGNORECASE)
"""Names of values that are always replaced, whatever the value is."""

SECRET_FORMS: Final = re.compile(
    r"(?<=/webhooks/)(?P<webhook>\d+/)[^/?\s\"']+"  # an interaction's token is used as a webhook's token
    r"|(?<=/interactions/)(?P<interaction>\d+/)[^/?\s\"']+"
    r"|(?P<callback>/callbacks/kie/)[^/?\s\"']+"
    r"|\b(?P<scheme>Bearer )[\w.~+/=-]{6,}"
    r"|[\w-]{23,28}\.[\w-]{6,7}\.[\w-]{27,}"  # a bot's token
    r"|(?P<user>://[^\s/:@]+:)[^\s/@]+(?=@)"  # a password in an address
    r"|(?P<signature>[?&](hm|X-Amz-Signature|X-Amz-Credential|sig)=)[^&\s\"']+"
)

RECONNECTS: Final = (
    "Attempting a reconnect in %.2fs",
    "Attempting a reconnect for shard ID %s in %.2fs",
    "Failed to connect for shard_id: %s. Retrying...",
)
"""Messages that discord.py logs as errors, with a traceback, while Discord is unavailable for a short time."""
HELD: Final = (
    "database access failed: the database is locked, usually held by another program, such as a backup or an open "
    "sqlite3 shell; end that program, stored work is retried"
)

QUIET: Final = {
    **dict.fromkeys(("discord", "aiosqlite", "asyncio", "PIL", "filelock"), logging.INFO),
    "alembic": logging.WARNING,
}
"""Minimum log levels of libraries that log too much: whole payloads, prompts among them, at DEBUG; Alembic at every
start."""


def configure_logs(level: str, style: str, *, secrets: Iterable[str] = ()) -> None:
    """Set up logging, in place of an earlier setup. `style` is `console` or `json`. `secrets` of at least
    `SHORTEST_SECRET` characters are replaced in every event, as is everything that looks like a secret."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_formatter(style, SecretRedactor(secrets)))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for name, least in QUIET.items():
        logging.getLogger(name).setLevel(max(least, root.level))
    logging.captureWarnings(True)
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            _unless_away,
            *_shared(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )


def _shared() -> list[Processor]:
    """Return the processors that all events pass, from our code and from libraries."""
    return [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
        _without_traceback,
        structlog.processors.format_exc_info,
    ]


def _unless_away(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    if isinstance(_error_of(event), DatabaseAway):
        raise structlog.DropEvent
    return event


def _without_traceback(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    error = _error_of(event)
    if error is None:
        return event
    if getattr(event.get("_record"), "msg", None) in RECONNECTS:
        return {**event, "level": "warning", "exc_info": None, "error": _in_a_line(error)}
    if isinstance(error, DatabaseAway):  # of a library
        return {**event, "level": "warning", "exc_info": None, "error": _in_a_line(error)}
    if _is_held(error):
        return {**event, "event": HELD, "level": "warning", "exc_info": None, "during": event["event"]}
    return event


def _error_of(event: EventDict) -> BaseException | None:
    match event.get("exc_info"):
        case BaseException() as error:
            return error
        case (_, BaseException() as error, _):
            return error
        case None | False:
            return None
        case _:
            return sys.exc_info()[1]


def _is_held(error: BaseException) -> bool:
    """Return whether the error, or an error in its chain of causes, is SQLite's timeout for a lock."""
    cause: BaseException | None = error
    while cause is not None:
        if getattr(cause, "sqlite_errorname", "").startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
            return True
        cause = cause.__cause__
    return False


def _in_a_line(error: BaseException) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())


def _formatter(style: str, blank: SecretRedactor) -> logging.Formatter:
    renderer: Processor = (
        structlog.processors.JSONRenderer(ensure_ascii=False)
        if style == "json"
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    )
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=_shared(),
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, blank, renderer],
    )


class SecretRedactor:
    """Replace secrets in an event: by the name of a value, by known values, and by form."""

    def __init__(self, secrets: Iterable[str]) -> None:
        known = sorted({value for value in secrets if len(value) >= SHORTEST_SECRET}, key=len, reverse=True)
        self._known = re.compile("|".join(map(re.escape, known))) if known else None

    def __call__(self, _: WrappedLogger, __: str, event: EventDict) -> MutableMapping[str, Any]:
        return {name: BLANK if SECRET_NAMES.search(name) else self._value(value) for name, value in event.items()}

    def _value(self, value: object) -> object:
        match value:
            case None | bool() | int() | float():
                return value
            case str():
                return self.text(value)
            case dict():
                return self(None, "", {str(name): inner for name, inner in value.items()})
            case list() | tuple() | set() | frozenset():
                return [self._value(inner) for inner in value]
            case _:
                return self.text(repr(value))

    def text(self, text: str) -> str:
        """Replace secrets in a text: known values of at least `SHORTEST_SECRET` characters, and everything that has one
        of `SECRET_FORMS`."""
        if self._known:
            text = self._known.sub(BLANK, text)
        return SECRET_FORMS.sub(lambda found: f"{next(filter(None, found.groups()), '')}{BLANK}", text)
