"""`make docs` builds a site from the pages, refuses links that lead nowhere, and loads nothing from elsewhere."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from tests.project.test_docs import PAGES, ROOT

pytestmark = pytest.mark.sweep

LOADED: Final = re.compile(
    r"""<(?:script|img|iframe|source)\b[^>]*\bsrc="(?!data:)([^"]*)"|<link\b[^>]*\bhref="([^"]*)\""""
)
LOADED_BY_STYLE: Final = re.compile(r"""url\(\s*["']?(?!data:)([^"')]+)|@import\s+["']([^"']+)""")
SECONDS: Final = 120


def build(project: Path, target: Path) -> subprocess.CompletedProcess[str]:
    """Build the site of a project with the command of the Makefile."""
    recipe = re.search(r"^docs: .*\n\t@\$\(IN\)/python (.+)$", (ROOT / "Makefile").read_text(encoding="utf-8"), re.M)
    assert recipe
    words = [word.replace("dist/docs", str(target)) for word in shlex.split(recipe[1])]
    words = [word.replace("dist/doctrees", str(target.parent / "doctrees")) for word in words]
    return subprocess.run(  # noqa: S603  # this interpreter, with the words of the Makefile
        [sys.executable, *words], cwd=project, capture_output=True, text=True, check=False, timeout=SECONDS
    )


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Return a copy of the pages, with their pictures and the settings of the site."""
    copied = tmp_path / "project"
    shutil.copytree(ROOT / "docs", copied / "docs")
    for name in ("LICENSE", "tests/README.md", *(page for page in PAGES if not page.startswith("docs/"))):
        (copied / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, copied / name)
    return copied


def test_the_site_has_every_page_a_start_and_a_search_and_loads_nothing_from_elsewhere(tmp_path: Path) -> None:
    site = tmp_path / "site"
    built = build(ROOT, site)
    assert (built.returncode, built.stderr) == (0, "")
    pages = [site / page.replace(".md", ".html") for page in (*PAGES, "tests/README.md", "index.md", "search.md")]
    assert not [page for page in pages if not page.is_file()]
    assert "webhook" in (site / "searchindex.js").read_text(encoding="utf-8")
    loaded = [found for page in site.rglob("*.html") for found in LOADED.findall(page.read_text(encoding="utf-8"))]
    loaded += [found for style in site.rglob("*.css") for found in LOADED_BY_STYLE.findall(style.read_text("utf-8"))]
    assert loaded
    assert not [address for found in loaded for address in found if re.match(r"(https?:)?//", address)]


@pytest.mark.parametrize(
    ("page", "added", "named"),
    [
        ("docs/running.md", "[more](no-such-page.md)", "no-such-page.md"),
        ("docs/running.md", "[more](metrics.md#no-such-heading)", "no-such-heading"),
        ("docs/running.md", "[more](#no-such-heading)", "no-such-heading"),
        ("docs/running.md", "![a picture](images/no-such-picture.png)", "no-such-picture.png"),
        ("docs/new.md", "# A page that no list has", "new.md"),
    ],
)
def test_what_leads_nowhere_ends_the_build(page: str, added: str, named: str, project: Path, tmp_path: Path) -> None:
    with (project / page).open("a", encoding="utf-8") as opened:
        opened.write(f"\n{added}\n")
    built = build(project, tmp_path / "site")
    assert built.returncode != 0
    assert named in built.stderr
