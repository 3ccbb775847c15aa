"""Settings: accepted values, refused values, and the error messages."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from bot.config import Settings, load_settings, misspelt
from bot.errors import ConfigurationError
from tests.hostile.env_files import FILES, NUMBERS, VALUES

Write = Callable[..., Path]

TOKEN = "MTAx.Gabc.defghijk"
KEY = "0123456789abcdef0123456789abcdef"
SECRET = "hunter2-hunter2"


pytestmark = pytest.mark.usefixtures("bare_environment")


@pytest.fixture
def env_file(tmp_path: Path) -> Write:
    def write(**values: str) -> Path:
        complete = {"DISCORD_TOKEN": TOKEN, "KIE_API_KEY": KEY} | values
        path = tmp_path / ".env"
        path.write_text("".join(f'{name}="{value}"\n' for name, value in complete.items()), encoding="utf-8")
        return path

    return write


def refusal(path: Path) -> str:
    with pytest.raises(ConfigurationError) as caught:
        load_settings(path)
    return str(caught.value)


def test_two_values_are_enough(env_file: Write) -> None:
    settings = load_settings(env_file())
    assert settings.discord_token.get_secret_value() == TOKEN
    assert settings.kie_api_key.get_secret_value() == KEY
    assert settings.kie_api_url == "https://api.kie.ai"
    assert settings.kie_result_hosts == ("aiquickdraw.com", "redpandaai.co", "r2.cloudflarestorage.com")
    assert settings.allowed_guilds == frozenset()
    assert settings.shard_ids is None


def test_lists_are_separated_by_commas(env_file: Write) -> None:
    settings = load_settings(
        env_file(ALLOWED_GUILDS="1, 22,", SHARD_COUNT="4", SHARD_IDS="0,3", KIE_RESULT_HOSTS="A.example, b.example")
    )
    assert settings.allowed_guilds == {1, 22}
    assert settings.shard_ids == (0, 3)
    assert settings.kie_result_hosts == ("a.example", "b.example")


def test_an_empty_value_is_the_default(env_file: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAX_PICTURES_PER_DAY", "")
    settings = load_settings(env_file(MAX_IN_FLIGHT="", SHARD_IDS="", ALLOWED_GUILDS="", MAX_PICTURES_PER_DAY="7"))
    assert settings.max_in_flight == Settings().max_in_flight
    assert settings.shard_ids is None
    assert settings.max_pictures_per_day == 7


def test_the_environment_wins_over_the_file(env_file: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAX_IN_FLIGHT", "3")
    assert load_settings(env_file(MAX_IN_FLIGHT="4")).max_in_flight == 3


def test_settings_made_by_hand_look_at_no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAX_IN_FLIGHT", "3")
    assert Settings().max_in_flight == 100


def test_levels_and_choices_may_be_written_in_any_case(env_file: Write) -> None:
    settings = load_settings(env_file(LOG_LEVEL="debug", LOG_FORMAT="JSON", REFERENCES_AS="Upload"))
    assert (settings.log_level, settings.log_format, settings.references_as) == ("DEBUG", "json", "upload")


def test_a_relative_database_is_below_the_working_directory(env_file: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    path = env_file(DATABASE_URL="sqlite:///here/a.db?timeout=1")
    monkeypatch.chdir(path.parent)
    assert load_settings(path).database_url == f"sqlite+aiosqlite:///{path.parent}/here/a.db?timeout=1"


@pytest.mark.parametrize(
    ("given", "read"),
    [
        ("sqlite:////srv/a.db", "sqlite+aiosqlite:////srv/a.db"),
        ("sqlite+aiosqlite:////srv/a.db", "sqlite+aiosqlite:////srv/a.db"),
        ("postgresql://u@h/d", "postgresql+asyncpg://u@h/d"),
        ("postgres://u@h/d", "postgresql+asyncpg://u@h/d"),
    ],
)
def test_a_database_gets_its_driver(env_file: Write, given: str, read: str) -> None:
    assert load_settings(env_file(DATABASE_URL=given)).database_url == read


@pytest.mark.parametrize("name", ["DISCORD_TOKEN", "KIE_API_KEY"])
@pytest.mark.parametrize("value", ["", "...", "your-token", "<token>", "xxxx"])
def test_a_missing_secret_is_named_with_where_to_get_it(env_file: Write, name: str, value: str) -> None:
    line = refusal(env_file(**{name: value}))
    assert line.startswith(f"{name} ")
    assert "https://" in line
    assert "\n" not in line


def test_without_any_file_the_token_is_asked_for(tmp_path: Path) -> None:
    assert refusal(tmp_path / ".env").startswith("DISCORD_TOKEN is missing")


def test_nothing_is_missing_for_those_who_need_nothing(tmp_path: Path) -> None:
    assert load_settings(tmp_path / ".env", require=()) == Settings()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("MAX_IN_FLIGHT", "many"),
        ("MAX_IN_FLIGHT", "0"),
        ("MAX_IN_FLIGHT", "1001"),
        ("MAX_OPEN_TASKS_PER_USER", "-1"),
        ("MAX_PICTURES_PER_USER_PER_DAY", "-1"),
        ("MAX_PICTURES_PER_DAY", "-1"),
        ("KEEP_PICTURES_DAYS", "0"),
        ("ALLOWED_GUILDS", "my server"),
        ("ALLOWED_GUILDS", "0"),
        ("OPERATOR_CHANNEL_ID", "#bot"),
        ("SHARD_COUNT", "0"),
        ("SHARD_IDS", "-1"),
        ("SHARD_IDS", "0"),
        ("LOG_LEVEL", "loud"),
        ("LOG_FORMAT", "xml"),
        ("REFERENCES_AS", "fax"),
        ("KIE_API_URL", "api.kie.ai"),
        ("KIE_API_URL", "https://h:99999"),
        ("KIE_UPLOAD_URL", "ftp://h"),
        ("DISCORD_API_URL", "https://"),
        ("DISCORD_GATEWAY_URL", "https://gateway.example"),
        ("KIE_RESULT_HOSTS", "https://a.example"),
        ("PUBLIC_URL", "http://atelier.example"),
        ("PUBLIC_URL", "https://atelier.example/?a=b"),
        ("KIE_WEBHOOK_KEY", "..."),
        ("HTTP_HOST", "127.0.0.1:8080"),
        ("HTTP_HOST", "http://h"),
        ("HTTP_PORT", "-1"),
        ("HTTP_PORT", "65536"),
        ("DATABASE_URL", "mysql://h/d"),
        ("DATABASE_URL", "atelier.db"),
        ("DATABASE_URL", "sqlite://"),
        ("DATABASE_URL", "sqlite:///:memory:"),
        ("PICTURES_URL", "dropbox://x"),
        ("PICTURES_URL", "s3://"),
    ],
)
def test_a_wrong_value_is_refused_in_one_line_that_names_the_setting(env_file: Write, name: str, value: str) -> None:
    line = refusal(env_file(**{name: value}))
    assert line.startswith(f"{name} ")
    assert "\n" not in line


def test_a_shard_beyond_the_count_is_refused(env_file: Write) -> None:
    assert refusal(env_file(SHARD_COUNT="2", SHARD_IDS="2")) == "SHARD_IDS must be below SHARD_COUNT: use 0 to 1"


@pytest.mark.parametrize(
    ("given", "read"),
    [("0.0.0.0", "0.0.0.0"), ("::1", "::1"), ("[::1]", "::1"), ("Example.host", "example.host")],  # noqa: S104  # only text
)
def test_a_host_to_listen_at_is_a_name_or_an_address(env_file: Write, given: str, read: str) -> None:
    assert load_settings(env_file(HTTP_HOST=given)).http_host == read


@pytest.mark.parametrize(
    ("values", "callbacks"),
    [
        ({}, None),
        ({"KIE_WEBHOOK_KEY": SECRET}, None),
        ({"PUBLIC_URL": "https://a.example"}, None),
        ({"KIE_WEBHOOK_KEY": SECRET, "PUBLIC_URL": "https://a.example/"}, "https://a.example/callbacks/kie/"),
        ({"KIE_WEBHOOK_KEY": SECRET, "PUBLIC_URL": "https://a.example/bot"}, "https://a.example/bot/callbacks/kie/"),
        ({"KIE_WEBHOOK_KEY": SECRET, "PUBLIC_URL": "http://127.0.0.1:99"}, "http://127.0.0.1:99/callbacks/kie/"),
    ],
)
def test_callbacks_need_a_key_and_an_address(env_file: Write, values: dict[str, str], callbacks: str | None) -> None:
    assert load_settings(env_file(**values)).callbacks == callbacks


@pytest.mark.parametrize("path", ["/callbacks/kie", "/callbacks/kie/", "/bot/callbacks/kie", "/Callbacks/KIE/x"])
def test_a_public_address_leaves_out_the_path_that_the_bot_appends(env_file: Write, path: str) -> None:
    line = refusal(env_file(PUBLIC_URL=f"https://a.example{path}"))
    assert line.startswith("PUBLIC_URL must leave out /callbacks/kie/: the bot appends that itself")


@pytest.mark.parametrize("end", ["?", "?a=b", "/bot?a=b", "#", "#top"])
def test_a_public_address_ends_with_its_path(env_file: Write, end: str) -> None:
    line = refusal(env_file(PUBLIC_URL=f"https://a.example{end}"))
    assert line == "PUBLIC_URL must end with its path: take away the ? or # and what comes after it"


def test_a_path_that_only_looks_like_the_callbacks_is_taken(env_file: Write) -> None:
    address = "https://a.example/callbacks/kiev"
    assert load_settings(env_file(PUBLIC_URL=address)).public_url == address


@pytest.mark.parametrize(
    ("values", "lack"),
    [
        ({}, ""),
        ({"HTTP_PORT": "0"}, ""),
        ({"KIE_WEBHOOK_KEY": SECRET, "PUBLIC_URL": "https://a.example"}, ""),
        ({"KIE_WEBHOOK_KEY": SECRET}, "give PUBLIC_URL as well, or take KIE_WEBHOOK_KEY away"),
        ({"PUBLIC_URL": "https://a.example"}, "give KIE_WEBHOOK_KEY as well, or take PUBLIC_URL away"),
        (
            {"KIE_WEBHOOK_KEY": SECRET, "PUBLIC_URL": "https://a.example", "HTTP_PORT": "0"},
            "give HTTP_PORT the number that PUBLIC_URL leads to: with 0 it is another one at each start",
        ),
    ],
)
def test_what_callbacks_lack_is_said(env_file: Write, values: dict[str, str], lack: str) -> None:
    assert load_settings(env_file(**values)).callbacks_lack == lack


@pytest.mark.parametrize("hosts", ["a.example:8443", "b.example, a.example:8443"])
def test_a_port_with_a_host_of_results_is_refused_with_the_host_to_give(env_file: Write, hosts: str) -> None:
    line = refusal(env_file(KIE_RESULT_HOSTS=hosts))
    assert line == (
        "KIE_RESULT_HOSTS has 'a.example:8443': leave out the port, as results are fetched from port 443 alone; "
        "give a.example"
    )


@pytest.mark.parametrize("host", ["127.0.0.1", "192.0.2.1", "[::1]", "::1", "a.example:port"])
def test_an_address_is_no_host_of_results(env_file: Write, host: str) -> None:
    assert "which is no host name" in refusal(env_file(KIE_RESULT_HOSTS=host))


def test_all_wrong_settings_are_named_at_once(env_file: Write) -> None:
    line = refusal(env_file(MAX_IN_FLIGHT="x", LOG_LEVEL="x", KIE_API_URL="x"))
    assert all(name in line for name in ("MAX_IN_FLIGHT", "LOG_LEVEL", "KIE_API_URL"))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DISCORD_TOKEN", f"Bot {SECRET}"),
        ("KIE_API_KEY", f"Bearer {SECRET}"),
        ("KIE_WEBHOOK_KEY", f"hmac {SECRET}"),
        ("PUBLIC_URL", f"http://u:{SECRET}@h"),
        ("PUBLIC_URL", f"https://u:{SECRET}@h"),
        ("DATABASE_URL", f"mysql://u:{SECRET}@h/d"),
        ("PICTURES_URL", f"what://u:{SECRET}@h/d"),
        ("KIE_API_URL", f"nothing://u:{SECRET}@h/d"),
    ],
)
def test_a_refusal_shows_no_secret(env_file: Write, name: str, value: str) -> None:
    assert SECRET not in refusal(env_file(**{name: value}))


def test_a_repr_shows_no_secret(env_file: Write) -> None:
    settings = load_settings(env_file(DATABASE_URL=f"postgresql://u:{SECRET}@h/d"))
    assert not any(secret in repr(settings) for secret in (TOKEN, KEY, SECRET))


def test_secrets_are_all_keys_and_the_passwords_within_addresses(env_file: Write) -> None:
    settings = load_settings(env_file(DATABASE_URL="postgresql://u:p%40ssword@h/d"))
    assert set(settings.secrets) == {TOKEN, KEY, "p%40ssword", "p@ssword"}


def test_an_unreadable_file_is_refused_in_one_line(tmp_path: Path) -> None:
    path = tmp_path / ".env"
    path.write_bytes(b"DISCORD_TOKEN=\xff\xfe")
    assert "cannot be read" in refusal(path)


def test_a_misspelt_name_is_noticed_and_a_foreign_one_is_not(env_file: Write) -> None:
    path = env_file(MAX_IN_FLITE="3", AWS_REGION="eu", KIE_API_KEYS="x")
    assert misspelt(path) == {"MAX_IN_FLITE": "MAX_IN_FLIGHT", "KIE_API_KEYS": "KIE_API_KEY"}
    assert load_settings(path).max_in_flight == 100


def test_without_a_file_nothing_is_misspelt(tmp_path: Path) -> None:
    assert misspelt(tmp_path / ".env") == {}


@pytest.mark.parametrize("name", VALUES)
def test_what_stands_around_a_value_is_not_a_part_of_it(
    env_file: Write, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    given, meant = VALUES[name]
    monkeypatch.setenv("DISCORD_TOKEN", given.replace("abc", TOKEN))
    assert load_settings(env_file()).discord_token.get_secret_value() == meant.replace("abc", TOKEN)


@pytest.mark.parametrize("empty", ["", " ", '""', "''", "\r", '" "'])
def test_an_empty_value_in_quotes_is_the_default(env_file: Write, monkeypatch: pytest.MonkeyPatch, empty: str) -> None:
    monkeypatch.setenv("KIE_API_URL", empty)
    monkeypatch.setenv("MAX_IN_FLIGHT", empty)
    settings = load_settings(env_file(MAX_IN_FLIGHT="7"))
    assert (settings.kie_api_url, settings.max_in_flight) == ("https://api.kie.ai", 7)


@pytest.mark.parametrize("name", NUMBERS)
def test_a_number_is_read_as_it_is_meant_or_refused_with_the_right_form(
    env_file: Write, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    given, meant = NUMBERS[name]
    monkeypatch.setenv("MAX_PICTURES_PER_DAY", given)
    if meant is not None:
        assert load_settings(env_file()).max_pictures_per_day == meant
        return
    line = refusal(env_file())
    assert line.startswith("MAX_PICTURES_PER_DAY ")
    assert "1000" in line
    assert "\n" not in line


def test_quotes_around_each_of_several_values_are_not_a_part_of_them(
    env_file: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALLOWED_GUILDS", "'1', \"2\" ,3")
    assert load_settings(env_file()).allowed_guilds == {1, 2, 3}


@pytest.mark.parametrize("name", FILES)
def test_a_file_of_any_editor_is_read(tmp_path: Path, name: str) -> None:
    path = tmp_path / ".env"
    path.write_bytes(FILES[name])
    settings = load_settings(path)
    assert (settings.discord_token.get_secret_value(), settings.kie_api_key.get_secret_value()) == ("abcdef", "ghijkl")
    assert misspelt(path) == {}
