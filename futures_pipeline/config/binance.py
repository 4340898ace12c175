"""The table [binance]."""

from urllib.parse import urlsplit

from pydantic import Field, field_validator

from futures_pipeline.config.section import Section
from futures_pipeline.domain.errors import ConfigurationError
from futures_pipeline.domain.instruments import pair

# Hosts on this machine, such as the simulator, need no encryption.
LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


class BinanceSettings(Section):
    """Pairs of currencies from Binance's public hosts; no account and no key is needed."""

    enabled: bool = Field(True, description="whether pairs are collected at all")
    symbols: tuple[str, ...] = Field(
        ("BTC/USDT",), min_length=1, description="pairs to collect: base and quote currency"
    )
    stream_url: str = Field(
        "wss://data-stream.binance.vision", description="host of the streams: market data only"
    )
    rest_url: str = Field(
        "https://data-api.binance.vision", description="host of history and repairs"
    )

    @field_validator("symbols", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return [part.strip() for part in value.split(",")] if isinstance(value, str) else value

    @field_validator("symbols")
    @classmethod
    def _known(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for symbol in value:
            try:
                pair(symbol)
            except ConfigurationError as error:
                raise ValueError("pairs such as BTC/USDT") from error
        return tuple(dict.fromkeys(value))

    @field_validator("stream_url")
    @classmethod
    def _stream(cls, value: str) -> str:
        return _address(value, "ws")

    @field_validator("rest_url")
    @classmethod
    def _rest(cls, value: str) -> str:
        return _address(value, "http")


def _address(url: str, scheme: str) -> str:
    """Return an address that is encrypted, or on this machine."""
    parts = urlsplit(url)
    allowed = {f"{scheme}s", scheme} if parts.hostname in LOOPBACK else {f"{scheme}s"}
    if parts.scheme not in allowed or not parts.hostname or parts.username or parts.query:
        raise ValueError(f"{scheme}s://HOST, or {scheme}://127.0.0.1:PORT for a simulator")
    return url
