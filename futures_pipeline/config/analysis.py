"""The tables [dagster] and [analysis]."""

from datetime import date

from pydantic import Field, field_validator

from futures_pipeline.config.section import Port, Section
from futures_pipeline.domain.instruments import PAIR_PATTERN, UNIVERSE


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
        ("ES-SPY", "NQ-QQQ", "RTY-IWM", "ES-BTC/USDT"),
        description="futures and spot symbol with - between",
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
