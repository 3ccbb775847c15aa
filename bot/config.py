"""
Read the settings from the environment and `.env` (the environment wins) and validate them once; they never change.

`Settings(...)` only holds values; `load_settings` is the only code that reads the environment. An invalid value
raises a ConfigurationError of one line that names the setting and what is wrong, and never the value of a secret.
`.env.example` explains each setting.
"""

from __future__ import annotations

import difflib
import ipaddress
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Final, Literal
from urllib.parse import parse_qs, unquote, urlsplit

from dotenv import dotenv_values
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, ValidationError
from pydantic import ValidationInfo as Info
from pydantic import field_validator as check_field
from pydantic import model_validator as check_model

from bot.errors import ConfigurationError
from storage import postgres_url
from storage.catalogue import MODELS
from storage.database import POOL

ENV_FILE: Final = Path(".env")
ENCODING: Final = "utf-8-sig"
"""UTF-8, with or without the byte order mark that some editors put at the start of a file."""

SQLITE: Final = "sqlite+aiosqlite"
PLACES: Final = frozenset({"file", "s3", "gs", "az"})
"""URL schemes of picture stores. A folder needs no scheme."""
REMEDIES: Final = {
    "DISCORD_TOKEN": "copy the token from your application's page 'Bot' at https://discord.com/developers/applications",
    "KIE_API_KEY": "make a key at https://kie.ai/api-key",
}
HOST: Final = re.compile(r"(?=.{1,253}$)[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*")
CALLBACK_PATH: Final = "/callbacks/kie/"
PLACEHOLDER: Final = re.compile(r"[.…x*]+|<.*>|your\b.*|change.?me|.*\b(token|key)[-_ ]here", re.IGNORECASE)
AROUND: Final = "\ufeff\u200b\u2060"
"""Invisible characters that some editors write around a value: a byte order mark, spaces of no width."""
QUOTES: Final = {'"': '"', "'": "'", "\u201c": "\u201d", "\u2018": "\u2019"}
GROUPED: Final = re.compile(r"[+-]?\d{1,3}(?:([.,])\d{3})(?:\1\d{3})+|[+-]?\d{1,3}(?:['_\s]\d{3})+")
"""A number with thousands separators that has only one reading."""
EITHER: Final = re.compile(r"[+-]?\d{1,3}[.,]\d{3}")
"""An ambiguous number: `1.000` is a thousand to some people and one to others."""
WHOLE: Final = re.compile(r"([+-]?\d+)\.0+")


def _bare(value: str) -> str:
    """Return the value without surrounding blanks and matching pairs of quotation marks: `docker --env-file`, unlike a
    shell, passes them on."""
    bare = value.strip().strip(AROUND).strip()
    if len(bare) > 1 and QUOTES.get(bare[0]) == bare[-1]:
        return _bare(bare[1:-1])
    return bare


def _number(value: str) -> str:
    """Return a whole number in Python's notation. Raises ValueError for anything else; for an ambiguous number, the
    error shows both readings."""
    if EITHER.fullmatch(value):
        whole, _, rest = value.replace(",", ".").partition(".")
        raise ValueError(f"has {value}, which may mean {whole}{rest} or {whole}: write one of these")
    if GROUPED.fullmatch(value):
        return re.sub(r"[^\d+-]", "", value)
    if whole_number := WHOLE.fullmatch(value):
        return whole_number[1]
    if not re.fullmatch(r"[+-]?\d+", value):
        raise ValueError("should be a whole number, written with digits alone, like 1000")
    return value


def _split(value: object) -> object:
    """Split a list at its commas: `a, b,` gives a and b."""
    if not isinstance(value, str):
        return value
    return [bare for part in value.split(",") if (bare := _bare(part))]


def _no_placeholder(secret: SecretStr) -> SecretStr:
    value = secret.get_secret_value()
    if PLACEHOLDER.fullmatch(value):
        raise ValueError("still has the placeholder of .env.example")
    if re.search(r"\s", value):
        raise ValueError("has a space in it: give the bare value, without a word before it")
    return secret


def _address(*schemes: str) -> AfterValidator:
    """Return a validator of URLs that have one of the `schemes`, a host, and nothing after the path. It removes
    slashes at the end."""
    wanted = " or ".join(f"{scheme}://" for scheme in schemes)

    def check(value: str) -> str:
        try:
            parts = urlsplit(value)
            sound = parts.scheme in schemes and parts.hostname and parts.port != 0
        except ValueError:  # a port beyond 65535, a broken IPv6 address
            sound = False
        if not sound:
            raise ValueError(f"is no address that begins with {wanted}")
        if "?" in value or "#" in value:
            raise ValueError("must end with its path: take away the ? or # and what comes after it")
        return value.rstrip("/")

    return AfterValidator(check)


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def is_loopback(address: str) -> bool:
    """Return whether the host of the URL `address` is `localhost` or a loopback address. Other names and addresses of
    this machine do not count."""
    host = urlsplit(address).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _proxy(value: str) -> str:
    parts = urlsplit(value)
    if parts.path.strip("/") or parts.port is None:
        raise ValueError("must be like http://proxy.example:3128, with its port and nothing behind it")
    return value


def _over_https(value: str) -> str:
    """Require https, so that requests from outside cannot be read on the way, and no user name. A loopback address may
    have http."""
    if not value.startswith("https://") and not is_loopback(value):
        raise ValueError("is no address that begins with https://")
    if urlsplit(value).username is not None:
        raise ValueError("must hold no user name and no password: it is given to the image API")
    return value


def _without_callbacks(value: str) -> str:
    if CALLBACK_PATH in f"{urlsplit(value).path.lower()}/":
        raise ValueError(f"must leave out {CALLBACK_PATH}: the bot appends that itself; give what comes before it")
    return value


def _listening(value: str) -> str:
    """Require a host name or an IP address, without a port. Whether it is one of this machine shows when the server
    starts."""
    try:
        return str(ipaddress.ip_address(value.strip("[]")))
    except ValueError:
        if not HOST.fullmatch(value.lower()):
            raise ValueError("is no host: give a name or an address without a port, like 127.0.0.1") from None
        return value.lower()


def database_address(url: str) -> str:
    """Return the URL in SQLAlchemy's form, with the asynchronous driver. A relative SQLite path starts at the working
    directory. Raises ValueError for another scheme, for SQLite without a file, and for what `postgres_url` refuses."""
    scheme, _, rest = url.partition("://")
    if postgres_url.is_postgres(url):
        return postgres_url.normalised(url)
    if scheme not in {"sqlite", SQLITE}:
        raise ValueError(f"must be like sqlite:///data/atelier.db, or {postgres_url.HINT}")
    path, mark, query = rest.removeprefix("/").partition("?")
    if not rest.startswith("/") or not path or path == ":memory:":
        raise ValueError("must name a file, like sqlite:///data/atelier.db: tasks have to outlive the program")
    return f"{SQLITE}:///{Path(path).absolute()}{mark}{query}"


def _place(url: str) -> str:
    """Require a folder, or the URL of a folder or a bucket."""
    scheme, separator, rest = url.partition("://")
    if separator and (scheme not in PLACES or not rest):
        raise ValueError("must be a folder like data/pictures, or a bucket like s3://my-bucket/pictures")
    return url


def _hosts(values: tuple[str, ...]) -> tuple[str, ...]:
    for value in values:
        name, colon, port = value.partition(":")
        if colon and port.isdecimal() and HOST.fullmatch(name.lower()):
            raise ValueError(
                f"has {value!r}: leave out the port, as results are fetched from port 443 alone; give {name}"
            )
        if not HOST.fullmatch(value.lower()) or _is_address(value):
            raise ValueError(f"has {value!r}, which is no host name: give names only, like example.com")
    return tuple(value.lower() for value in values)


def _models(values: tuple[str, ...]) -> tuple[str, ...]:
    for value in values:
        if value.lower() not in MODELS:
            near = difflib.get_close_matches(value.lower(), MODELS, n=1)
            meant = f"do you mean {near[0]}?" if near else f"the models are {', '.join(MODELS)}"
            raise ValueError(f"has {value!r}, which is no model: {meant}")
    return tuple(dict.fromkeys(value.lower() for value in values))


Secret = Annotated[SecretStr, AfterValidator(_no_placeholder)]
WebAddress = Annotated[str, _address("http", "https")]
PublicAddress = Annotated[
    str, _address("http", "https"), AfterValidator(_over_https), AfterValidator(_without_callbacks)
]
ProxyAddress = Annotated[str, _address("http", "https"), AfterValidator(_proxy)]
GatewayAddress = Annotated[str, _address("ws", "wss")]
Snowflake = Annotated[int, Field(gt=0, lt=2**63)]
ShardId = Annotated[int, Field(ge=0)]
NoneIfEmpty = AfterValidator(lambda values: values or None)
Upper = BeforeValidator(lambda value: value.upper() if isinstance(value, str) else value)
Lower = BeforeValidator(lambda value: value.lower() if isinstance(value, str) else value)


class Settings(BaseModel):
    """Each field is the setting of the same name in capitals. The repr leaves out the keys, and the database, the
    picture store and the proxy, whose addresses may contain a password."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True, hide_input_in_errors=True)

    discord_token: Secret = SecretStr("")
    discord_api_url: WebAddress | None = None
    """`/api/v10` is appended to the address."""
    discord_gateway_url: GatewayAddress | None = None
    kie_api_key: Secret = SecretStr("")
    kie_api_url: WebAddress = "https://api.kie.ai"
    kie_upload_url: WebAddress = "https://kieai.redpandaai.co"
    references_as: Annotated[Literal["link", "upload"], Lower] = "link"
    kie_result_hosts: Annotated[tuple[str, ...], BeforeValidator(_split), AfterValidator(_hosts)] = (
        "aiquickdraw.com",
        "redpandaai.co",
        "r2.cloudflarestorage.com",
    )
    """Subdomains are included."""
    kie_webhook_key: Secret = SecretStr("")
    """Verifies the signatures of callbacks. Callbacks are off without this key or without `public_url`."""
    kie_upload_cn: bool = False
    """Let the image API load input pictures by way of its servers in China."""
    kie_fallback_model: Annotated[Literal["FLUX_MAX", "GPT_IMAGE_1"], Upper] = "FLUX_MAX"
    """The model that steps in for 4o where a request allows it."""
    kie_4o_form: Annotated[Literal["own", "jobs"], Lower] = "own"
    """Which endpoint makes the pictures of 4o: its own, or the one for all models."""
    kie_models: Annotated[tuple[str, ...], BeforeValidator(_split), AfterValidator(_models)] = ()
    """Keys of the models that are switched on; empty means all."""
    public_url: PublicAddress | None = None
    """The address under which the image API reaches this bot."""
    http_host: Annotated[str, AfterValidator(_listening)] = "127.0.0.1"
    http_port: int = Field(default=8080, ge=0, le=65535)
    """0 takes any free port."""
    database_url: Annotated[str, AfterValidator(database_address)] = Field(
        default="sqlite:///data/atelier.db", repr=False
    )
    """In SQLAlchemy's form, with the driver."""
    database_pool: int = Field(default=POOL, ge=2, le=200)
    """Connections to a PostgreSQL server."""
    pictures_url: Annotated[str, AfterValidator(_place)] = Field(default="data/pictures", repr=False)
    keep_pictures_days: int = Field(default=90, ge=1, le=3650)
    max_in_flight: int = Field(default=100, ge=1, le=1000)
    max_open_tasks_per_user: int = Field(default=10, ge=0, le=1000)
    """0 means no limit; the same holds for the limits of pictures and of stored MiB below."""
    max_pictures_per_user_per_day: int = Field(default=50, ge=0, le=1_000_000)
    max_pictures_per_day: int = Field(default=500, ge=0, le=1_000_000)
    max_stored_mb_per_user: int = Field(default=20_000, ge=0, le=100_000_000)
    max_stored_mb_per_user_per_day: int = Field(default=2_000, ge=0, le=100_000_000)
    min_free_mb: int = Field(default=500, ge=0, le=100_000_000)
    """0 lets the disk run full."""
    allowed_guilds: Annotated[frozenset[Snowflake], BeforeValidator(_split)] = frozenset()
    """Empty means any server."""
    https_proxy: ProxyAddress | None = Field(default=None, repr=False)
    """The proxy for requests over https to other machines. May contain a user name and a password."""
    allow_fake_ips: bool = False
    """Allow names that resolve to 198.18.0.0/15, as they do behind a proxy that answers every name with such an
    address."""
    message_content_intent: bool = False
    """Privileged: must also be switched on in the developer portal, or Discord closes the connection."""
    operator_channel_id: Snowflake | None = None
    shard_count: int | None = Field(default=None, ge=1, le=10_000)
    shard_ids: Annotated[tuple[ShardId, ...] | None, BeforeValidator(_split), NoneIfEmpty] = None
    log_level: Annotated[Literal["DEBUG", "INFO", "WARNING", "ERROR"], Upper] = "INFO"
    log_format: Annotated[Literal["console", "json"], Lower] = "console"

    @check_field("*", mode="before")
    @classmethod
    def _numbers(cls, value: object, info: Info) -> object:
        """Normalise the value of every setting that is a whole number."""
        numeric = cls.model_fields[info.field_name or ""].annotation in (int, int | None)
        return _number(value) if numeric and isinstance(value, str) else value

    @check_model(mode="after")
    def _shards_agree(self) -> Settings:
        if self.shard_ids is None:
            return self
        if self.shard_count is None:
            raise ValueError("SHARD_IDS needs SHARD_COUNT: say how many shards there are in all")
        if max(self.shard_ids) >= self.shard_count:
            raise ValueError(f"SHARD_IDS must be below SHARD_COUNT: use 0 to {self.shard_count - 1}")
        return self

    @property
    def callbacks(self) -> str | None:
        """Return the address to which the token of a create is appended for the image API's callback; None while
        callbacks are off."""
        if self.public_url is None or not self.kie_webhook_key.get_secret_value():
            return None
        return f"{self.public_url}{CALLBACK_PATH}"

    @property
    def callbacks_lack(self) -> str:
        """Return what to do, as a phrase for the operator, where the settings of callbacks do not agree: one of two is
        missing, or HTTP_PORT is 0; else an empty string, also where callbacks are off."""
        given = {"KIE_WEBHOOK_KEY": bool(self.kie_webhook_key.get_secret_value()), "PUBLIC_URL": bool(self.public_url)}
        missing = [name for name, there in given.items() if not there]
        if len(missing) == 1:
            (there,) = given.keys() - set(missing)
            return f"give {missing[0]} as well, or take {there} away"
        if not missing and self.http_port == 0:
            return "give HTTP_PORT the number that PUBLIC_URL leads to: with 0 it is another one at each start"
        return ""

    @property
    def secrets(self) -> tuple[str, ...]:
        """Return the values that must never appear in a log: keys, tokens, and the passwords within DATABASE_URL,
        PICTURES_URL and HTTPS_PROXY."""
        fields = (getattr(self, name) for name in type(self).model_fields)
        keys = [value.get_secret_value() for value in fields if isinstance(value, SecretStr)]
        places = filter(None, (self.database_url, self.pictures_url, self.https_proxy))
        passwords = [urlsplit(url).password for url in places]
        passwords += parse_qs(urlsplit(self.database_url).query).get("sslpassword", [])
        given = [password for password in passwords if password]
        return tuple(filter(None, [*keys, *given, *map(unquote, given)]))


def load_settings(env_file: Path = ENV_FILE, *, require: Sequence[str] = tuple(REMEDIES)) -> Settings:
    """
    Read the settings from the environment and `env_file` (which may be missing). `require` names those of `REMEDIES`
    that must not be empty. Unknown names are ignored, see `misspelt`.

    Raises ConfigurationError.
    """
    try:
        in_file = dotenv_values(env_file, encoding=ENCODING) if env_file.is_file() else {}
        settings = Settings.model_validate(_given(in_file) | _given(os.environ))
    except ValidationError as error:
        raise ConfigurationError(_one_line(error)) from None
    except UnicodeDecodeError as error:
        raise ConfigurationError(f"{env_file} cannot be read: {error}; save it as UTF-8") from None
    except OSError as error:
        raise ConfigurationError(f"{env_file} cannot be read: {error}") from None
    for name in require:
        if not getattr(settings, name.lower()).get_secret_value():
            raise ConfigurationError(f"{name} is missing: {REMEDIES[name]} and put it into {env_file}")
    return settings


def _given(values: Mapping[str, str | None]) -> dict[str, str]:
    """Return the stripped values of the settings in one source, without empty values: those come from the other source
    or the default. Names may be in upper or lower case."""
    settings = {name.lower(): value for name, value in values.items() if name.lower() in Settings.model_fields}
    bare = {name: _bare(value or "") for name, value in settings.items()}
    return {name: value for name, value in bare.items() if value}


def misspelt(env_file: Path = ENV_FILE) -> dict[str, str]:
    """Return the names in `env_file` that are no settings but resemble one, each with the setting it resembles; nothing
    if the file is missing. The environment of the process is not looked at."""
    known = [name.upper() for name in Settings.model_fields]
    if not env_file.is_file():
        return {}
    unknown = [
        name for name in dotenv_values(env_file, interpolate=False, encoding=ENCODING) if name.upper() not in known
    ]
    close = {name: difflib.get_close_matches(name.upper(), known, n=1, cutoff=0.8) for name in unknown}
    return {name: matches[0] for name, matches in close.items() if matches}


def _one_line(error: ValidationError) -> str:
    first, *others = error.errors(include_url=False, include_context=False)
    more = sorted({_name(other) for other in others} - {_name(first), ""})
    line = f"{_name(first)} {_sentence(first)}".strip()
    return f"{line} (also wrong: {', '.join(more)})" if more else line


def _name(detail: Any) -> str:
    return str(detail["loc"][0]).upper() if detail["loc"] else ""


def _sentence(detail: Any) -> str:
    """Return the message of a validation error, without pydantic's prefixes and with the setting's remedy if there is
    one."""
    text: str = detail["msg"].removeprefix("Value error, ").removeprefix("Input ").partition(", unable")[0]
    remedy = REMEDIES.get(_name(detail))
    return f"{text}; {remedy}" if remedy else text
