"""One typed set of settings, from the environment and `.env`, under the names the field uses."""

from __future__ import annotations

import os
import re
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import quote, urlsplit

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, NoDecode, PydanticBaseSettingsSource, SettingsConfigDict

from roadworthy.chassis.errors import StartupError

SECRET_KEY_LENGTH_MIN = 32
PRODUCTION_UNREADY_SECONDS = 5.0
SECRET_FILE_LIMIT_BYTES = 64 * 1024
PLACEHOLDER = re.compile(r"change|secret|example|default|your|placeholder|<.*>|^(.)\1*$", re.IGNORECASE)


class Environment(StrEnum):
    """Where the service runs; production refuses what development forgives."""

    DEVELOPMENT = "development"
    STAGING = "staging"
    PRODUCTION = "production"


class SecretFiles(PydanticBaseSettingsSource):
    """Secrets as orchestrators hand them out: NAME_FILE names a file that holds the value of NAME."""

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        """The content of the file that `FIELD_NAME_FILE` names, without the line's end; None where none is named."""
        variable = f"{field_name.upper()}_FILE"
        path = os.environ.get(variable)
        if not path or not holds_secret(field):
            return None, field_name, False
        try:
            with Path(path).open("rb") as file:
                raw = file.read(SECRET_FILE_LIMIT_BYTES + 1)
            if len(raw) > SECRET_FILE_LIMIT_BYTES:
                raise StartupError(f"{variable}: {path} is over {SECRET_FILE_LIMIT_BYTES} bytes", "name the right file")
            return raw.decode().strip("\r\n"), field_name, False
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
            raise StartupError(f"{variable}: {path} can't be read: {reason}", "mend it in the environment") from None

    def __call__(self) -> dict[str, Any]:
        """Every secret that a file was named for."""
        fields = self.settings_cls.model_fields.items()
        found = {name: self.get_field_value(field, name)[0] for name, field in fields}
        return {name: value for name, value in found.items() if value}


def holds_secret(field: FieldInfo) -> bool:
    """Whether a setting's value is a secret."""
    return field.annotation is SecretStr or SecretStr in getattr(field.annotation, "__args__", ())


class Settings(BaseSettings):
    """Everything that can be set, with its default and its limits.

    A secret may come from a file that NAME_FILE names; NAME itself goes before it, and `.env` after it.

    Raises pydantic's ValidationError on a value that can't be right; `load_settings` turns it into words.
    """

    model_config = SettingsConfigDict(env_file=".env", extra="ignore", frozen=True, env_ignore_empty=True)

    environment: Environment = Field(Environment.DEVELOPMENT, description="development, staging or production")
    host: str = Field("127.0.0.1", description="address the web server listens on")
    port: int = Field(8000, ge=1, le=65535, description="port the web server listens on")
    workers: int = Field(0, ge=0, le=256, description="web processes; 0: one a core")
    instances: int = Field(
        1, ge=1, le=64, description="web servers behind one proxy, on PORT and those after it; they share the limits"
    )
    site_url: str = Field("", description="public address of the site; empty: http://HOST:PORT")
    cdn_url: str = Field(
        "",
        pattern=r"^(https?://[^\s;,'\"/]+/?)?$",
        description="https://host that serves /static from here; empty: this site serves it itself",
    )
    state_dir: Path = Field(
        Path(".roadworthy"), alias="ROADWORTHY_STATE_DIR", description="embedded servers' data, logs, generated secrets"
    )

    database_url: SecretStr | None = Field(
        None, description="postgresql://user:password@host:5432/name; empty: POSTGRES_*, else the embedded server"
    )
    postgres_host: str = Field("", description="used with the other POSTGRES_* when DATABASE_URL is empty")
    postgres_port: int = Field(5432, ge=1, le=65535)
    postgres_user: str = Field("")
    postgres_password: SecretStr = Field(SecretStr(""))
    postgres_db: str = Field("")
    database_direct_url: SecretStr | None = Field(
        None, description="past a transaction pooler, for migrations and session locks; empty: DATABASE_URL"
    )
    database_replica_urls: SecretStr | None = Field(
        None, description="replicas for reads that may lag, comma-separated; empty: all is read from the primary"
    )
    database_replica_lag_seconds: float = Field(
        1.0, gt=0, le=4, description="a replica whose data may be older is not read from"
    )
    database_pool_size: int = Field(8, ge=1, le=500, description="connections a web process keeps at most")
    database_acquire_timeout_seconds: float = Field(5.0, gt=0, le=60)
    database_statement_timeout_seconds: float = Field(10.0, gt=0, le=300)
    database_connection_recycle_seconds: float = Field(
        3600.0, gt=0, description="a connection older than this is replaced"
    )
    database_slow_statement_seconds: float = Field(
        0.5, gt=0, le=300, description="a statement that takes longer is logged, with its plan"
    )
    database_leak_seconds: float = Field(
        30.0, gt=0, le=3600, description="a connection held longer is logged, with the line that took it"
    )

    redis_enabled: bool = Field(True, description="false: no shared tier; each process keeps its own")
    redis_url: SecretStr | None = Field(
        None, description="redis://host:6379/0, redis+sentinel://..., redis+cluster://...; empty: the embedded Valkey"
    )
    cache_ttl_seconds: int = Field(300, ge=1, le=86_400, description="how long shared cache entries live")
    cache_bytes: int = Field(
        16 * 1024 * 1024, ge=0, description="memory a web process gives results of cached functions"
    )
    response_cache_bytes: int = Field(32 * 1024 * 1024, ge=0, description="memory a web process gives cached answers")

    secret_key: SecretStr | None = Field(
        None, description="32 characters or more; development generates its own. openssl rand -hex 32"
    )

    rate_limit_enabled: bool = Field(True)
    rate_limit_per_minute: int = Field(60, ge=1, description="an address on /api")
    rate_limit_per_hour: int = Field(1000, ge=1, description="an address on /api")
    rate_limit_pages_per_minute: int = Field(300, ge=1, description="an address on pages")

    request_timeout_seconds: float = Field(30.0, gt=0, le=600, description="deadline of a request")
    requests_in_flight_max: int = Field(
        2000, ge=1, le=100_000, description="requests a process works on at once; more are answered 503 at once"
    )
    request_wait_seconds: float = Field(
        0.25,
        gt=0,
        le=60,
        description="beyond 1,200 requests at once in all processes, how long one may wait for others",
    )
    body_limit_bytes: int = Field(1024 * 1024, ge=1024, description="largest request body")
    shutdown_timeout_seconds: float = Field(15.0, ge=0, le=300, description="how long a stop waits for requests")
    readiness_wait_seconds: float | None = Field(
        None, ge=0, le=120, description="how long a stop is not ready before it stops listening; empty: 5 in production"
    )
    trusted_proxies: Annotated[tuple[str, ...], NoDecode] = Field(
        (), description="addresses or networks whose X-Forwarded-For is believed, comma-separated"
    )
    cors_origins: Annotated[tuple[str, ...], NoDecode] = Field(
        (), description="origins that may call the API from a browser, comma-separated"
    )
    allowed_hosts: Annotated[tuple[str, ...], NoDecode] = Field(
        (),
        description="names it answers to, comma-separated; .example.com means every name below; "
        "empty: in production that of SITE_URL, else any",
    )
    docs_enabled: bool | None = Field(None, description="OpenAPI at /docs; empty: everywhere but in production")

    sentry_dsn: SecretStr | None = Field(None, description="where errors are reported; empty: nowhere")
    otel_exporter_otlp_endpoint: str = Field(
        "", description="OpenTelemetry collector that takes OTLP over HTTP: http://host:4318; empty: nothing is traced"
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field("INFO")
    log_file: Path | None = Field(None, description="empty: standard output")
    log_format: Literal["auto", "json", "console"] = Field("auto", description="auto: console on a terminal, else json")

    @classmethod
    def settings_customise_sources(  # noqa: D102  # pydantic-settings' hook
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003  # a folder of secrets: NAME_FILE says more
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return init_settings, env_settings, SecretFiles(settings_cls), dotenv_settings

    @field_validator("trusted_proxies", "cors_origins", "allowed_hosts", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value

    @model_validator(mode="after")
    def _production_is_strict(self) -> Self:
        if self.environment is Environment.PRODUCTION:
            for refusal in production_refusals(self):
                raise ValueError(refusal)
        return self

    @property
    def in_production(self) -> bool:
        """Whether ENVIRONMENT is production."""
        return self.environment is Environment.PRODUCTION

    @property
    def docs_on(self) -> bool:
        """Whether the OpenAPI document and its page are served."""
        return self.docs_enabled if self.docs_enabled is not None else not self.in_production

    @property
    def hosts(self) -> tuple[str, ...]:
        """Names that the service answers to; none: to any."""
        if self.allowed_hosts or not self.in_production:
            return self.allowed_hosts
        name = urlsplit(self.site_url).hostname
        return (name,) if name else ()

    @property
    def unready_seconds(self) -> float:
        """How long a stop answers everything while readiness is red, so that a balancer looks elsewhere first."""
        if self.readiness_wait_seconds is not None:
            return self.readiness_wait_seconds
        return PRODUCTION_UNREADY_SECONDS if self.in_production else 0.0

    @property
    def public_url(self) -> str:
        """Address that links start with, without a trailing slash."""
        return (self.site_url or f"http://{self.host}:{self.port}").rstrip("/")

    @property
    def database_dsn(self) -> str | None:
        """The outside database, from DATABASE_URL or POSTGRES_*; None means: the embedded one."""
        if self.database_url is not None:
            return self.database_url.get_secret_value()
        if not self.postgres_host:
            return None
        user, password = quote(self.postgres_user, safe=""), quote(self.postgres_password.get_secret_value(), safe="")
        return f"postgresql://{user}:{password}@{self.postgres_host}:{self.postgres_port}/{self.postgres_db}"

    @property
    def direct_dsn(self) -> str | None:
        """The database past any transaction pooler."""
        return self.database_direct_url.get_secret_value() if self.database_direct_url else self.database_dsn

    @property
    def replica_dsns(self) -> tuple[str, ...]:
        """Addresses of the replicas."""
        urls = self.database_replica_urls.get_secret_value() if self.database_replica_urls else ""
        return tuple(url.strip() for url in urls.split(",") if url.strip())

    @property
    def behind_pooler(self) -> bool:
        """Whether `database_dsn` leads through a transaction pooler: a direct address besides it says so."""
        return self.direct_dsn != self.database_dsn

    @property
    def redis_dsn(self) -> str | None:
        """The outside shared tier; None means: the embedded one, or none when REDIS_ENABLED is false."""
        return self.redis_url.get_secret_value() if self.redis_url and self.redis_enabled else None


def as_environment(settings: Settings) -> dict[str, str]:
    """The variables that give another process exactly these settings; those that are empty are left out.

    They carry the secrets in clear: they are for the environment of a child process, and for nothing else.
    """
    values = ((field.alias or name, getattr(settings, name)) for name, field in Settings.model_fields.items())
    shown = ((name.upper(), as_variable(value)) for name, value in values)
    return {name: text for name, text in shown if text}


def as_variable(value: object) -> str:
    """A setting's value as the text of an environment variable; an unset one is empty."""
    match value:
        case None:
            return ""
        case bool():
            return str(value).lower()
        case tuple():
            return ",".join(map(str, value))
        case SecretStr():
            return value.get_secret_value()
        case _:
            return str(value)


def production_refusals(settings: Settings) -> list[str]:
    """What production does not forgive, as one sentence each that names the setting and the remedy."""
    secret = settings.secret_key.get_secret_value() if settings.secret_key else ""
    refusals = []
    if len(secret) < SECRET_KEY_LENGTH_MIN or PLACEHOLDER.search(secret):
        refusals.append("SECRET_KEY is missing, short or a placeholder: set it to the output of `openssl rand -hex 32`")
    if "*" in settings.cors_origins:
        refusals.append("CORS_ORIGINS=* lets every site call the API: name your own origins")
    return refusals


def load_settings() -> Settings:
    """Settings of this process.

    Raises:
        StartupError: naming the first variable that is wrong, and what it takes.
    """
    try:
        return Settings()  # type: ignore[call-arg]  # every field has a default or comes from the environment
    except ValidationError as error:
        first = error.errors()[0]
        name = str(first["loc"][0]).upper() if first["loc"] else ""
        message = str(first["msg"]).removeprefix("Value error, ")
        raise StartupError(f"{name}: {message}" if name else message, "mend it in .env or in the environment") from None
