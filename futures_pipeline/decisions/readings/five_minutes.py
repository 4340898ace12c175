"""Five-minute returns of a future's front contract, from the closes of its minute bars."""

from collections.abc import Mapping
from datetime import date, timedelta

import numpy as np
import polars as pl

from futures_pipeline.decisions.early_warning.scales import BAR_MINUTES
from futures_pipeline.decisions.readings.past import Past
from futures_pipeline.decisions.readings.series import NOTHING, Series, microseconds

BAR = timedelta(minutes=BAR_MINUTES)
BAR_SCHEMA = {
    "symbol": pl.String(),
    "contract": pl.String(),
    "session_date": pl.Date(),
    "at": pl.Datetime("us", "UTC"),
    "log_return": pl.Float64(),
}


def five_minute_bars(past: Past, closes: Mapping[str, Series], day: date) -> pl.DataFrame:
    """Return the bars of a session, ascending by ``at``, the end of the bar (UTC).

    ``closes``: of minute bars, by contract. ``log_return`` is null where a price at either end
    is missing: an end's price is the last close of the five minutes before it, of the same
    session. So the first bar has none.
    """
    lead, session = past.leads.get(day), past.calendar.globex.on(day)
    if lead is None or session is None:
        return pl.DataFrame(schema=BAR_SCHEMA)
    opens_at, closes_at = microseconds(session.opens_at), microseconds(session.closes_at)
    ends = np.arange(opens_at, closes_at + 1, BAR // timedelta.resolution)
    prices = _prices(closes.get(lead.contract, NOTHING), ends, opens_at)
    return pl.DataFrame(
        {
            "symbol": past.futures_symbol,
            "contract": lead.contract,
            "session_date": day,
            "at": pl.Series(ends[1:]).cast(BAR_SCHEMA["at"]),
            "log_return": pl.Series(np.diff(np.log(prices))).fill_nan(None),
        },
        schema=BAR_SCHEMA,
    )


def _prices(
    closes: Series, ends: "np.ndarray[tuple[int], np.dtype[np.int64]]", opens_at: int
) -> "np.ndarray[tuple[int], np.dtype[np.float64]]":
    """Return the last close of the five minutes up to each moment, NaN where there is none."""
    places = np.searchsorted(closes.times, ends, side="right") - 1
    prices = np.full(len(ends), np.nan)
    oldest = np.maximum(ends - BAR // timedelta.resolution, opens_at)
    known = places >= 0
    known[known] = closes.times[places[known]] > oldest[known]
    prices[known] = closes.values[places[known]]
    return prices
