"""
The docs site: `make docs` builds it from the pages as they are, into `dist/docs`.

The source is the whole project, so that links between pages are the same here and on GitHub. A link or an anchor that
leads nowhere, and a page that is not in `PAGES`, ends the build.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from sphinx.application import Sphinx

PAGES: Final = {
    "Use": ("docs/commands", "docs/models", "docs/privacy", "docs/sandbox"),
    "Run": ("docs/running", "docs/configuration", "docs/kubernetes", "docs/metrics", "docs/reliability"),
    "Develop": (
        "docs/architecture",
        "CONTRIBUTING",
        "docs/languages",
        "tests/README",
        "benchmarks/README",
        "docs/engines",
        "docs/decisions/README",
        "CHANGELOG",
    ),
}
"""The navigation: pages without their suffix, by heading."""
START: Final = "README"
DECISIONS: Final = "docs/decisions/README"
RECORD: Final = re.compile(r"docs/decisions/\d")

project = "Atelier"
language = "en"
root_doc = START
extensions = ["myst_parser"]
include_patterns = ["*.md", "docs/**.md", "tests/*.md", "benchmarks/*.md"]
exclude_patterns = [".*", "data", "dist"]
myst_heading_anchors = 4
highlight_language = "text"
html_theme = "furo"
html_title = "Atelier"
html_logo = "logo.svg"
html_favicon = "logo.svg"
html_static_path = ["static"]
html_css_files = ["site.css"]
html_copy_source = False
html_show_copyright = False
html_use_index = False
html_theme_options = {
    "light_css_variables": {"color-brand-primary": "#7a3fb8", "color-brand-content": "#7a3fb8"},
    "dark_css_variables": {"color-brand-primary": "#c9a2f2", "color-brand-content": "#c9a2f2"},
    "top_of_page_buttons": [],
}


def add_navigation(app: Sphinx, page: str, source: list[str]) -> None:
    """Add the navigation to the start page, and the records to the page of decisions, where GitHub would show it as
    text."""
    if page == START:
        source[0] += "".join(_toctree(caption, pages) for caption, pages in PAGES.items())
    elif page == DECISIONS:
        source[0] += _toctree("Decisions", sorted(name for name in app.env.found_docs if RECORD.match(name)))


def _toctree(caption: str, pages: Iterable[str]) -> str:
    listed = "\n".join(f"/{page}" for page in pages)
    return f"\n\n```{{toctree}}\n:hidden:\n:caption: {caption}\n\n{listed}\n```\n"


def add_index(app: Sphinx, error: Exception | None) -> None:
    """Let the start page open under the address of the site, too."""
    if error is None:
        shutil.copy(Path(app.outdir) / f"{START}.html", Path(app.outdir) / "index.html")


def setup(app: Sphinx) -> None:
    app.connect("source-read", add_navigation)
    app.connect("build-finished", add_index)
