"""The statistics against the tools that people use for them; a tool not installed is left out."""

from collections.abc import Callable, Mapping
from importlib import import_module
from importlib.util import find_spec

import numpy as np
import pandas as pd
import polars as pl
from numpy.typing import NDArray

from futures_pipeline.analytics.kernels.rolling import rolling_correlation
from futures_pipeline.analytics.lead_lag.granger import granger_orders
from futures_pipeline.analytics.lead_lag.hayashi_yoshida import hayashi_yoshida
from futures_pipeline.analytics.lead_lag.profile import lagged_correlations

Floats = NDArray[np.float64]
Job = Callable[[], object]
Rivals = Mapping[str, Callable[[], Job]]
Titled = tuple[str, Rivals]

MAX_LAG = 60
LAGS = range(-MAX_LAG, MAX_LAG + 1)
TEN_YEARS = 3_500_000
MONTH = 29_000
SESSION = 1380
WINDOWS = (60, 390, 1380)
# At 60 orders the reference takes over a minute and 4 GB a round; 20 keep the bench short.
ORDERS = 20
LEADS_MICROSECONDS = np.arange(-60, 61) * 1_000_000


def analysis_jobs() -> list[Titled]:
    """Return the jobs of lead-lag, ticks, Granger and rolling correlation."""
    return [
        *(profile_job(title, rows) for title, rows in (("month", MONTH), ("10 years", TEN_YEARS))),
        gapped_job(),
        *(tick_job(ticks) for ticks in (100_000, 1_000_000)),
        granger_job(),
        (
            "Granger, both ways, orders 1..60, 10 years",
            {"ours": lambda: granger_ours(TEN_YEARS, MAX_LAG)},
        ),
        rolling_job(),
    ]


def pair(rows: int) -> tuple[Floats, Floats]:
    """Return two series of normal returns, the second in part a minute behind the first."""
    random = np.random.default_rng(7)
    x = random.normal(size=rows)
    return x, 0.5 * x + 0.2 * np.roll(x, 1) + random.normal(size=rows)


def profile_job(title: str, rows: int) -> Titled:
    """Correlation at 121 lags of one series without gaps."""

    def ours() -> Job:
        x, y = pair(rows)
        lagged_correlations(x[None, :1000], y[None, :1000], MAX_LAG)  # compiles
        return lambda: lagged_correlations(x[None], y[None], MAX_LAG)

    def with_polars() -> Job:
        frame = pl.DataFrame(dict(zip("xy", pair(rows), strict=True)))
        return lambda: frame.select(
            pl.corr("x", pl.col("y").shift(-lag)).alias(str(lag)) for lag in LAGS
        )

    def with_pandas() -> Job:
        x, y = (pd.Series(values) for values in pair(rows))
        return lambda: [x.corr(y.shift(-lag)) for lag in LAGS]

    rivals = {
        "ours": ours,
        "polars, 121 expressions": with_polars,
        "pandas shift + corr": with_pandas,
    }
    return f"Lead-lag, 121 lags, {title} ({rows:,} rows), exact", rivals


def gapped_job() -> Titled:
    """The same with one value in a hundred missing and 2,520 sessions that no lag crosses."""

    def sessions() -> tuple[Floats, Floats]:
        random = np.random.default_rng(8)
        legs = [
            values[: 2520 * SESSION].reshape(2520, SESSION).copy() for values in pair(TEN_YEARS)
        ]
        for leg in legs:
            leg[random.random(leg.shape) < 0.01] = np.nan
        return legs[0], legs[1]

    def ours() -> Job:
        x, y = sessions()
        lagged_correlations(x[:2], y[:2], MAX_LAG)  # compiles
        return lambda: lagged_correlations(x, y, MAX_LAG)

    def with_pandas() -> Job:
        # Sessions end to end with 60 missing values between them, so that none is crossed.
        apart = [np.pad(leg, ((0, 0), (0, MAX_LAG)), constant_values=np.nan) for leg in sessions()]
        x, y = (pd.Series(leg.ravel()) for leg in apart)
        return lambda: [x.corr(y.shift(-lag)) for lag in LAGS]

    rivals = {"ours": ours, "pandas shift + corr": with_pandas}
    return "Lead-lag, 121 lags, 10 years with gaps and sessions", rivals


def ticks(count: int) -> tuple[NDArray[np.int64], Floats, NDArray[np.int64], Floats]:
    """Return two series at random times, two seconds apart on average, in microseconds."""
    random = np.random.default_rng(9)
    times = np.cumsum(random.exponential(2e6, (2, count)).astype(np.int64) + 1, axis=1)
    prices = np.cumsum(random.normal(size=(2, count)) * 1e-4, axis=1)
    return times[0], prices[0], times[1], prices[1]


def tick_job(count: int) -> Titled:
    """Hayashi and Yoshida's correlation at 121 leads."""

    def ours() -> Job:
        data = ticks(count)
        hayashi_yoshida(*ticks(100), LEADS_MICROSECONDS)  # compiles
        return lambda: hayashi_yoshida(*data, LEADS_MICROSECONDS)

    def with_numpy() -> Job:
        data = ticks(count)
        return lambda: by_searchsorted(*data)

    rivals: dict[str, Callable[[], Job]] = {"ours": ours}
    if count <= 100_000:
        rivals["numpy searchsorted"] = with_numpy
    return f"Hayashi-Yoshida, 121 leads, {count:,} ticks a side", rivals


def by_searchsorted(
    x_at: NDArray[np.int64], x: Floats, y_at: NDArray[np.int64], y: Floats
) -> list[float]:
    """Return the same sums with a binary search for each change."""
    last = len(y_at) - 1
    found = []
    for lead in LEADS_MICROSECONDS:
        since = np.clip(np.searchsorted(y_at, x_at[:-1] + lead, side="right") - 1, 0, last)
        until = np.clip(np.searchsorted(y_at, x_at[1:] + lead, side="left"), 0, last)
        found.append(float((np.diff(x) * (y[np.maximum(until, since)] - y[since])).sum()))
    return found


def granger_ours(rows: int, orders: int) -> Job:
    """Prepare our test of both directions at many orders."""
    x, y = pair(rows)
    granger_orders(x[:1000], y[:1000], orders)  # compiles
    return lambda: granger_orders(x, y, orders)


def granger_job() -> Titled:
    """F tests of both directions for every order; the reference does one direction a call."""

    def reference() -> Job:
        module = import_module("statsmodels.tsa.stattools")
        x, y = pair(MONTH)
        return lambda: [
            module.grangercausalitytests(np.column_stack(columns), ORDERS)
            for columns in ((y, x), (x, y))
        ]

    rivals: dict[str, Callable[[], Job]] = {"ours": lambda: granger_ours(MONTH, ORDERS)}
    if find_spec("statsmodels") is not None:
        rivals["statsmodels"] = reference
    return f"Granger, both ways, orders 1..{ORDERS}, {MONTH:,} rows", rivals


def rolling_job() -> Titled:
    """Correlation of three window lengths; pandas and TA-Lib are wrong after a bad tick."""

    def ours() -> Job:
        x, y = pair(TEN_YEARS)
        rolling_correlation(x[:1000], y[:1000], 60)  # compiles
        return lambda: [rolling_correlation(x, y, window) for window in WINDOWS]

    def with_pandas() -> Job:
        x, y = (pd.Series(values) for values in pair(TEN_YEARS))
        return lambda: [x.rolling(window).corr(y) for window in WINDOWS]

    def with_polars() -> Job:
        frame = pl.DataFrame(dict(zip("xy", pair(TEN_YEARS), strict=True)))
        return lambda: frame.select(
            pl.rolling_corr("x", "y", window_size=window).alias(str(window)) for window in WINDOWS
        )

    def with_talib() -> Job:
        module = import_module("talib")
        x, y = pair(TEN_YEARS)
        return lambda: [module.CORREL(x, y, timeperiod=window) for window in WINDOWS]

    rivals = {"ours": ours, "polars rolling_corr": with_polars, "pandas rolling": with_pandas}
    if find_spec("talib") is not None:
        rivals["TA-Lib"] = with_talib
    return f"Rolling correlation, {TEN_YEARS:,} rows x 3 windows", rivals
