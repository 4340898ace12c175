"""The tables [gateway] and [collection]."""

from datetime import date
from typing import Literal

from pydantic import Field, field_validator

from futures_pipeline.config.section import Port, Section
from futures_pipeline.domain.contracts import parse_local_symbol
from futures_pipeline.domain.instruments import UNIVERSE, Kind, select_instruments


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
            (instrument,) = select_instruments([symbol])
            if instrument.kind is not Kind.FUTURE:
                raise ValueError(f"contracts of futures; {symbol} has none")
            parsed = parse_local_symbol(contract, date(2025, 1, 1))
            if parsed is None or parsed[0] != symbol:
                raise ValueError(f'a contract of {symbol}, such as {{{symbol} = "{symbol}H6"}}')
        return value
