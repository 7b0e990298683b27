"""The settings: `CATDOG_*` from the environment, flags of the command over them, one frozen object."""

import os
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from catdog_api.errors import SettingsError

MAX_FILES = 1_000  # of one request: what CATDOG_MAX_BATCH_FILES may be at most
SHORTEST_KEY = 16  # characters; 96 bits in base64, which nobody guesses

LogLevel = Literal["debug", "info", "warning", "error"]
Precision = Literal["auto", "float32", "bfloat16"]


def bundled(name: str) -> Path:
    """Return where a folder that comes with the package lies: inside an installed wheel, beside `src` in a checkout.

    Args:
        name: `models` or `static`.
    """
    package = Path(__file__).resolve().parent
    installed = package / name
    return installed if installed.is_dir() else package.parents[1] / name


class Settings(BaseSettings):
    """What an operator can set. Read once at the start; immutable; safe in any thread."""

    model_config = SettingsConfigDict(env_prefix="CATDOG_", env_ignore_empty=True, frozen=True, extra="forbid")

    host: str = Field("127.0.0.1", description="Address to listen on; 0.0.0.0 is every one.")
    port: int = Field(8000, ge=0, le=65535, description="Port to listen on; 0 takes a free one.")
    model: Path = Field(
        default_factory=lambda: bundled("models") / "catdog.keras",
        description="Model file; its manifest lies beside it, with .json for .keras.",
    )
    max_upload_bytes: int = Field(10 * 1024**2, gt=0, description="Largest request body, bytes.")
    max_batch_files: int = Field(
        64, gt=0, le=MAX_FILES, description="Most photographs in one request to /predict/batch or /v2."
    )
    max_pixels: int = Field(50_000_000, gt=0, description="Largest photograph, width times height.")
    queue_limit: int = Field(
        64, gt=0, description="Photographs taken on that the model has not begun on; more are refused."
    )
    deadline_seconds: float = Field(
        10.0, gt=0, description="Longest time from upload to answer, of all its photographs together, seconds."
    )
    drain_seconds: float = Field(
        0.0, ge=0, description="Time after SIGTERM in which it is not ready, but still takes requests on, seconds."
    )
    grace_seconds: float = Field(
        20.0, gt=0, description="Longest time after that for answering what was taken on, seconds."
    )
    workers: int = Field(
        1, ge=1, description="Processes that serve, each with a model, a queue and its share of the cores."
    )
    core_limit: int = Field(
        0,
        ge=0,
        description="Most cores to count on, where processor time has a quota; 0 is all that the process is pinned to.",
    )
    model_threads: int = Field(
        0, ge=0, description="Threads of a worker that decode and predict, and share its cores; 0 is one for each core."
    )
    precision: Precision = Field(
        "auto", description="auto, float32 or bfloat16; auto is bfloat16 where that is faster and the answers stay."
    )
    log_level: LogLevel = Field("info", description="debug, info, warning or error.")
    cors_origins: Annotated[tuple[str, ...], NoDecode] = Field(
        (), description="Origins whose pages may call the API, separated by commas; * is every one."
    )
    api_keys: Annotated[tuple[str, ...], NoDecode] = Field(
        (), repr=False, description="Keys of which one is asked for in X-API-Key, separated by commas."
    )
    rate_limit: int = Field(0, ge=0, description="Requests a minute from one key or address; 0 is without a limit.")
    tls_certificate: Path | None = Field(None, description="Certificate chain (PEM); with it the service speaks HTTPS.")
    tls_key: Path | None = Field(None, description="Private key (PEM) of that certificate.")

    @field_validator("log_level", mode="before")
    @classmethod
    def _lower(cls, value: object) -> object:
        return value.lower() if isinstance(value, str) else value

    @field_validator("cors_origins", "api_keys", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(part.strip() for part in value.split(",") if part.strip())
        return value

    @field_validator("api_keys")
    @classmethod
    def _check_keys(cls, keys: tuple[str, ...]) -> tuple[str, ...]:
        if not all(key.isascii() and key.isprintable() and len(key) >= SHORTEST_KEY for key in keys):
            raise ValueError(f"a key has at least {SHORTEST_KEY} characters, all of them ASCII")
        return keys

    @model_validator(mode="after")
    def _check_tls(self) -> Self:
        if (self.tls_certificate is None) != (self.tls_key is None):
            raise ValueError("CATDOG_TLS_CERTIFICATE and CATDOG_TLS_KEY are needed together")
        for name in ("tls_certificate", "tls_key"):
            path: Path | None = getattr(self, name)
            if path is not None and not path.is_file():
                raise ValueError(f"CATDOG_{name.upper()}: {path} is no file")
        return self

    @property
    def cores(self) -> int:
        """How many cores a worker has to decode and predict on: its share of those that the service may use."""
        pinned = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        return max(1, min(pinned, self.core_limit or pinned) // self.workers)

    @property
    def threads(self) -> int:
        """How many threads of a worker decode and predict."""
        return self.model_threads or self.cores

    @property
    def url(self) -> str:
        """Where a person on this machine finds the service."""
        scheme = "https" if self.tls_certificate else "http"
        named = f"[{self.host}]" if ":" in self.host else self.host
        host = "localhost" if self.host in {"127.0.0.1", "0.0.0.0", "::"} else named  # noqa: S104  # compared
        return f"{scheme}://{host}:{self.port}"


def read_settings(flags: dict[str, Any] | None = None) -> Settings:
    """Read the settings from the environment, with flags over them.

    Args:
        flags: By field name; they win over the environment.

    Raises:
        SettingsError: A value cannot be read, or values contradict each other; the message names them.
    """
    try:
        return Settings(**(flags or {}))
    except ValidationError as error:
        raise SettingsError("; ".join(_sentence(fault["loc"], fault["msg"]) for fault in error.errors())) from error


def _sentence(where: tuple[int | str, ...], message: str) -> str:
    """Say what is wrong with a setting; or, where values contradict each other, with no single one."""
    name = "".join(f"CATDOG_{str(field).upper()}: " for field in where[:1])
    return name + message.removeprefix("Value error, ")
