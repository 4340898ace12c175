"""What is stored of a pair, as the live page needs it: the verdict on its lead, its heat-map."""

from typing import Any

from futures_pipeline import api
from futures_pipeline.config import Settings

VERDICT = ("verdict", "sentence", "lead_seconds", "resolution_seconds", "sessions")
CELL = ("cell", "timeframe_minutes", "correlation", "pairs")


def pair_facts(settings: Settings, legs: tuple[str, str]) -> dict[str, Any]:
    """Return the verdict (None before there is one) and the heat-map's cells of a pair.

    Raises:
        UnknownSymbol: a symbol is not known.
        ConfigurationError: both are one.
    """
    futures, spot = legs
    cells = api.get_correlation_by_time(futures, spot, data=settings.data)
    verdicts = api.get_table(
        "lead_lag_verdicts", where={"pair": f"{futures}-{spot}"}, data=settings.data
    )
    found = verdicts.select(VERDICT).to_dicts()
    hours = cells.filter(grouped_by="hour").select(CELL).to_dicts() if cells.width else []
    return {"verdict": found[-1] if found else None, "heatmap": hours}
