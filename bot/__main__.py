"""`python -m bot`."""

from __future__ import annotations

from bot.cli import main
from bot.ending import end

if __name__ == "__main__":
    end(main())
