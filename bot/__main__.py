"""Run the command line: `python -m bot`."""

from __future__ import annotations

import os

from bot.cli import main
from bot.process.shutdown import end
from storage.private_files import PRIVATE_UMASK

if __name__ == "__main__":
    os.umask(PRIVATE_UMASK)
    end(main())
