"""The rows of the analysis tables from stored bars; knows settings and tables, not Dagster.

Each session's rows depend on bars up to that session alone, and within ``correlations`` on
bars up to the reading: computed with other sessions or alone, they are the same.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import date

import polars as pl

from futures_pipeline.analytics.correlation.by_time import (
    correlation_by_hour,
    correlation_by_segment,
    correlation_matrix,
    last_sessions,
)
from futures_pipeline.analytics.correlation.divergence import (
    EPISODE_SCHEMA,
    divergence_episodes,
    divergence_states,
)
from futures_pipeline.analytics.correlation.regimes import (
    REGIME_WINDOW,
    correlation_regimes,
    daily_correlations,
    newest_day,
)
from futures_pipeline.analytics.correlation.rolling import WINDOWS, rolling_correlations
from futures_pipeline.analytics.correlation.spread import spread_bands
from futures_pipeline.analytics.returns.pairs import (
    front_returns,
    paired_returns,
    regular_sessions,
)
from futures_pipeline.api.pairs import INDEX_PAIRS, Bars, Legs, last_shared, pair_name
from futures_pipeline.domain.instruments import UNIVERSE, Kind
from futures_pipeline.orchestration.analysis.found import (
    COMPARED_DAYS,
    HEATMAP_SESSIONS,
    ROLLING_SESSIONS,
    USUAL_SESSIONS,
    Days,
    Found,
)
from futures_pipeline.storage.tables import (
    CORRELATION_DAYS,
    CORRELATION_HEATMAP,
    CORRELATION_MATRIX,
    CORRELATIONS,
    DIVERGENCES,
    SPREADS,
    Table,
)

MATRIX_MINUTES = (1, 5, 15, 60)
DIVERGENCE_WINDOW = WINDOWS[1]
SPREAD_MINUTES = 60


def as_rows(table: Table, parts: Iterable[pl.DataFrame]) -> pl.DataFrame:
    """Return frames with a table's columns as its rows; no frame gives no row."""
    shaped = [
        part.select(pl.col(name).cast(kind) for name, kind in table.schema.items())
        for part in parts
    ]
    return pl.concat([pl.DataFrame(schema=table.schema), *shaped]).sort(table.order)


def named(legs: Legs) -> list[pl.Expr]:
    """Return the columns that say which pair a row is of."""
    return [
        pl.lit(pair_name(legs)).alias("pair"),
        pl.lit(legs[0]).alias("futures_symbol"),
        pl.lit(legs[1]).alias("spot_symbol"),
    ]


def rolling_rows(bars: Bars, pairs: Sequence[Legs], days: Days) -> Found:
    """Return ``correlations``, ``divergences`` and ``spreads`` of some sessions.

    ``bars``: of these and of the 21 sessions of each pair before each. A pair whose markets
    were never open together has no rows.
    """
    readings: list[pl.DataFrame] = []
    episodes: list[pl.DataFrame] = []
    flags = bars.flags()
    for minutes, legs, returns in _returns(bars, pairs, WINDOWS):
        if minutes == 1:
            regimes = correlation_regimes(rolling_correlations(returns, REGIME_WINDOW, days))
            rows, found = _divergences(returns, legs, days)
            readings += [_readings(regimes, legs, (1, REGIME_WINDOW)), _flagged(rows, flags)]
            episodes.append(found)
        else:
            window = WINDOWS[minutes]
            rolling = rolling_correlations(returns, window, days)
            readings.append(_readings(rolling, legs, (minutes, window)))
    tables = {
        CORRELATIONS.name: as_rows(CORRELATIONS, readings),
        DIVERGENCES.name: as_rows(DIVERGENCES, episodes),
        SPREADS.name: as_rows(SPREADS, _spreads(bars, pairs, days)),
    }
    return Found(tables, _newest_readings(tables[CORRELATIONS.name], days))


def matrix_rows(bars: Bars, days: Days) -> Found:
    """Return ``correlation_matrix`` of some sessions: futures, ETFs and pairs of currencies."""
    parts = []
    for minutes in MATRIX_MINUTES:
        front = bars.front(minutes)
        for day in days:
            symbols = _compared(bars, day)
            if len(symbols) > 1:
                found = correlation_matrix(front, symbols, day)
                parts.append(found.with_columns(timeframe_minutes=pl.lit(minutes, pl.Int64)))
    return Found({CORRELATION_MATRIX.name: as_rows(CORRELATION_MATRIX, parts)})


def _compared(bars: Bars, until: date) -> list[str]:
    """Return the symbols with bars up to a date, without indexes, which nobody can trade."""
    held = set(bars.rows.filter(pl.col("session_date") <= until)["symbol"].unique())
    return [s for s in bars.symbols if s in held and UNIVERSE[s].kind is not Kind.INDEX]


def heatmap_rows(bars: Bars, pairs: Sequence[Legs], days: Days) -> Found:
    """Return ``correlation_heatmap`` and ``correlation_days`` of some sessions.

    ``bars``: of these and of the 59 sessions of each pair before each.
    """
    parts, by_day = [], []
    for minutes, legs, returns in _returns(bars, pairs, HEATMAP_SESSIONS):
        of = [*named(legs), pl.lit(minutes, pl.Int64).alias("timeframe_minutes")]
        for day in days if not returns.is_empty() else ():
            parts.append(_cells(returns, day, HEATMAP_SESSIONS[minutes]).with_columns(of))
        if minutes == 1:
            by_day += [_day(bars, returns, day).with_columns(named(legs)) for day in days]
    tables = {
        CORRELATION_HEATMAP.name: as_rows(CORRELATION_HEATMAP, parts),
        CORRELATION_DAYS.name: as_rows(CORRELATION_DAYS, by_day),
    }
    return Found(tables)


def _day(bars: Bars, returns: pl.DataFrame, day: date) -> pl.DataFrame:
    """Return the kind of day that a session is; no row without NYSE hours of the pair."""
    recent = last_sessions(returns, day, COMPARED_DAYS)
    daily = daily_correlations(regular_sessions(recent, bars.calendar))
    return newest_day(daily).filter(session_date=day)


def _returns(
    bars: Bars, pairs: Sequence[Legs], timeframes: Iterable[int]
) -> Iterator[tuple[int, Legs, pl.DataFrame]]:
    """Yield the paired returns of each pair and timeframe."""
    for minutes in timeframes:
        front = bars.front(minutes)
        for legs in pairs:
            yield minutes, legs, paired_returns(front, *legs)


def _cells(returns: pl.DataFrame, day: date, sessions: int) -> pl.DataFrame:
    by_hour = correlation_by_hour(returns, day, sessions).rename({"hour": "cell"})
    by_part = correlation_by_segment(returns, day, sessions).rename({"segment": "cell"})
    two_digits = pl.col("cell").cast(pl.String).str.zfill(2)
    return pl.concat(
        [
            by_hour.with_columns(two_digits, grouped_by=pl.lit("hour")),
            by_part.with_columns(grouped_by=pl.lit("segment")),
        ]
    )


def _readings(rolling: pl.DataFrame, legs: Legs, of: tuple[int, int]) -> pl.DataFrame:
    """Return readings of one timeframe and window with what a table names them by."""
    r, low, high = (pl.col(name) for name in ("correlation", "low", "high"))
    unclear = r.is_null() | ((low <= 0) & (high >= 0))
    states = ("regime", "divergence", "is_unusual", "quality_flags")
    missing = [pl.lit(None).alias(name) for name in states if name not in rolling.columns]
    return rolling.with_columns(
        *named(legs),
        *missing,
        timeframe_minutes=pl.lit(of[0], pl.Int64),
        window=pl.lit(of[1], pl.Int64),
        colour=pl.when(unclear)
        .then(pl.lit("grey"))
        .when(r > 0.5)
        .then(pl.lit("green"))
        .when(r >= 0)
        .then(pl.lit("yellow"))
        .otherwise(pl.lit("red")),
    )


def _flagged(rows: pl.DataFrame, flags: pl.DataFrame) -> pl.DataFrame:
    """Return readings with the flags of both legs' minutes that end with them."""
    for leg in ("futures", "spot"):
        of_leg = flags.select(pl.col("contract").alias(f"contract_{leg}"), "at", "quality_flags")
        on = [f"contract_{leg}", "at"]
        rows = rows.join(of_leg, on=on, how="left", suffix=f"_{leg}", maintain_order="left")
    either = pl.col("quality_flags_futures") | pl.col("quality_flags_spot")
    return rows.with_columns(quality_flags=either)


def _divergences(
    returns: pl.DataFrame, legs: Legs, days: Days
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return the readings of some sessions with their states, and the episodes in them."""
    known = returns["session_date"].unique().sort().to_list()
    rolling = rolling_correlations(returns, DIVERGENCE_WINDOW, known)
    readings, episodes = [rolling.clear()], [pl.DataFrame(schema=EPISODE_SCHEMA)]
    for day in days:
        usual = last_sessions(rolling, day, USUAL_SESSIONS + 1)
        states = divergence_states(usual)
        found = divergence_episodes(states, is_index_pair=legs in INDEX_PAIRS)
        readings.append(states.filter(session_date=day))
        episodes.append(found.filter(session_date=day))
    severity = (
        pl.when(pl.col("is_major")).then(pl.lit("major"))
        .when(pl.col("is_minor")).then(pl.lit("minor"))
        .otherwise(pl.lit("none"))
    )  # fmt: skip
    marked = pl.concat(readings, how="diagonal").with_columns(divergence=severity)
    rows = _readings(marked, legs, (1, DIVERGENCE_WINDOW))
    return rows, pl.concat(episodes).with_columns(named(legs))


def _spreads(bars: Bars, pairs: Sequence[Legs], days: Days) -> Iterator[pl.DataFrame]:
    """Yield the spreads of pairs without a common index, against the history of one contract."""
    apart = [legs for legs in pairs if legs not in INDEX_PAIRS]
    returns = bars.returns(SPREAD_MINUTES) if apart else pl.DataFrame()
    for legs in apart:
        for day in days:
            contract = _contract_of(bars, legs[0], day)
            if contract is None:
                continue
            own = pl.when(pl.col("symbol") == legs[0]).then(pl.lit(contract))
            kept = bars.schedule.with_columns(contract=own.otherwise("contract"))
            known = paired_returns(front_returns(returns, kept), *legs)
            recent = pl.col("session_date").is_in(_shared(bars, legs, day))
            yield spread_bands(known.filter(recent), [day]).with_columns(named(legs))


def _contract_of(bars: Bars, symbol: str, day: date) -> str | None:
    """Return the contract of a symbol in a session, the symbol itself for what has none."""
    leads: list[str | None] = bars.schedule.filter(symbol=symbol, session_date=day)[
        "contract"
    ].to_list()
    if leads:
        return leads[0]
    return None if UNIVERSE[symbol].kind is Kind.FUTURE else symbol


def _shared(bars: Bars, legs: Legs, until: date) -> list[date]:
    held = bars.rows.group_by("symbol").agg(pl.col("session_date").unique())
    return last_shared(dict(held.iter_rows()), legs, until, ROLLING_SESSIONS)


def _newest_readings(readings: pl.DataFrame, days: Days) -> dict[date, list[str]]:
    of_window = readings.filter(timeframe_minutes=1, window=DIVERGENCE_WINDOW)
    known = of_window.drop_nulls("correlation").sort("at")
    newest = known.group_by("session_date", "pair").last().sort("pair")
    said: dict[date, list[str]] = {day: [] for day in days}
    for row in newest.iter_rows(named=True):
        said[row["session_date"]].append(
            f"{row['pair']}: correlation {row['correlation']:.3f} ({row['low']:.3f} to "
            f"{row['high']:.3f}) over the last {row['window']} minutes up to "
            f"{row['at']:%Y-%m-%d %H:%M} UTC"
        )
    return said
