"""What a request, a style and a server's settings may hold. The CHECK constraints of `schema` say the same. Pure."""

from __future__ import annotations

from typing import Final

SIZES: Final = ("1:1", "3:2", "2:3")
"""API: width to height."""
VARIANTS: Final = (1, 2, 4)
"""API: pictures of one request."""
MOST_REFERENCES: Final = 5
"""API: `filesUrl` takes five; a mask goes beside them."""
LARGEST_REFERENCE_BYTES: Final = 25 * 1024 * 1024
LONGEST_WORDS: Final = 4000
"""Characters that a person may type as a prompt. Discord has the same bound for options and for fields of forms."""
LONGEST_TEMPLATE: Final = 2000
"""Characters of a style, which go around the prompt."""
GREATEST_BATCH: Final = 20
"""Requests that a server may have made out of one."""
