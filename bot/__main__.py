"""
`python -m bot`.

The process ends without Python's own shutdown: everything is closed by then, and a thread of the picture store's that
is still awake would abort it, with another exit code than ours.
"""

from __future__ import annotations

import logging
import os
import sys

from bot.cli import main

if __name__ == "__main__":
    code = main()
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
