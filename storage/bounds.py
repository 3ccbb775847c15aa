"""Bounds of requests, styles and server settings. No I/O. `MOST_STORED_REFERENCES` and `GREATEST_BATCH` are also in
CHECK constraints of `schema`, so that changing them needs a migration."""

from __future__ import annotations

from typing import Final

MOST_REFERENCES: Final = 5
"""Input pictures that a command has options for, without the mask, and pictures of a set. A model may take fewer
(`catalogue`)."""
MOST_STORED_REFERENCES: Final = 20
"""Greatest position of an input picture or mask in the table: no model takes more."""
LARGEST_REFERENCE_BYTES: Final = 50 * 1024 * 1024
"""Bytes of an attached file. A stored copy is not limited."""
LONGEST_WORDS: Final = 4000
"""Characters (code points) of a typed prompt, without a style's template. Discord limits form fields to as many UTF-16
units; options may be longer."""
LONGEST_TEMPLATE: Final = 2000
"""Characters of a style's template, which surrounds the prompt."""
LONGEST_ADDED_WORDS: Final = 500
"""UTF-16 units of the words that a person wants added to each prompt."""
GREATEST_BATCH: Final = 20
"""Upper bound of the number of tasks per request that a server may choose."""
