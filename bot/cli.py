"""
The command line: `python -m bot run | sync | doctor | migrate | backup | restore | copy`.

A problem that the operator can fix is printed as one line on standard error; a traceback means a defect.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Callable, Coroutine, Sequence
from datetime import UTC, datetime
from enum import IntEnum
from pathlib import Path
from typing import Final

import structlog

from bot.config import ENV_FILE, Settings, database_address, load_settings, misspelt
from bot.engine.clock import system_clock
from bot.errors import ConfigurationError
from bot.process.garbage import garbage_collection_paused
from bot.process.logs import configure_logs
from storage.backup import BackupRefused
from storage.copying import CopyRefused, copy
from storage.database import DatabaseAway, DatabaseInUse
from storage.migrations import DatabaseNewer, migrate, pending
from storage.postgres_url import is_postgres


class ExitCode(IntEnum):
    STOPPED = 0
    DEFECT = 1
    USAGE = 2
    CONFIGURATION = 78
    """`EX_CONFIG` of sysexits.h: a supervisor should not restart the process automatically."""


EXIT_CODES: Final = """\
exit codes:
  0   stopped as asked, or done; for doctor: all is well
  1   a defect, broken off, or a database server that is
      away; the log has the details
  2   the command line is wrong
  78  something to put right first: a setting, or the database is
      in use, too new or, for copy, not empty, or the backup
      is refused; for doctor:
      something is not well
"""

MEBIBYTE: Final = 1024 * 1024
SHOWN_KEYS: Final = 20
"""Most keys of missing pictures that are printed."""

log = structlog.get_logger(__name__)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code, an `ExitCode`. Usage errors and `--help` leave through argparse's
    SystemExit. `arguments`: those of the process by default."""
    options = _parser().parse_args(arguments)
    configure_logs("INFO", "console")
    try:
        given = {name: value for name, value in vars(options).items() if name != "command"}
        return asyncio.run(COMMANDS[options.command](**given))
    except (ConfigurationError, BackupRefused, CopyRefused, DatabaseInUse, DatabaseNewer) as error:
        print(error, file=sys.stderr)
        return ExitCode.CONFIGURATION
    except DatabaseAway as away:
        print(f"the database cannot be used: {away}", file=sys.stderr)
        return ExitCode.CONFIGURATION if away.lasting else ExitCode.DEFECT
    except KeyboardInterrupt:
        return ExitCode.STOPPED if options.command == "run" else ExitCode.DEFECT
    except Exception:
        log.exception("process ended: unexpected exception", command=options.command)
        return ExitCode.DEFECT


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m bot",
        description="Atelier: make pictures together on Discord.",
        epilog=EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--env-file", type=_file, default=ENV_FILE, help="where settings are read from (%(default)s)")
    commands = parser.add_subparsers(dest="command", required=True, metavar="command")
    commands.add_parser("run", help="run the bot until Ctrl-C or SIGTERM")
    commands.add_parser("sync", help="publish the slash commands now (run does it by itself when they changed)")
    commands.add_parser("doctor", help="check settings, database, pictures, Discord, the image API and its models")
    commands.add_parser("migrate", help="bring the database up to date (run does it by itself)")
    backup = commands.add_parser(
        "backup", help="write all rows and a list of the pictures to a file, while the bot runs"
    )
    backup.add_argument("file", type=Path, help="the file to write; it must not exist")
    backup.add_argument("--pictures", action="store_true", help="also store the pictures themselves")
    restore = commands.add_parser("restore", help="restore a backup into an empty database")
    restore.add_argument("file", type=_file, help="a file that `backup` wrote")
    restore.add_argument(
        "--not-run-since",
        action="store_true",
        help="the bot has not run since the backup, as after a move to another machine: waiting requests go on",
    )
    copying = commands.add_parser("copy", help="copy the whole database into another one, which must be empty")
    copying.add_argument("--to", required=True, metavar="URL", help="the other database, as in DATABASE_URL")
    return parser


def _file(name: str) -> Path:
    """Return the path of a file named on the command line, which must exist; the default `.env` may be missing."""
    path = Path(name)
    if not path.is_file():
        raise argparse.ArgumentTypeError(f"there is no file {name}")
    return path


async def _run(env_file: Path) -> int:
    with garbage_collection_paused():
        from bot import app

    await app.run(_load(env_file))
    return ExitCode.STOPPED


async def _sync(env_file: Path) -> int:
    from bot import app

    await app.sync(_load(env_file, quiet=True))
    print("The commands are published.")
    return ExitCode.STOPPED


async def _migrate(env_file: Path) -> int:
    from bot import app

    settings = _load(env_file, require=())
    async with app.open_database(settings, wait_seconds=app.ONCE_SECONDS) as database:
        waiting = await pending(database)
        await migrate(database)
    print(f"The database is up to date; {waiting} migrations done.")
    return ExitCode.STOPPED


async def _copy(env_file: Path, to: str) -> int:
    """Copy the database of DATABASE_URL, and print how many rows each table has."""
    from bot import app

    try:
        address = database_address(to)
    except ValueError as error:
        raise ConfigurationError(f"--to {error}") from None
    settings = _load(env_file, require=(), quiet=True)
    target = settings.model_copy(update={"database_url": address})
    configure_logs("ERROR", settings.log_format, secrets=[*settings.secrets, *target.secrets])
    if address == settings.database_url:
        raise ConfigurationError("--to names the database of DATABASE_URL itself: name another one")
    locks = not is_postgres(settings.database_url)  # a file; of a server `copy` counts the other connections
    async with (
        app.open_database(settings, wait_seconds=0, exclusive=locks) as source,
        app.open_database(target, wait_seconds=0, setting="--to") as other,
    ):
        counts = await copy(source, other, now=system_clock())
    for table, rows in counts.items():
        print(f"{rows:>12,}  {table}")
    print(f"{sum(counts.values()):>12,}  rows copied. Let DATABASE_URL name the other database before the next start.")
    return ExitCode.STOPPED


async def _doctor(env_file: Path) -> int:
    """Run all checks and print the findings; the exit code says whether all are well. No setting is required: a missing
    or wrong setting is a finding."""
    from bot.doctor import Finding, examine, seconds_for_models  # here, so that the other commands start sooner

    try:
        settings = _load(env_file, require=(), quiet=True)
        if seconds := seconds_for_models(settings):
            print(f"{'wait':<8}models: asking the image API about them takes about {seconds} seconds", flush=True)
        findings = await examine(settings)
    except ConfigurationError as error:
        remedy = f"put it right in {env_file} or the environment, then ask again"
        findings = [Finding(name="settings", ok=False, detail=str(error), remedy=remedy)]
    for finding in findings:
        print(f"{'ok' if finding.ok else 'not ok':<8}{finding.name}: {finding.detail}")
        if finding.remedy:
            print(f"{'':<8}what to do: {finding.remedy}")
    return ExitCode.STOPPED if all(finding.ok for finding in findings) else ExitCode.CONFIGURATION


async def _backup(env_file: Path, file: Path, pictures: bool) -> int:
    from bot import app

    settings = _load(env_file, require=(), quiet=True)
    made = await app.back_up(settings, file, with_files=pictures)
    size = f"{made.bytes / MEBIBYTE:.1f} MiB"
    print(f"The backup is in {file}: {made.rows} rows; {made.pictures - made.missing} pictures ({size}).")
    if made.missing:
        print(f"Pictures that have rows and no file: {made.missing}.")
    if made.pictures > made.missing and not pictures:
        print("It lists the pictures and does not contain them: copy PICTURES_URL too, or use --pictures.")
    return ExitCode.STOPPED


async def _restore(env_file: Path, file: Path, not_run_since: bool) -> int:
    from bot import app

    settings = _load(env_file, require=(), quiet=True)
    done = await app.restore(settings, file, not_run_since=not_run_since)
    made_at = datetime.fromtimestamp(done.made_at / 1000, UTC)
    print(
        f"The backup of {made_at:%Y-%m-%d %H:%M:%S} UTC is restored: {done.rows} rows, {done.pictures} pictures listed."
    )
    if not not_run_since:
        print(f"Requests that waited then: {done.waiting}. They may have been made since: their askers can ask again.")
        print(f"Other unfinished requests: {done.unfinished}. The bot looks for their messages before it posts.")
    for keys, what in ((done.missing, "missing"), (done.damaged, "not the ones of the backup")):
        if keys:
            print(f"Pictures that are {what}: {len(keys)}, such as:", *keys[:SHOWN_KEYS], sep="\n  ")
    return ExitCode.STOPPED


def _load(env_file: Path, *, require: Sequence[str] | None = None, quiet: bool = False) -> Settings:
    """Load the settings, configure logging as they say, and print names that look misspelt. With `quiet`, only errors
    are logged, as the command itself reports problems. `require`: the settings that must be given; None: token and
    key. Raises ConfigurationError."""
    settings = load_settings(env_file) if require is None else load_settings(env_file, require=require)
    configure_logs("ERROR" if quiet else settings.log_level, settings.log_format, secrets=settings.secrets)
    for name, meant in misspelt(env_file).items():
        print(f"{name} in {env_file} is no setting; did you mean {meant}?", file=sys.stderr)
    return settings


COMMANDS: Final[dict[str, Callable[..., Coroutine[None, None, int]]]] = {
    "run": _run,
    "sync": _sync,
    "doctor": _doctor,
    "migrate": _migrate,
    "backup": _backup,
    "restore": _restore,
    "copy": _copy,
}
"""Each takes the arguments of its parser by name."""
