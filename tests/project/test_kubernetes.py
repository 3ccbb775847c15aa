"""The manifests on the page about Kubernetes fit the bot: its settings, endpoints, user, shards and time to stop."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from bot.app import STOP_SECONDS
from bot.config import CALLBACK_PATH, Settings, load_settings
from tests.project.test_container import OF_OTHERS, SETTINGS, final
from tests.web.visiting import opened

pytestmark = pytest.mark.usefixtures("discord_as_it_was")

ROOT: Final = Path(__file__).parent.parent.parent
PAGE: Final = (ROOT / "docs" / "kubernetes.md").read_text(encoding="utf-8")
MANIFESTS: Final[list[dict[str, Any]]] = [
    manifest for block in re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL) for manifest in yaml.safe_load_all(block)
]
SECRETS: Final = dict(re.findall(r"--from-literal=(\w+)=(\S+)", PAGE))
ORDINAL: Final = "metadata.labels['apps.kubernetes.io/pod-index']"


def manifest(kind: str, name: str = "atelier") -> dict[str, Any]:
    (found,) = [each for each in MANIFESTS if (each["kind"], each["metadata"]["name"]) == (kind, name)]
    return found


STATEFUL: Final = manifest("StatefulSet")["spec"]
POD: Final = STATEFUL["template"]["spec"]
(BOT,) = POD["containers"]
LABELS: Final = {"app.kubernetes.io/name": "atelier"}


def given(pod: int) -> dict[str, str]:
    """Return the variables that the bot gets in a pod; a secret that the page leaves out is a word."""
    values = {name: value if value != "..." else "secret" for name, value in SECRETS.items()}
    return {**manifest("ConfigMap")["data"], **values, "SHARD_IDS": str(pod)}


@pytest.mark.usefixtures("bare_environment")
def test_each_pod_runs_the_shard_of_its_number(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert BOT["env"] == [{"name": "SHARD_IDS", "valueFrom": {"fieldRef": {"fieldPath": ORDINAL}}}]
    for pod in range(STATEFUL["replicas"]):
        for name, value in given(pod).items():
            monkeypatch.setenv(name, value)
        settings = load_settings(tmp_path / "none")
        assert (settings.shard_count, settings.shard_ids) == (STATEFUL["replicas"], (pod,))
        assert settings.database_url.startswith("postgresql+")
        assert settings.pictures_url.startswith("s3://")


def test_every_variable_is_a_setting_and_a_secret_is_in_no_manifest() -> None:
    assert not [name for name in given(0) if name not in SETTINGS and not OF_OTHERS.fullmatch(name)]
    assert not SECRETS.keys() & manifest("ConfigMap")["data"].keys()
    assert {"DISCORD_TOKEN", "KIE_API_KEY", "DATABASE_URL"} <= SECRETS.keys()
    sources = [reference["name"] for source in BOT["envFrom"] for reference in source.values()]
    assert sources == ["atelier", "atelier"]


async def test_the_probes_ask_endpoints_that_the_bot_has(tmp_path: Path) -> None:
    paths = {name: BOT[name]["httpGet"]["path"] for name in ("startupProbe", "livenessProbe", "readinessProbe")}
    assert {probe["httpGet"]["port"] for name, probe in BOT.items() if name.endswith("Probe")} == {"http"}
    async with opened(tmp_path) as (_, _, visitor):
        answers = {name: await visitor.get(path) for name, path in paths.items()}
    assert {name: text.partition(":")[0] for name, (_, text) in answers.items()} == {
        "startupProbe": "alive\n",
        "livenessProbe": "alive\n",
        "readinessProbe": "not ready",
    }


def test_the_pod_runs_as_the_user_of_the_image_and_may_write_to_tmp_only() -> None:
    user, group = map(int, final("USER")[0].split(":"))
    context = POD["securityContext"]
    assert (context["runAsUser"], context["runAsGroup"], context["runAsNonRoot"]) == (user, group, True)
    assert BOT["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert [(mount["name"], mount["mountPath"]) for mount in BOT["volumeMounts"]] == [("tmp", "/tmp")]  # noqa: S108
    assert [volume["name"] for volume in POD["volumes"]] == ["tmp"]


def test_the_pod_has_the_time_that_the_bot_takes_to_stop() -> None:
    assert POD["terminationGracePeriodSeconds"] > STOP_SECONDS


def test_one_pod_is_stopped_at_a_time_and_all_are_found_by_one_label() -> None:
    assert manifest("PodDisruptionBudget")["spec"]["maxUnavailable"] == 1
    assert STATEFUL["template"]["metadata"]["labels"] == LABELS
    selected = [STATEFUL["selector"]["matchLabels"], manifest("PodDisruptionBudget")["spec"]["selector"]["matchLabels"]]
    selected += [manifest("Service", name)["spec"]["selector"] for name in ("atelier", "atelier-callbacks")]
    selected += [POD["topologySpreadConstraints"][0]["labelSelector"]["matchLabels"]]
    assert all(labels == LABELS for labels in selected)
    assert STATEFUL["serviceName"] == "atelier"


def test_only_the_path_of_callbacks_is_reached_from_outside() -> None:
    (rule,) = manifest("Ingress", "atelier-callbacks")["spec"]["rules"]
    (path,) = rule["http"]["paths"]
    assert path["path"] == CALLBACK_PATH
    assert path["backend"]["service"] == {"name": "atelier-callbacks", "port": {"name": "http"}}
    assert [port["containerPort"] for port in BOT["ports"]] == [int(*final("EXPOSE"))] == [Settings().http_port]
