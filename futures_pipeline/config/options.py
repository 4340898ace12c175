"""The table [options]: what the statistics of option chains have to be told."""

from datetime import date
from math import inf

from pydantic import Field, field_validator

from futures_pipeline.config.section import Section
from futures_pipeline.domain.instruments import Kind, select_instruments


class OptionSettings(Section):
    """Interest and dividends, which no stored row tells."""

    rate: float = Field(
        0.04, ge=-0.05, le=0.5, description="interest, continuous, an annualised fraction"
    )
    dividends: dict[str, dict[date, float]] = Field(
        default_factory=dict,
        description="US dollars a share by ETF and ex-date, e.g. {SPY = {2025-03-21 = 1.70}}; "
        "as a variable SPY:2025-03-21=1.70,SPY:2025-06-20=1.76",
    )
    interval_seconds: int = Field(
        60, ge=5, le=86_400, description="machine seconds between two looks for a session to judge"
    )

    @field_validator("dividends", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        paid: dict[str, dict[str, str]] = {}
        for part in filter(None, (part.strip() for part in value.split(","))):
            key, _, amount = part.partition("=")
            symbol, _, ex_date = key.partition(":")
            paid.setdefault(symbol.strip(), {})[ex_date.strip()] = amount.strip()
        return paid

    @field_validator("dividends")
    @classmethod
    def _of_etfs(cls, value: dict[str, dict[date, float]]) -> dict[str, dict[date, float]]:
        for instrument in select_instruments(value):
            if instrument.kind is not Kind.ETF:
                raise ValueError(f"dividends of ETFs; {instrument.symbol} pays none")
        if not all(0 < amount < inf for paid in value.values() for amount in paid.values()):
            raise ValueError("amounts above 0, US dollars a share")
        return value
