"""The Grafana dashboard in `docs/grafana.json` shows what `/metrics` has, and has the form that Grafana imports."""

from __future__ import annotations

import itertools
import json
import re
from collections import Counter, defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import pytest
from prometheus_client.parser import text_string_to_metric_families

from sandbox.kie import Emulator
from tests.web.visiting import opened
from tests.wire.process import KEY
from tests.worlds.waiting import eventually

pytestmark = pytest.mark.usefixtures("discord_as_it_was")

ROOT: Final = Path(__file__).parent.parent.parent
DASHBOARD: Final[dict[str, Any]] = json.loads((ROOT / "docs" / "grafana.json").read_text(encoding="utf-8"))
PANELS: Final[list[dict[str, Any]]] = DASHBOARD["panels"]
GRAPHS: Final = [panel for panel in PANELS if panel["type"] != "row"]
QUERIES: Final = [target["expr"] for panel in GRAPHS for target in panel["targets"]]
VARIABLES: Final[dict[str, dict[str, Any]]] = {item["name"]: item for item in DASHBOARD["templating"]["list"]}
COLUMNS: Final = 24
SELECTED: Final = re.compile(r"\b((?:atelier|process)_\w+)\{([^}]*)\}")
MATCHER: Final = re.compile(r'(\w+)(=~|=)"([^"]*)"')
Samples = Mapping[str, Mapping[str, set[str]]]
OF_PROMETHEUS: Final = {"job", "instance"}
"""Labels that Prometheus adds to each sample."""


def rows() -> set[str]:
    """Return the metrics that are counted from rows, by the page."""
    page = (ROOT / "docs" / "metrics.md").read_text(encoding="utf-8")
    section = page.partition("\n## From the rows")[2].partition("\n## ")[0]
    return set(re.findall(r"^\| `(atelier_\w+)`", section, re.MULTILINE))


@pytest.fixture
async def samples(tmp_path: Path) -> Samples:
    """Return the labels of each sample that a bot which has just started shows, and the values of each label."""
    found = defaultdict[str, defaultdict[str, set[str]]](lambda: defaultdict(set))
    async with Emulator(key=KEY) as image_api, opened(tmp_path, kie_api_url=image_api.url) as (_, _, visitor):

        async def scraped() -> str:
            _, text = await visitor.get("/metrics")
            return text if "atelier_credits " in text else ""  # the first scrape only asks for them

        for family in text_string_to_metric_families(await eventually(scraped)):
            for sample in family.samples:
                labels = found[sample.name]
                for label, value in sample.labels.items():
                    labels[label].add(value)
    return found


def without_words(query: str) -> str:
    """Return a query without its matchers, whose values are no metrics."""
    return re.sub(r"\{[^}]*\}", "{}", query)


# -- what is shown ---------------------------------------------------------------------------------------------------


def test_every_metric_in_a_query_is_chosen_by_job_and_process() -> None:
    for query in QUERIES:
        named = re.findall(r"\b(?:atelier|process)_\w+", without_words(query))
        assert [name for name, _ in SELECTED.findall(query)] == named, query
        assert all({"job", "instance"} <= dict(_matchers(words)).keys() for _, words in SELECTED.findall(query)), query


def test_every_metric_and_label_of_the_dashboard_is_served(samples: Samples) -> None:
    for query in QUERIES:
        for name, words in SELECTED.findall(query):
            assert name in samples, query
            for label, values in _matchers(words):
                if label not in OF_PROMETHEUS:
                    assert set(values.split("|")) <= samples[name][label], query
        served = {label for name, _ in SELECTED.findall(query) for label in samples[name]}
        assert _grouped(query) <= served | OF_PROMETHEUS, query


def test_every_metric_of_the_bot_is_in_the_dashboard(samples: Samples) -> None:
    queries = [*QUERIES, *(item["query"]["query"] for item in VARIABLES.values() if item["type"] == "query")]
    used = {_family(name) for query in queries for name in re.findall(r"\batelier_\w+", query)}
    assert used == {_family(name) for name in samples if name.startswith("atelier_")}


def test_a_legend_names_only_labels_that_a_query_leaves() -> None:
    for panel in GRAPHS:
        for target in panel["targets"]:
            named = set(re.findall(r"\{\{(\w+)\}\}", target["legendFormat"]))
            assert named <= (_grouped(target["expr"]) or {"instance"}), target["expr"]
            assert target["legendFormat"] or panel["type"] == "stat"


def test_what_is_counted_from_rows_is_not_added_up_over_processes() -> None:
    """Each process that serves these metrics serves the same rows."""
    for query in QUERIES:
        if {_family(name) for name, _ in SELECTED.findall(query)} & rows():
            assert re.match(r"(max|min)\b", query), query


def _matchers(words: str) -> list[tuple[str, str]]:
    return [(label, value) for label, _, value in MATCHER.findall(words)]


def _grouped(query: str) -> set[str]:
    """Return the labels that the query groups by, without that of a histogram's buckets."""
    found = re.findall(r"\bby \(([^)]*)\)", query)
    return {label.strip() for words in found for label in words.split(",")} - {"le"}


def _family(sample: str) -> str:
    return re.sub(r"_(bucket|sum|count)$", "", sample)


# -- form ------------------------------------------------------------------------------------------------------------


def test_the_dashboard_has_the_form_that_grafana_imports() -> None:
    assert DASHBOARD["schemaVersion"] >= 36  # Grafana 9: a data source is an object with a type
    assert {"title", "uid", "panels", "templating", "time", "annotations"} <= DASHBOARD.keys()
    assert "id" not in DASHBOARD, "Grafana gives this number"
    assert {panel["type"] for panel in PANELS} == {"row", "stat", "timeseries"}


def test_every_query_asks_the_data_source_that_the_person_chooses() -> None:
    assert VARIABLES["datasource"]["type"] == "datasource"
    assert VARIABLES["datasource"]["query"] == "prometheus"
    asked = [panel["datasource"] for panel in GRAPHS]
    asked += [target["datasource"] for panel in GRAPHS for target in panel["targets"]]
    asked += [item["datasource"] for item in VARIABLES.values() if item["type"] == "query"]
    assert all(source == {"type": "prometheus", "uid": "${datasource}"} for source in asked)
    assert set(re.findall(r"\$(\w+)", " ".join(QUERIES))) - {"__rate_interval"} <= VARIABLES.keys()


def test_panels_and_queries_have_names_of_their_own() -> None:
    assert not [number for number, times in Counter(panel["id"] for panel in PANELS).items() if times > 1]
    for panel in GRAPHS:
        letters = [target["refId"] for target in panel["targets"]]
        assert len(set(letters)) == len(letters) > 0
        assert panel["title"]
        assert panel["description"].endswith(".")


def test_panels_lie_within_the_columns_and_cover_no_other() -> None:
    taken = Counter[tuple[int, int]]()
    for panel in PANELS:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= COLUMNS
        columns, lines = range(place["x"], place["x"] + place["w"]), range(place["y"], place["y"] + place["h"])
        taken.update(itertools.product(columns, lines))
    assert max(taken.values()) == 1
    assert len(taken) == COLUMNS * (max(line for _, line in taken) + 1), "no holes"
