"""
`make` installs its environment from a complete lock, even if the package index has newer releases, and only when the
lock has changed. A Python that cannot do this says what to install.

The index of these tests has, for every package in the locks, the pinned release and a newer one, each with the
requirements (and their extras) of the real package. The packages are empty.
"""

from __future__ import annotations

import ast
import base64
import hashlib
import importlib.metadata
import os
import re
import shutil
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

pytestmark = pytest.mark.sweep

ROOT = Path(__file__).parent.parent.parent
LOCKS = ("run", "sandbox", "dev")
PIN = re.compile(r"^([A-Za-z0-9._-]+)==([^ ;\\]+)", re.MULTILINE)
NEWER = "9999.0"
OLDEST_PIP = "22.3"
"""The pip that is bundled with Python 3.11.0."""


def test_the_environment_has_all_that_its_packages_require() -> None:
    """`--no-deps` installs a lock as it is, so pip does not notice that a lock is incomplete."""
    check = subprocess.run(
        [sys.executable, "-m", "pip", "check"], capture_output=True, text=True, check=False
    )  # runs this interpreter
    assert check.returncode == 0, check.stdout


@pytest.mark.parametrize("pip", ["bundled", OLDEST_PIP, "newest"])
def test_all_environments_install_though_the_index_has_newer_releases(
    pip: str, project: Path, index: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    python = environment_with(pip, project, tmp_path_factory.mktemp("pip"))
    for lock in LOCKS:
        installing = install(python, project, index, lock)
        assert installing.returncode == 0, installing.stderr
        assert installed(python).items() >= pins(lock).items()
    assert NEWER not in installed(python).values()


def test_the_index_is_one_that_resolving_stumbles_over(project: Path, index: Path) -> None:
    """If resolving succeeded with this index, the test above could not fail."""
    script = project / "requirements" / "install.py"
    script.write_text(script.read_text().replace('"--no-deps", ', ""))
    python = environment_with("bundled", project, project)
    version = run(python, "-c", "import pip; print(pip.__version__)", index=index).stdout
    if tuple(int(number) for number in version.split(".")[:2]) >= (23, 3):
        pytest.skip("this Python brings a pip that resolves extras within a lock")
    installing = run(python, str(script), "dev", index=index)
    assert installing.returncode != 0
    assert "must have their versions pinned" in installing.stderr


@pytest.mark.parametrize("begun", [False, True], ids=["missing", "without pip"])
def test_a_missing_or_incomplete_environment_is_made(begun: bool, small_project: Path, index: Path) -> None:
    if begun:
        venv.create(small_project / ".venv", with_pip=False)
    installing = install(Path(sys.executable), small_project, index)
    assert installing.returncode == 0, installing.stderr
    assert installed(small_project / ".venv" / "bin" / "python").items() >= only_pin(small_project).items()


def test_an_environment_is_installed_again_only_after_a_change_of_its_lock(small_project: Path, index: Path) -> None:
    outputs = [install(Path(sys.executable), small_project, index).stdout for _ in range(2)]
    lock = small_project / "requirements" / "run.txt"
    lock.write_text(f"# changed\n{lock.read_text()}")
    outputs.append(install(Path(sys.executable), small_project, index).stdout)
    assert outputs == [
        "Installing requirements/run.txt into .venv (once; a minute or two)\n",
        "",
        "Installing requirements/run.txt into .venv (once; a minute or two)\n",
    ]


def test_a_failed_installation_is_tried_again(small_project: Path, index: Path, tmp_path: Path) -> None:
    failing = install(Path(sys.executable), small_project, tmp_path)
    assert failing.returncode == 1
    assert failing.stderr.endswith("Installation failed: `-m pip install` ended with 1; the reason is above.\n")
    assert install(Path(sys.executable), small_project, index).returncode == 0
    assert only_pin(small_project).items() <= installed(small_project / ".venv" / "bin" / "python").items()


@pytest.mark.parametrize(
    ("pretence", "sentence"),
    [
        (
            "sys.version_info = (3, 10, 13)",
            "This is Python 3.10; Atelier needs 3.11 or newer. Install one and name it: make PYTHON=python3.11 ...",
        ),
        (
            "sys.version_info = (3, 12, 1); sys.modules['ensurepip'] = None",
            "This Python cannot make environments. On Debian or Ubuntu: apt-get install python3.12-venv",
        ),
    ],
    ids=["too old", "without venv"],
)
def test_a_python_that_cannot_be_used_says_what_to_install(
    pretence: str, sentence: str, small_project: Path, index: Path
) -> None:
    script = small_project / "requirements" / "install.py"
    code = f"import runpy, sys; sys.argv[1:] = ['run']; {pretence}; runpy.run_path({str(script)!r}, None, '__main__')"
    refused = run(Path(sys.executable), "-c", code, index=index)
    assert (refused.returncode, refused.stdout, refused.stderr) == (1, "", f"{sentence}\n")


def test_the_installer_has_no_syntax_that_an_old_python_cannot_read() -> None:
    tree = ast.parse((ROOT / "requirements" / "install.py").read_text(), feature_version=(3, 7))
    assert not [node.lineno for node in ast.walk(tree) if isinstance(node, ast.JoinedStr | ast.FormattedValue)]
    assert not [node for node in ast.walk(tree) if isinstance(node, ast.AnnAssign)]


@pytest.fixture
def project(tmp_path: Path, wheels: dict[tuple[str, str], Path]) -> Path:
    """Create a project with the installer and the locks, whose hashes are those of the empty packages."""
    requirements = tmp_path / "project" / "requirements"
    requirements.mkdir(parents=True)
    shutil.copy(ROOT / "requirements" / "install.py", requirements)
    for lock in LOCKS:
        lines = [
            f"{name}=={version} --hash=sha256:{digest(wheels[name, version])}" for name, version in pins(lock).items()
        ]
        (requirements / f"{lock}.txt").write_text("\n".join(lines) + "\n")
    return tmp_path / "project"


@pytest.fixture
def small_project(project: Path) -> Path:
    """Cut the lock `run` to one package, which is fast to install."""
    lock = project / "requirements" / "run.txt"
    lock.write_text(lock.read_text().splitlines(keepends=True)[0])
    return project


def only_pin(small_project: Path) -> dict[str, str]:
    return dict(PIN.findall((small_project / "requirements" / "run.txt").read_text()))


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory, wheels: dict[tuple[str, str], Path]) -> Path:
    simple = tmp_path_factory.mktemp("index")
    for (name, _), wheel in wheels.items():
        page = simple / name / "index.html"
        page.parent.mkdir(exist_ok=True)
        link = f'<a href="{wheel.as_uri()}#sha256={digest(wheel)}">{wheel.name}</a>\n'
        page.write_text((page.read_text() if page.exists() else "<!DOCTYPE html>\n") + link)
    return simple


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, str], Path]:
    folder = tmp_path_factory.mktemp("wheels")
    pinned = {pin for lock in LOCKS for pin in pins(lock).items()}
    return {(name, each): empty_wheel(folder, name, each) for name, version in pinned for each in (version, NEWER)}


def pins(lock: str) -> dict[str, str]:
    """Return the names and versions in a lock that are installed on this machine too, without pip: an empty pip could
    install nothing."""
    found = dict(PIN.findall((ROOT / "requirements" / f"{lock}.txt").read_text()))
    return {name: version for name, version in found.items() if name != "pip" and distribution(name) is not None}


def distribution(name: str) -> importlib.metadata.Distribution | None:
    try:
        return importlib.metadata.distribution(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def empty_wheel(folder: Path, name: str, version: str) -> Path:
    """Build an empty wheel with the requirements and extras of the real package."""
    real = distribution(name)
    assert real is not None
    metadata = ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}"]
    metadata += [f"Provides-Extra: {extra}" for extra in real.metadata.get_all("Provides-Extra") or ()]
    metadata += [f"Requires-Dist: {required}" for required in real.requires or ()]
    stem = re.sub(r"[-_.]+", "_", name)
    info = f"{stem}-{version}.dist-info"
    files = {
        f"{info}/METADATA": "\n".join(metadata) + "\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "".join(f"{path},sha256={short_digest(text)},{len(text.encode())}\n" for path, text in files.items())
    wheel = folder / f"{stem}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for path, text in {**files, f"{info}/RECORD": f"{record}{info}/RECORD,,\n"}.items():
            archive.writestr(path, text)
    return wheel


def digest(wheel: Path) -> str:
    return hashlib.sha256(wheel.read_bytes()).hexdigest()


def short_digest(text: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()


def environment_with(pip: str, project: Path, downloads: Path) -> Path:
    """Create the project's `.venv` with the given pip. Only a pip that is not bundled comes from the real index."""
    venv.create(project / ".venv", with_pip=True)
    python = project / ".venv" / "bin" / "python"
    if pip != "bundled":
        wanted = "pip" if pip == "newest" else f"pip=={pip}"
        fetched = run(python, "-m", "pip", "install", "--quiet", "--upgrade", "--cache-dir", str(downloads), wanted)
        if fetched.returncode and not os.environ.get("REQUIRE_REGISTRY"):
            pytest.skip("the package index cannot be reached")
        assert fetched.returncode == 0, fetched.stderr
    return python


def run(python: Path, *arguments: str, index: Path | None = None) -> subprocess.CompletedProcess[str]:
    environment = dict(os.environ)
    if index is not None:
        environment |= {"PIP_INDEX_URL": index.as_uri(), "PIP_EXTRA_INDEX_URL": "", "PIP_CONFIG_FILE": os.devnull}
    return subprocess.run([python, *arguments], env=environment, capture_output=True, text=True, check=False)  # noqa: S603  # the test made the interpreter


def install(python: Path, project: Path, index: Path, lock: str = "run") -> subprocess.CompletedProcess[str]:
    return run(python, str(project / "requirements" / "install.py"), lock, index=index)


def installed(python: Path) -> dict[str, str]:
    listed = run(python, "-m", "pip", "list", "--format", "freeze", "--disable-pip-version-check")
    found = dict(line.split("==") for line in listed.stdout.splitlines() if "==" in line)
    return {re.sub(r"[-_.]+", "-", name).lower(): version for name, version in found.items()}
