"""`python -m tests.soak`: play a day in an hour, and print what happened."""

from __future__ import annotations

import argparse
import asyncio
import logging
import secrets
import sys
import tempfile
from pathlib import Path
from typing import Final

from tests.soak.day import play
from tests.soak.verdict import judge, table
from tests.wire.process import LOG

LAST_LINES: Final = 40
"""Lines of the bot's log that are shown if the soak itself breaks off."""


def main() -> int:
    given = _arguments().parse_args()
    logging.disable()  # the servers log connections that are broken on purpose
    print(f"seed {given.seed}, {given.minutes:g} minutes, {given.rate:g} commands a second", flush=True)
    with tempfile.TemporaryDirectory(prefix="atelier-soak-") as folder:
        try:
            seen = asyncio.run(play(Path(folder), minutes=given.minutes, rate=given.rate, seed=given.seed))
        except Exception:
            if (log := Path(folder, LOG)).exists():
                print(*log.read_text().splitlines()[-LAST_LINES:], sep="\n", flush=True)
            raise
    verdict = judge(seen)
    print(*table(seen, verdict), sep="\n", flush=True)
    return 0 if verdict.clean and not seen.wrong_exits else 1


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tests.soak",
        description="Let people ask for ten times what the image API takes, with faults at random, and count the rest.",
    )
    parser.add_argument("--minutes", type=float, default=60, help="length, without the end (default: %(default)s)")
    parser.add_argument("--rate", type=float, default=20, help="commands per second (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=secrets.randbelow(10**6), help="of the faults (default: random)")
    return parser


if __name__ == "__main__":
    sys.exit(main())
