"""
The container image has what the bot needs and nothing else, and the compose files start it safely.

There is no Docker in these tests: the steps of the Dockerfile are carried out in a folder, and the bot runs there in a
tree that it cannot write to.
"""

from __future__ import annotations

import asyncio
import fnmatch
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, NamedTuple

import pytest
import yaml
from aiohttp import web
from aiohttp.test_utils import TestServer, unused_port
from packaging.specifiers import SpecifierSet

from bot.app import STOP_SECONDS
from bot.config import Settings, load_settings
from sandbox.kie import Emulator
from tests.storage.test_pictures import Bucket
from tests.wire.discord import loopback_discord
from tests.wire.process import KEY, TOKEN, WEBHOOK_KEY, called_back, outcomes
from tests.worlds.engine_world import png
from tests.worlds.postgres import postgres

ROOT: Final = Path(__file__).parent.parent.parent
COMPOSE: Final = ("compose.yaml", "compose.postgres.yaml")
SETTINGS: Final = frozenset(name.upper() for name in Settings.model_fields)
OF_OTHERS: Final = re.compile(r"PATH|PYTHON[A-Z]+|AWS_[A-Z_]+|POSTGRES_[A-Z]+")
"""Variables that Python, a bucket's library or PostgreSQL read, and no settings."""
GIVEN: Final = {"POSTGRES_PASSWORD": "abc123", "AWS_ACCESS_KEY_ID": "abc", "AWS_SECRET_ACCESS_KEY": "def"}
"""Values that the operator adds to `.env` for compose.postgres.yaml."""
NOT_IN_THE_IMAGE: Final = (
    ".git",
    ".env",
    ".venv",
    "tests",
    "sandbox",
    "docs",
    "data",
    "requirements",
    "pyproject.toml",
)
NOWHERE: Final = dict.fromkeys(("DISCORD_API_URL", "KIE_API_URL", "KIE_UPLOAD_URL"), "http://127.0.0.1:9")
START_SECONDS: Final = 60.0


class Step(NamedTuple):
    instruction: str
    argument: str


def steps() -> list[Step]:
    """Return the instructions of the Dockerfile with the default of its build argument."""
    text = re.sub(r"^#.*\n", "", (ROOT / "Dockerfile").read_text(encoding="utf-8"), flags=re.MULTILINE)
    lines = text.replace("\\\n", " ").splitlines()
    found = [Step(*line.split(maxsplit=1)) for line in lines if line.strip()]
    base = next(step.argument for step in found if step.instruction == "ARG").partition("=")[2]
    return [Step(step.instruction, step.argument.replace("${BASE}", base)) for step in found]


def final(instruction: str) -> list[str]:
    """Return the arguments of an instruction in the last stage."""
    last = max(place for place, step in enumerate(steps()) if step.instruction == "FROM")
    return [step.argument for step in steps()[last:] if step.instruction == instruction]


def variables() -> dict[str, str]:
    """Return the environment variables of the image."""
    return dict(word.split("=", 1) for argument in final("ENV") for word in shlex.split(argument))


def context(root: Path) -> set[str]:
    """Return the files below `root` that .dockerignore leaves. The last pattern that matches a file, or a folder above
    it, decides."""
    lines = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    patterns = [line for line in lines if line and not line.startswith("#")]
    folders = [path for path in root.iterdir() if path.is_dir() and path.name not in {".git", ".venv"}]
    paths = (*root.iterdir(), *(below for folder in folders for below in folder.rglob("*")))
    return {name for path in paths if path.is_file() and _kept(name := str(path.relative_to(root)), patterns)}


def _kept(name: str, patterns: list[str]) -> bool:
    parts = name.split("/")
    above = ["/".join(parts[: length + 1]) for length in range(len(parts))]
    kept = True
    for pattern in patterns:
        if any(_matches(path, pattern.removeprefix("!")) for path in above):
            kept = pattern.startswith("!")
    return kept


def _matches(path: str, pattern: str) -> bool:
    if pattern.startswith("**/"):
        return fnmatch.fnmatchcase(path.rpartition("/")[2], pattern[3:])
    return path.count("/") == pattern.count("/") and fnmatch.fnmatchcase(path, pattern)


def services(name: str) -> dict[str, dict[str, Any]]:
    """Return the services of a compose file, with the values of `GIVEN`."""
    text = (ROOT / name).read_text(encoding="utf-8")
    filled = re.sub(r"\$\{([A-Z_]+):\?[^}]*\}", lambda found: GIVEN[found[1]], text)
    return dict(yaml.safe_load(filled)["services"])


def bots(name: str) -> dict[str, dict[str, Any]]:
    return {key: service for key, service in services(name).items() if "build" in service}


BOTS: Final = [(name, key) for name in COMPOSE for key in bots(name)]

# -- contents --------------------------------------------------------------------------------------------------------


def test_the_build_sees_the_program_the_lock_and_the_licence_only() -> None:
    tops = {name if name.startswith("requirements/") else name.partition("/")[0] for name in context(ROOT)}
    assert tops == {"LICENSE", "requirements/run.txt", "bot", "cogs", "storage"}


def test_nothing_secret_or_compiled_is_seen_by_the_build(tmp_path: Path) -> None:
    for name in (".env", "bot/.env", "bot/__pycache__/app.pyc", "storage/old.pyc", "data/atelier.db", "bot/app.py"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("secret")
    assert context(tmp_path) == {"bot/app.py"}


def test_everything_that_the_build_sees_is_copied() -> None:
    copied = [Path(word) for step in steps() if step.instruction == "COPY" for word in step.argument.split()[:-1]]
    assert not [name for name in context(ROOT) if not {Path(name), *Path(name).parents} & set(copied)]


def test_the_base_has_a_python_that_the_project_supports_and_a_tag() -> None:
    stages = [step.argument.split()[0] for step in steps() if step.instruction == "FROM"]
    (base,) = set(stages)
    version = re.search(r":(\d+\.\d+)-slim-", base)
    assert version, "a tag with the version of Python and of Debian"
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert SpecifierSet(project["requires-python"]).contains(version[1])


def test_the_image_runs_as_a_user_with_a_number_that_may_not_write_to_the_program() -> None:
    assert final("USER") == ["10001:10001"]  # Kubernetes accepts a number only
    assert not [argument for argument in final("COPY") if "--chown" in argument]


def test_the_image_starts_the_bot_without_a_shell_and_stops_it_by_the_signal_it_expects() -> None:
    assert json.loads(final("ENTRYPOINT")[0]) == ["/opt/venv/bin/python", "-m", "bot"]
    assert json.loads(final("CMD")[0]) == ["run"]
    assert final("STOPSIGNAL") == ["SIGTERM"]


def test_the_variables_of_the_image_are_settings() -> None:
    assert {name for name in variables().keys() - SETTINGS if not OF_OTHERS.fullmatch(name)} == set()


@pytest.mark.usefixtures("bare_environment")
def test_what_the_bot_writes_is_on_the_volume(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in variables().keys() & SETTINGS:
        monkeypatch.setenv(name, variables()[name])
    settings = load_settings(tmp_path / "none", require=())
    assert final("VOLUME") == ["/data"]
    assert settings.database_url.startswith("sqlite+aiosqlite:////data/")
    assert settings.pictures_url.startswith("/data/")
    assert final("EXPOSE") == [str(settings.http_port)]


# -- compose ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", COMPOSE)
def test_a_compose_file_publishes_no_port_and_holds_no_secret(name: str) -> None:
    for key, service in services(name).items():
        assert not service.keys() & {"ports", "privileged", "network_mode"}, key
    text = (ROOT / name).read_text(encoding="utf-8")
    assert not re.findall(r"(?:PASSWORD|TOKEN|KEY|KEY_ID): (?!\$\{)\S+", text)


@pytest.mark.parametrize("name", COMPOSE)
def test_every_service_is_limited_restarted_and_cannot_gain_privileges(name: str) -> None:
    for key, service in services(name).items():
        assert {"mem_limit", "cpus", "restart"} <= service.keys(), key
        assert service["security_opt"] == ["no-new-privileges:true"], key
        assert re.search(r":[\w.-]*\d", service.get("image", ":1")) or "build" in service, f"{key} names no version"


@pytest.mark.parametrize(("name", "key"), BOTS)
def test_the_bot_in_a_compose_file_has_a_read_only_root_and_time_to_stop(name: str, key: str) -> None:
    service = services(name)[key]
    assert service["read_only"]
    assert service["cap_drop"] == ["ALL"]
    assert [mount.partition(":")[0] for mount in service["tmpfs"]] == ["/tmp"]  # noqa: S108  # the container's own
    assert float(service["stop_grace_period"].removesuffix("s")) > STOP_SECONDS


@pytest.mark.usefixtures("bare_environment")
@pytest.mark.parametrize(("name", "key"), BOTS)
def test_the_settings_in_a_compose_file_are_accepted(
    name: str, key: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    environment: Mapping[str, str] = services(name)[key]["environment"]
    assert {name for name in environment.keys() - SETTINGS if not OF_OTHERS.fullmatch(name)} == set()
    for variable, value in environment.items():
        monkeypatch.setenv(variable, value)
    settings = load_settings(tmp_path / "none", require=())
    assert settings.http_host == "0.0.0.0"  # noqa: S104  # within the container
    assert settings.http_port == 8080, "the healthcheck of the image and the page of metrics name this port"


def test_each_shard_runs_in_one_process() -> None:
    places = [service["environment"] for service in bots("compose.postgres.yaml").values()]
    assert {place["SHARD_COUNT"] for place in places} == {"4"}
    assert [place["SHARD_IDS"] for place in places] == ["0", "1", "2", "3"]


def test_the_bot_starts_after_what_it_needs() -> None:
    found = services("compose.postgres.yaml")
    for service in bots("compose.postgres.yaml").values():
        conditions = {key: need["condition"] for key, need in service["depends_on"].items()}
        assert conditions == dict.fromkeys(("postgres", "bucket"), "service_healthy")
    assert all("healthcheck" in found[key] for key in ("postgres", "bucket"))


def test_every_volume_is_named_so_that_it_outlives_its_container() -> None:
    for name in COMPOSE:
        declared = yaml.safe_load((ROOT / name).read_text(encoding="utf-8"))["volumes"].keys()
        mounted = [mount for service in services(name).values() for mount in service.get("volumes", ())]
        assert {mount.partition(":")[0] for mount in mounted} == declared


# -- the image, built in a folder ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """
    The root of an image whose steps were carried out in a folder. Paths in the Dockerfile are below it.

    With `limited`, root has no capability, as in the compose files: then it may not write to a read-only file either.
    """

    root: Path
    limited: bool = True

    def path(self, name: str) -> Path:
        return self.root / name.lstrip("/")

    def command(self, words: list[str]) -> list[str]:
        """Return a command with the paths of this folder."""
        placed = re.compile(r"(?<![\w.-])/(?=(opt|build|data)(/|$))")
        return [placed.sub(f"{self.root}/", word) for word in words]

    def start(self, command: list[str], **environment: str) -> subprocess.Popen[bytes]:
        """Start a command with the image's variables and no others."""
        own = {name: self.command([value])[0] for name, value in variables().items()}
        own |= {"DATABASE_URL": f"sqlite:///{self.path('/data/atelier.db')}", "TMPDIR": str(self.path("/data"))}
        setpriv = shutil.which("setpriv") if self.limited and os.geteuid() == 0 else None
        limited = [setpriv, "--bounding-set=-all"] if setpriv else []
        return subprocess.Popen(  # noqa: S603  # the commands of the Dockerfile
            [*limited, *self.command(command)],
            cwd=self.path(final("WORKDIR")[0]),
            env=own | environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )

    def run(self, command: list[str], **environment: str) -> tuple[int, str]:
        process = self.start(command, **environment)
        output, _ = process.communicate(timeout=START_SECONDS)
        return process.returncode, output.decode()

    def bot(self, *arguments: str) -> list[str]:
        return [*json.loads(final("ENTRYPOINT")[0]), *arguments]

    def health(self) -> list[str]:
        return list(json.loads(final("HEALTHCHECK")[0].partition("CMD ")[2]))

    def files(self) -> dict[str, float]:
        """Return the times of all files outside /data."""
        found = (path for path in self.root.rglob("*") if self.path("/data") not in {path, *path.parents})
        return {str(path.relative_to(self.root)): path.lstat().st_mtime for path in found}


@pytest.fixture(scope="module")
def image() -> Iterator[Image]:
    """Carry out the steps of the Dockerfile in a folder, and make all of it read-only, except /data."""
    with tempfile.TemporaryDirectory(prefix="atelier-image-") as folder:
        built = Image(root=Path(folder))
        for step in steps():
            build(built, step)
        paths = [path for path in built.root.rglob("*") if not path.is_symlink() and path != built.path("/data")]
        for path in paths:
            path.chmod(path.stat().st_mode & ~0o222)
        yield built
        for path in paths:
            if path.is_dir():
                path.chmod(0o755)


def build(image: Image, step: Step) -> None:
    if step.instruction == "COPY":
        *sources, target = [word for word in step.argument.split() if not word.startswith("--")]
        if "--from" in step.argument:
            return  # one folder serves for all stages
        for source in sources:
            copy(source, image.path(target) if target.startswith("/") else image.path(final("WORKDIR")[0]) / target)
    elif step.instruction == "WORKDIR":
        image.path(step.argument).mkdir(parents=True)
    elif step.instruction == "RUN":
        for command in step.argument.split("&&"):
            run_step(image, shlex.split(command))


def copy(source: str, target: Path) -> None:
    for name in context(ROOT):
        if Path(source) in {Path(name), *Path(name).parents}:
            inside = target / Path(name).relative_to(source) if Path(name) != Path(source) else target
            inside = inside / source if inside.is_dir() else inside
            inside.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, inside)


def run_step(image: Image, words: list[str]) -> None:
    if words[0] in {"groupadd", "useradd"}:
        return  # they would change this machine
    words = [word for word in words if not word.startswith(("--owner", "--group"))]
    program = sys.executable if words[0] == "python" else words[0]
    where = image.path(final("WORKDIR")[0])
    done = subprocess.run(  # noqa: S603  # the commands of the Dockerfile
        image.command([program, *words[1:]]),
        cwd=where if where.is_dir() else image.root,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode and "pip" in words and not os.environ.get("REQUIRE_REGISTRY"):
        pytest.skip("the package index cannot be reached")
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.sweep
def test_the_image_holds_nothing_secret_and_nothing_needless(image: Image) -> None:
    held = {path.name for path in image.path("/opt/atelier").iterdir()}
    assert held == {"LICENSE", "bot", "cogs", "storage"}
    assert not held & set(NOT_IN_THE_IMAGE)
    packages = {path.name.lower() for path in image.path("/opt/venv").glob("lib/*/site-packages/*")}
    assert "discord" in packages
    assert not packages & {"pip", "pytest", "mypy", "simcord", "ruff"}


@pytest.mark.sweep
def test_the_program_in_the_image_is_compiled(image: Image) -> None:
    assert list(image.path("/opt/atelier/bot").glob("__pycache__/app.*.pyc"))
    assert list(image.path("/opt/venv").glob("lib/*/site-packages/discord/__pycache__/client.*.pyc"))


@pytest.mark.sweep
def test_a_setting_that_is_missing_ends_the_container_with_one_line(image: Image) -> None:
    code, output = image.run(image.bot("run"))
    assert (code, output.partition(" is missing")[0]) == (78, "DISCORD_TOKEN")


@pytest.mark.sweep
def test_the_health_check_fails_while_no_bot_answers(image: Image) -> None:
    code, _ = image.run(image.health(), HTTP_PORT=str(unused_port()))
    assert code != 0


@pytest.mark.sweep
async def test_the_bot_in_the_image_works_without_writing_to_its_root(image: Image) -> None:
    before, callbacks = image.files(), called_back()
    api = Emulator(key=KEY, seconds=1, shrink=8, webhook_key=WEBHOOK_KEY)
    async with loopback_discord(TOKEN) as discord, api as image_api:
        places = {"DISCORD_API_URL": discord.url, "DISCORD_GATEWAY_URL": discord.gateway.url}
        places |= {"KIE_API_URL": image_api.url, "KIE_UPLOAD_URL": image_api.url, "HTTP_HOST": "127.0.0.1"}
        running = image.start(image.bot("run"), DISCORD_TOKEN=TOKEN, KIE_API_KEY=KEY, **places, **callbacks)
        try:
            await discord.connected()
            code, output = await asyncio.to_thread(image.run, image.health(), HTTP_PORT=callbacks["HTTP_PORT"])
            assert code == 0, output
            _, output = await asyncio.to_thread(image.run, image.bot("doctor"), **NOWHERE)
            assert "database: in use by a running bot, as it should be" in output
            discord.files["cat.png"] = png("orange", (96, 72))
            await discord.imagine("a red door", image="cat.png")
            await discord.until(lambda: bool(outcomes(discord)))
        finally:
            running.terminate()
            begun = time.monotonic()
            log, _ = await asyncio.to_thread(running.communicate)
        assert running.returncode == 0, log.decode()
        assert time.monotonic() - begun < STOP_SECONDS
    assert image.files() == before
    assert list(image.path("/data/pictures").rglob("*"))


@pytest.mark.sweep
async def test_the_four_processes_of_the_compose_file_start_at_the_same_time_on_an_empty_database(image: Image) -> None:
    bucket, server = Bucket(), await postgres()
    application = web.Application(client_max_size=2**26)
    application.router.add_route("*", "/atelier{slash:/?}{key:.*}", bucket.answer)
    async with AsyncExitStack() as stack:
        discord = await stack.enter_async_context(loopback_discord(TOKEN))
        image_api = await stack.enter_async_context(Emulator(key=KEY, seconds=1, shrink=8))
        stored = await stack.enter_async_context(TestServer(application))
        await server.execute("CREATE DATABASE compose")
        stack.push_async_callback(server.execute, "DROP DATABASE compose WITH (FORCE)")
        places = {
            "DATABASE_URL": server.url("compose"),
            "AWS_ENDPOINT": str(stored.make_url("/")).rstrip("/"),
            "DISCORD_API_URL": discord.url,
            "DISCORD_GATEWAY_URL": discord.gateway.url,
            "KIE_API_URL": image_api.url,
            "KIE_UPLOAD_URL": image_api.url,
            "HTTP_HOST": "127.0.0.1",
            "HTTP_PORT": "0",
        }
        anyone = replace(image, limited=False)  # the server's socket belongs to another user
        processes = []
        for service in bots("compose.postgres.yaml").values():
            environment = service["environment"] | places
            processes.append(anyone.start(image.bot("run"), DISCORD_TOKEN=TOKEN, KIE_API_KEY=KEY, **environment))
            stack.callback(processes[-1].kill)
        await discord.connected(shards=4)
        assert all(process.poll() is None for process in processes)
        for process in processes:
            process.terminate()
        logs = [(await asyncio.to_thread(process.communicate))[0].decode() for process in processes]
        assert [process.returncode for process in processes] == [0] * 4, "\n".join(logs)
    assert {name.partition("/")[0] for name in bucket.objects} <= {"check"}
