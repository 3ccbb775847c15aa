"""Bounds of requests, styles and server settings. No I/O. `MOST_REFERENCES` and `GREATEST_BATCH` are also in CHECK
constraints of `schema`, so that changing them needs a migration."""

from __future__ import annotations

from typing import Final

MOST_REFERENCES: Final = 5
"""Input pictures per request that commands and forms offer, without the mask. A model may take fewer (`catalogue`)."""
LARGEST_REFERENCE_BYTES: Final = 50 * 1024 * 1024
LONGEST_WORDS: Final = 4000
"""Characters of a typed prompt. Discord limits form fields to the same length; options may be longer."""
LONGEST_TEMPLATE: Final = 2000
"""Characters of a style's template, which surrounds the prompt."""
GREATEST_BATCH: Final = 20
"""Upper bound of the number of tasks per request that a server may choose."""
