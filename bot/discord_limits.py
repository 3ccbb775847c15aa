"""
Discord's limits. Each has its unit and its source; `reference` and `topics` are pages of
https://discord.com/developers/docs. The bot's own limits are in the modules of their subjects.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Final

BYTES_PER_MESSAGE: Final = 24 * 1024 * 1024
"""Bytes of all files of a message. Discord: 25 MiB per request (reference, "Uploading Files"); the difference is for
the rest of the request."""
BYTES_PER_FILE: Final = 10 * 1024 * 1024
"""Bytes of a file where no boosted server raises the limit (reference, "Uploading Files")."""
FILES_PER_MESSAGE: Final = 10
"""Attachments of a message (resources/message, "Create Message")."""
UNITS_PER_MESSAGE: Final = 4000
"""UTF-16 code units of all text of a message (components/reference, "Text Display"; the unit is undocumented)."""

BUTTONS_PER_ROW: Final = 5
"""Buttons of an action row (components/reference, "Action Row")."""
BUTTON_CHARACTERS: Final = 80
"""Characters of a button's label (components/reference, "Button")."""
OPTIONS_PER_SELECT: Final = 25
"""Options of a select, and the most values that may be selected (components/reference, "String Select")."""
OPTION_CHARACTERS: Final = 100
"""Characters of an option's label, value or description in a select (components/reference, "String Select")."""
FILES_PER_UPLOAD: Final = 10
"""Files of one field of a form (components/reference, "File Upload")."""
CHOICES: Final = 25
"""Choices that autocomplete offers (interactions/receiving-and-responding, "Autocomplete")."""
CHOICE_CHARACTERS: Final = 100
"""Characters of a choice's name (interactions/application-commands, "Option Choice")."""
LARGEST_INTEGER: Final = 2**53
"""Largest value of an integer option, positive or negative (interactions/application-commands, "Option Type")."""
TEXT_OPTION_CHARACTERS: Final = 6000
"""Characters of a string option without its own maximum (interactions/application-commands, "Option Structure")."""

INTERACTION_LIFE: Final = timedelta(minutes=15)
"""How long an interaction can be answered, after a first answer within 3 s (interactions/receiving-and-responding)."""
FOLLOWUPS_UNINSTALLED: Final = 5
"""Followup messages per interaction in a server that has not installed the bot (interactions/receiving-and-responding,
"Create Followup Message")."""
HISTORY_PAGE: Final = 100
"""Messages per request for a channel's history (resources/message, "Get Channel Messages")."""

REQUESTS_PER_SECOND: Final = 50
"""Requests of a bot, all shards together (topics/rate-limits, "Global Rate Limit")."""
REFUSALS: Final = 10_000
"""Responses of 401, 403 and 429 within `REFUSALS_SECONDS`, after which Discord bans the address (topics/rate-limits,
"Invalid Request Limit")."""
REFUSALS_SECONDS: Final = 600.0
"""Seconds."""
