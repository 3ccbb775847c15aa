"""Determine the version of this program."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version
from typing import Final


def _release() -> str:
    try:
        return version("atelier")
    except PackageNotFoundError:
        return "unreleased"


RELEASE: Final = _release()
"""`unreleased` if the program is not installed as a package."""
