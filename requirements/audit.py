"""
Ask for known weaknesses of what the bot runs on: `.venv/bin/python requirements/audit.py`.

pip-audit asks OSV, a public collection of advisories, about every version that run.txt pins. This ends with 0 when
nothing is known of any of them, and with 1 when something is. Where OSV cannot be asked it ends with 0 as well, and
says that nothing was looked at.
"""

import argparse
import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

LOCK: Final = Path(__file__).parent / "run.txt"
ACCEPTED: Final[Mapping[str, str]] = {}
"""Ids of advisories that do not concern the bot, each with the reason."""
SILENCE_SECONDS: Final = 7
"""Without a connection or an answer; a name may have two addresses that are tried one after the other."""
ALTOGETHER_SECONDS: Final = 90
NOT_ASKED: Final = re.compile(r"requests\.exceptions\.|ServiceError|could not connect|may be blocking", re.IGNORECASE)
"""How pip-audit ends when its source gave no answer, or one that is none."""
REMEDY: Final = """
What to do: run `make lock`, which takes the newest versions that pyproject.toml allows, and widen a range there that
keeps a mended one out. Where there is none yet, find out whether the bot uses what is broken; if it does not, put the
advisory's id and the reason into ACCEPTED in requirements/audit.py."""


class NotAsked(Exception):
    """No answer about any version."""


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Ask for known weaknesses of what the bot runs on.")
    parser.add_argument("--source", metavar="ADDRESS", help="another service that answers like OSV's /v1/query")
    parser.add_argument("--lock", metavar="FILE", default=str(LOCK), help="what is asked about (%(default)s)")
    given = parser.parse_args(arguments)
    try:
        pins = audited(given.lock, given.source)
    except NotAsked as reason:
        print(f"Audit skipped: the advisories could not be asked for ({reason}). Nothing was looked at.")
        return 0
    return report(pins)


def audited(lock: str, source: str | None) -> list[dict[str, Any]]:
    """Every pin, with what is known of it. Raises NotAsked, and SystemExit when pip-audit itself fails."""
    with tempfile.TemporaryDirectory() as cache:
        command = [sys.executable, "-m", "pip_audit", "--requirement", lock, "--require-hashes", "--disable-pip"]
        command += ["--vulnerability-service", "osv", *(["--osv-url", source] if source else [])]
        command += ["--format", "json", "--progress-spinner", "off"]
        command += ["--timeout", str(SILENCE_SECONDS), "--cache-dir", cache]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=ALTOGETHER_SECONDS, check=False)
        except subprocess.TimeoutExpired:
            raise NotAsked(f"no end after {ALTOGETHER_SECONDS} seconds") from None
    try:
        return list(json.loads(done.stdout)["dependencies"])
    except (ValueError, KeyError):
        last = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
        if NOT_ASKED.search(done.stderr):
            raise NotAsked(last.partition(":")[0][:120]) from None
        raise SystemExit(f"pip-audit could not read {lock}: {last}") from None


def report(pins: Sequence[Mapping[str, Any]]) -> int:
    """The exit code; what was found is printed. A pin that was left out is never taken for a clean one."""
    left_out = [f"{pin['name']} ({pin['skip_reason']})" for pin in pins if "skip_reason" in pin]
    found = [line for pin in pins for line in weaknesses(pin)]
    if found:
        print("Known weaknesses of what the bot runs on:", *found, REMEDY, sep="\n")
        return 1
    print(f"Audit: no known weakness in {len(pins) - len(left_out)} of {len(pins)} packages of run.txt.")
    if left_out:
        print("Not looked at:", *left_out, sep="\n  ")
    return 0


def weaknesses(pin: Mapping[str, Any]) -> list[str]:
    lines = []
    for weakness in pin.get("vulns", ()):
        if ACCEPTED.keys() & {weakness["id"], *weakness["aliases"]}:
            continue
        mended = (
            f"mended in {' and '.join(weakness['fix_versions'])}"
            if weakness["fix_versions"]
            else "no mended version yet"
        )
        lines.append(f"  {pin['name']} {pin['version']}: {weakness['id']}, {mended}. {weakness['description'][:200]}")
    return lines


if __name__ == "__main__":
    sys.exit(main())
