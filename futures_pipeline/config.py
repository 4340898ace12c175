"""Settings: one TOML file, then ``FUTURES_PIPELINE_*`` variables, refused early when wrong.

``gateway.port`` in the file is ``FUTURES_PIPELINE_GATEWAY_PORT`` in the environment.
"""

import difflib
import hashlib
import json
import os
import tomllib
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from futures_pipeline.domain.clock import Clock, parse_clock
from futures_pipeline.domain.contracts import parse_local_symbol
from futures_pipeline.domain.errors import ConfigurationError, DataDirectoryError, UnknownSymbol
from futures_pipeline.domain.instruments import (
    PAIR_PATTERN,
    UNIVERSE,
    Instrument,
    select_instruments,
)

PREFIX = "FUTURES_PIPELINE_"
CONFIG_FILE = "futures_pipeline.toml"
# Variables that are no key of the file.
OTHER_VARIABLES = frozenset({"DATA", "CONFIG", "CLOCK", "RECORDED_DATA"})

Port = Annotated[int, Field(ge=1, le=65535)]


class Section(BaseModel):
    """A table of the file: no unknown keys, no silent conversions of the wrong kind."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class GatewaySettings(Section):
    """Where IB Gateway or TWS listens."""

    host: str = Field("127.0.0.1", min_length=1, description="address of IB Gateway or TWS")
    port: Port = Field(
        4002, description="4002 Gateway paper, 4001 Gateway live, 7497 TWS paper, 7496 TWS live"
    )
    client_id: int = Field(17, ge=1, le=9999, description="API client id, unique per connection")
    connect_timeout_seconds: float = Field(
        10.0, gt=0, le=120, description="how long one attempt to connect may take"
    )
    connect_attempts: int = Field(
        3, ge=1, le=100, description="attempts at start before giving up with a message"
    )
    request_timeout_seconds: float = Field(
        60.0, gt=0, le=600, description="how long one request may take before it is retried"
    )
    market_data_lines: int = Field(
        100, ge=10, le=10_000, description="market-data lines of the account; IBKR's minimum is 100"
    )


class CollectionSettings(Section):
    """What is collected, and how often."""

    symbols: tuple[str, ...] = Field(
        tuple(UNIVERSE), min_length=1, description="root symbols to collect"
    )
    snapshot_interval_seconds: float = Field(
        60.0, ge=1, le=300, description="market seconds between two snapshot rows of a symbol"
    )
    history_sessions: int = Field(
        25, ge=0, le=250, description="complete sessions to back-fill when the collector starts"
    )
    front_month: dict[str, str] = Field(
        default_factory=dict, description='manual front month by symbol, e.g. {ES = "ESH6"}'
    )
    roll: Literal["calendar", "volume"] = Field(
        "calendar", description="what moves the front month on: the calendar rule, or volume"
    )
    option_interval_seconds: float = Field(
        300.0, ge=0, le=3600, description="market seconds between two option rounds; 0 is never"
    )
    max_attempts: int = Field(
        5, ge=1, le=100, description="attempts of one request before it is failed"
    )

    @field_validator("symbols", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(part.strip() for part in value.split(","))
        return value

    @field_validator("symbols")
    @classmethod
    def _known(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        select_instruments(value)
        return tuple(dict.fromkeys(value))

    @field_validator("front_month", mode="before")
    @classmethod
    def _pairs(cls, value: object) -> object:
        if isinstance(value, str):
            pairs = (pair.partition("=") for pair in value.split(",") if pair.strip())
            return {symbol.strip(): contract.strip() for symbol, _, contract in pairs}
        return value

    @field_validator("front_month")
    @classmethod
    def _front_symbols(cls, value: dict[str, str]) -> dict[str, str]:
        for symbol, contract in value.items():
            select_instruments([symbol])
            parsed = parse_local_symbol(contract, date(2025, 1, 1))
            if parsed is None or parsed[0] != symbol:
                raise ValueError(f'a contract of {symbol}, such as {{{symbol} = "{symbol}H6"}}')
        return value


class DagsterSettings(Section):
    """How the Dagster side runs."""

    port: Port = Field(3000, description="port of the Dagster UI on 127.0.0.1")
    first_session: date = Field(
        date(2024, 1, 2), description="first session date offered as a partition"
    )
    ingest_interval_seconds: int = Field(
        30, ge=1, le=3600, description="machine seconds between two looks at the spool"
    )


class AnalysisSettings(Section):
    """Which pairs are analysed, over how long, and how often."""

    pairs: tuple[str, ...] = Field(
        ("ES-SPY", "NQ-QQQ", "RTY-IWM"), description="futures and spot symbol with - between"
    )
    sessions: int = Field(
        60, ge=7, le=500, description="sessions that lead-lag and predictive value look back over"
    )
    interval_seconds: int = Field(
        300, ge=5, le=86_400, description="machine seconds between two looks at what is behind"
    )

    @field_validator("pairs", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return [part.strip() for part in value.split(",")] if isinstance(value, str) else value

    @field_validator("pairs")
    @classmethod
    def _known(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for pair in value:
            legs = pair.split("-")
            known = [leg in UNIVERSE or PAIR_PATTERN.fullmatch(leg) for leg in legs]
            if len(set(legs)) != 2 or len(legs) != 2 or not all(known):
                raise ValueError("two known symbols with - between, such as ES-SPY")
        return tuple(dict.fromkeys(value))


class Settings(Section):
    """Everything a process of the pipeline is told."""

    gateway: GatewaySettings = GatewaySettings()
    collection: CollectionSettings = CollectionSettings()
    dagster: DagsterSettings = DagsterSettings()
    analysis: AnalysisSettings = AnalysisSettings()
    data: Path = Path("data")
    clock_text: str = ""

    @property
    def clock(self) -> Clock:
        return parse_clock(self.clock_text)

    @property
    def instruments(self) -> tuple[Instrument, ...]:
        return select_instruments(self.collection.symbols)

    @property
    def spool_url(self) -> str:
        return f"sqlite:///{self.data / 'collector.sqlite'}"

    @property
    def lake_path(self) -> Path:
        return self.data / "lake"

    def fingerprint(self) -> str:
        """Return a short hash of the settings that shape results, for receipts."""
        shaping = self.model_dump(mode="json", include={"collection", "analysis", "clock_text"})
        text = json.dumps(shaping, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:12]


SECTIONS = ("gateway", "collection", "dagster", "analysis")


def load_settings(
    *,
    config: Path | None = None,
    data: Path | None = None,
    environment: Mapping[str, str] = os.environ,
) -> Settings:
    """Return the settings of this process: defaults, then file, then environment.

    Args:
        config: a file that must exist; None takes ``FUTURES_PIPELINE_CONFIG`` or, if it is
            there, ``futures_pipeline.toml`` in the working directory.
        data: the data directory; None takes ``FUTURES_PIPELINE_DATA`` or ``data``.
        environment: the variables of the process.

    Raises:
        ConfigurationError: a key, its value, and what is allowed.
    """
    document = _read_file(config, environment)
    for name, value in environment.items():
        if name.startswith(PREFIX) and name.removeprefix(PREFIX) not in OTHER_VARIABLES:
            section, key = _key_of_variable(name)
            document.setdefault(section, {})[key] = value
    directory = data or Path(environment.get(f"{PREFIX}DATA") or "data")
    clock_text = environment.get(f"{PREFIX}CLOCK", "")
    parse_clock(clock_text)
    try:
        return Settings.model_validate(
            {**document, "data": directory.absolute(), "clock_text": clock_text}
        )
    except ValidationError as error:
        raise _readable(error) from error


def writable_directory(directory: Path) -> Path:
    """Create ``directory`` if needed and return it.

    Raises:
        DataDirectoryError: it cannot be created or written.
    """
    probe = directory / ".write_test"
    try:
        directory.mkdir(parents=True, exist_ok=True)
        probe.write_text("")
        probe.unlink()
    except OSError as error:
        raise DataDirectoryError(
            f"data directory {directory}: cannot be written ({error.strerror or error}); "
            f"make it writable, or choose another with --data or {PREFIX}DATA"
        ) from error
    return directory


def _read_file(config: Path | None, environment: Mapping[str, str]) -> dict[str, Any]:
    named = config or (
        Path(environment[f"{PREFIX}CONFIG"]) if environment.get(f"{PREFIX}CONFIG") else None
    )
    path = named or Path(CONFIG_FILE)
    if named is None and not path.exists():
        return {}
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigurationError(
            "config file", str(path), f"readable ({error.strerror})"
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigurationError("config file", str(path), f"valid TOML ({error})") from error
    for section, content in document.items():
        if section not in SECTIONS or not isinstance(content, dict):
            raise ConfigurationError(
                f"{path.name}", section, f"a table, one of [{'], ['.join(SECTIONS)}]"
            )
    return document


def _key_of_variable(name: str) -> tuple[str, str]:
    section, _, key = name.removeprefix(PREFIX).lower().partition("_")
    known = [
        f"{PREFIX}{table}_{field}".upper()
        for table in SECTIONS
        for field in Settings.model_fields[table].default.__class__.model_fields
    ]
    if name not in known:
        near = difflib.get_close_matches(name, known, n=1) or [
            "one listed in docs/configuration.md"
        ]
        raise ConfigurationError("environment variable", name, near[0])
    return section, key


def _readable(error: ValidationError) -> ConfigurationError | UnknownSymbol:
    first = error.errors()[0]
    key = ".".join(str(part) for part in first["loc"] if not isinstance(part, int))
    allowed = first["msg"].removeprefix("Input should be ").removeprefix("Value error, ")
    if first["type"] == "extra_forbidden":
        section = first["loc"][0]
        fields = Settings.model_fields[str(section)].default.__class__.model_fields
        return ConfigurationError("key", key, f"one of {section}.{{{', '.join(fields)}}}")
    return ConfigurationError(key, first["input"], allowed)
