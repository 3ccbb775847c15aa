"""
Make `.venv` hold what a lock says: `python3 requirements/install.py run|sandbox|dev`.

Standard library only, and readable by any Python 3, so that one that is too old can say so. Two of these at the same
time wait for each other; a finished one leaves a stamp with the lock's hash and costs the next caller nothing.
"""

import contextlib
import hashlib
import pathlib
import shutil
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
ENVIRONMENT = ROOT / ".venv"
PYTHON = ENVIRONMENT / "bin" / "python"
OLDEST = (3, 11)


def main(name):
    lock = ROOT / "requirements" / (name + ".txt")
    wanted = hashlib.sha256(lock.read_bytes()).hexdigest() + " %d.%d" % sys.version_info[:2]
    stamp = ENVIRONMENT / (name + ".stamp")
    if is_ready(stamp, wanted):
        return
    check_python()
    with taking_turns():
        if not is_ready(stamp, wanted):
            create()
            install(lock)
            stamp.write_text(wanted)


def is_ready(stamp, wanted):
    """The lock's very content was installed, for this Python, and the environment's own still starts."""
    if not stamp.is_file() or stamp.read_text() != wanted:
        return False
    return runs("-c", "")


def runs(*arguments):
    """The environment's Python does this."""
    try:
        quiet = subprocess.DEVNULL
        return subprocess.call([str(PYTHON), *arguments], stdout=quiet, stderr=quiet) == 0
    except OSError:
        return False


def check_python():
    if sys.version_info < OLDEST:
        sys.exit(
            "This is Python %d.%d; Atelier needs 3.11 or newer. Install one and name it: make PYTHON=python3.11 ..."
            % sys.version_info[:2]
        )
    try:
        import ensurepip  # noqa: F401  # is it there? Debian and Ubuntu leave it out
        import venv  # noqa: F401  # as above
    except ImportError:
        sys.exit(
            "This Python cannot make environments. On Debian or Ubuntu: apt-get install python%d.%d-venv"
            % sys.version_info[:2]
        )


@contextlib.contextmanager
def taking_turns():
    import fcntl

    with open(str(ROOT / "requirements" / "run.txt")) as turn:  # any file that is always there
        fcntl.flock(turn, fcntl.LOCK_EX)
        yield


def create():
    """Anew also where somebody stopped it half way, before there was a pip, and for another Python."""
    if runs("-m", "pip", "--version") and runs(
        "-c", "import sys; sys.exit(sys.version_info[:2] != %r)" % (sys.version_info[:2],)
    ):
        return
    print("Making .venv")
    shutil.rmtree(str(ENVIRONMENT), ignore_errors=True)
    run(sys.executable, "-m", "venv", str(ENVIRONMENT))


def install(lock):
    """
    Without resolving: the lock names everything, and pip before 23.3 asks the index for the newest version of a
    requirement with an extra (`coverage[toml]`), which a newer release on the index then turns into a failure.
    """
    print("Installing requirements/%s into .venv (once; a minute or two)" % lock.name)
    run(
        *[str(PYTHON), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"],
        *["--no-deps", "--require-hashes", "--requirement", str(lock)],
    )


def run(*command):
    code = subprocess.call(command, cwd=str(ROOT))
    if code:
        sys.exit("Could not go on: `%s` ended with %d; the reason stands above." % (" ".join(command[1:4]), code))


if __name__ == "__main__":
    try:
        main(sys.argv[1])
    except KeyboardInterrupt:
        sys.exit(130)
