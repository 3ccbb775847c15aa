"""
Install a lock into `.venv`: `python3 requirements/install.py run|sandbox|dev`.

Standard library only, in syntax that any Python 3 can read, so that a Python that is too old says so. A stamp in
`.venv` has the lock's hash; while they agree, nothing is installed.
"""

import fcntl
import hashlib
import os
import signal
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
ENVIRONMENT = os.path.join(ROOT, ".venv")
PYTHON = os.path.join(ENVIRONMENT, "bin", "python")
INSTALL = ("-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps", "--require-hashes", "-r")
"""Dependencies are not resolved: a lock is complete, and pip before 23.3 fails if the index has newer releases."""
VERSION = "%d.%d" % sys.version_info[:2]


def main(name):
    lock, stamp = os.path.join(ROOT, "requirements", name + ".txt"), os.path.join(ENVIRONMENT, name + ".stamp")
    wanted = (hashlib.sha256(read(lock)).hexdigest() + " " + VERSION).encode()
    if os.path.exists(PYTHON) and os.path.exists(stamp) and read(stamp) == wanted:
        return
    check_python()
    print("Installing requirements/%s.txt into .venv (once; a minute or two)" % name)
    if not has_pip():
        run(sys.executable, "-m", "venv", "--clear", ENVIRONMENT)
    run(PYTHON, *INSTALL, lock)
    with open(stamp, "wb") as written:
        written.write(wanted)


def read(path):
    with open(path, "rb") as opened:
        return opened.read()


def check_python():
    if sys.version_info < (3, 11):
        sys.exit(
            "This is Python %s; Atelier needs 3.11 or newer. Install one and name it: make PYTHON=python3.11 ..."
            % VERSION
        )
    try:
        __import__("ensurepip")  # Debian and Ubuntu leave this out
        __import__("venv")
    except ImportError:
        sys.exit("This Python cannot make environments. On Debian or Ubuntu: apt-get install python%s-venv" % VERSION)


def has_pip():
    """Return False if the environment is missing, incomplete, or made for another Python."""
    try:
        said = subprocess.check_output([PYTHON, "-m", "pip", "--version"], stderr=subprocess.DEVNULL)
    except (OSError, subprocess.CalledProcessError):
        return False
    return ("(python %s)" % VERSION).encode() in said


def run(*command):
    code = subprocess.call(command)
    if code:
        sys.exit("Installation failed: `%s` ended with %d; the reason is above." % (" ".join(command[1:4]), code))


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # Ctrl-C ends the process without a traceback
    with open(__file__) as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)  # a second call at the same time waits
        main(sys.argv[1])
