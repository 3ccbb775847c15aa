"""Which release of this program runs."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version
from typing import Final


def _release() -> str:
    try:
        return version("atelier")
    except PackageNotFoundError:
        return "unreleased"


RELEASE: Final = _release()
"""`unreleased` where it was not installed as a package."""
