"""Recognise the errors of PostgreSQL, and of the way to it, that mean that the server cannot be used now."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from typing import Final

from asyncpg import exceptions as asyncpg  # type: ignore[import-untyped]  # it has no types
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as NoFreeConnection

AWAY_CLASSES: Final = ("08", "28")
"""Classes of PostgreSQL's error codes: no connection, and a refused login."""
LOCKED: Final = "55P03"
"""Code of the error that says that a lock was not free within `lock_timeout`."""
AWAY_CODES: Final = {
    "3D000": "there is no such database",
    "25006": "it takes no writes",
    "53100": "its disk is full",
    "53200": "it has no memory left",
    "53300": "it has no connection left (max_connections)",
    LOCKED: "a lock was not free in time",
    "57014": "it cancelled a statement",
    "57P01": "it is being stopped",
    "57P02": "it has crashed",
    "57P03": "it is starting or being stopped",
    "57P05": "it closed an idle connection",
    "58030": "it cannot read or write its files",
}
"""PostgreSQL's error codes that mean that a statement may work later, with what they say."""
WRITES_ALONE: Final = frozenset({"25006", "53100"})
"""Codes of errors that reads do not have."""
POOLER: Final = "it is a pooler such as PgBouncer: append pgbouncer=true to the parameters of the address"
POOLER_CODES: Final = {"08P01": POOLER, "26000": POOLER, "42P05": POOLER}
"""Codes of what a pooler refuses or mixes up if the bot does not know of it: settings, and prepared statements."""
LASTING: Final = ("28", "3D", *POOLER_CODES)
"""Codes, or their beginnings, of errors that do not go away by themselves."""
NO_ANSWER: Final = "it gave no answer in time"
NO_TLS: Final = "it has no TLS, which the sslmode of the address demands"
PG_HBA: Final = "its pg_hba.conf refuses this user, database or machine, or a connection without TLS"
REFUSED_CERTIFICATE: Final = "its certificate is refused"
REFUSED_TLS: Final = "rejected SSL upgrade"
"""Words with which asyncpg says that a server has no TLS. The error has no class of its own."""
OWN_FILES: Final = ("X509", "PEM")
"""Parts of OpenSSL whose errors are about a file on this machine."""


def code_of(error: BaseException) -> str | None:
    """Return PostgreSQL's code of the error, or of the error that caused it."""
    codes = (getattr(cause, "sqlstate", None) for cause in _causes(error))
    return next((code for code in codes if code), None)


def why_away(error: BaseException) -> str | None:
    """Return why the database cannot be used now, in words without an address; None if the error says nothing of the
    kind."""
    if isinstance(error, TimeoutError):
        return NO_ANSWER
    code = code_of(error)
    if code in AWAY_CODES | POOLER_CODES:
        return (AWAY_CODES | POOLER_CODES)[code]
    if code is not None and code.startswith(AWAY_CLASSES):
        return _why_refused(error) if code.startswith("28") else "the connection was lost"
    for cause in _causes(error):
        match cause:
            case DBAPIError(connection_invalidated=True):
                return "the connection was lost"
            case NoFreeConnection() | TimeoutError():
                return NO_ANSWER
            case socket.gaierror():
                return "its host name is not known"
            case ssl.SSLCertVerificationError(verify_message=why):
                return f"{REFUSED_CERTIFICATE} ({why.partition(',')[0]})"  # what follows is the address
            case ssl.SSLError(library=library) if library in OWN_FILES:
                return f"a file of its address is no certificate, key or list of them ({cause.reason})"
            case ssl.SSLError():
                return f"its certificate or its TLS is refused ({getattr(cause, 'reason', None) or 'TLS'})"
            case ConnectionRefusedError() | FileNotFoundError():
                return "it does not run, or not there"
            case ConnectionError() if REFUSED_TLS in str(cause):
                return NO_TLS
            case OSError():
                return f"no connection ({cause.strerror or type(cause).__name__})"
            case asyncpg.TargetServerAttributeNotMatched():
                return "no host of its address is as target_session_attrs asks"
            case asyncpg.ClientConfigurationError():
                return str(cause).partition("\n")[0]
            case _:
                pass
    return None


def is_lasting(error: BaseException) -> bool:
    """Return whether the operator has to change a setting or the server before the database can be used."""
    code = code_of(error)
    if code is not None:
        return code.startswith(LASTING)
    return any(map(_is_lasting_cause, _causes(error)))


def _is_lasting_cause(cause: BaseException) -> bool:
    match cause:
        case ssl.SSLCertVerificationError() | asyncpg.ClientConfigurationError():
            return True
        case ssl.SSLError(library=library):
            return library in OWN_FILES
        case socket.gaierror(errno=number):
            return number == socket.EAI_NONAME
        case ConnectionError():
            return REFUSED_TLS in str(cause)
        case _:
            return False


def _why_refused(error: BaseException) -> str:
    """Return why a login is refused. The server's words may be in any language; the name of its file is in all."""
    said_by_file = any("pg_hba.conf" in str(cause) for cause in _causes(error))
    return PG_HBA if said_by_file else "it refuses the user or the password"


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = getattr(error, "orig", None) or error.__cause__
