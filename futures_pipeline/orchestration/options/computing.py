"""From stored rows to the statistics and regimes of sessions, one by one; knows no Dagster.

Loaded by a run and not with the definitions: the statistics take a second to import.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import cached_property

import polars as pl

from futures_pipeline.analytics.options.cleaning import CLOSING, READ, OptionDay
from futures_pipeline.analytics.options.closing_numbers import (
    ClosingChain,
    closing_chain,
    largest_by_contract,
)
from futures_pipeline.analytics.options.derived_statistics import (
    WINDOWS,
    Background,
    statistics_of,
)
from futures_pipeline.analytics.options.history import RETURNS
from futures_pipeline.analytics.options.term_structure import Smile, smiles
from futures_pipeline.analytics.regimes import regime_rows
from futures_pipeline.config import Settings
from futures_pipeline.domain.instruments import Kind
from futures_pipeline.domain.sessions import Session, TradingCalendar
from futures_pipeline.storage.lake import Lake
from futures_pipeline.storage.tables import (
    BARS_1M,
    DERIVED_STATISTICS,
    MARKET_REGIMES,
    OPTION_SNAPSHOTS,
    Table,
)
from futures_pipeline.storage.tables.options import GREEK_COLUMNS, VENDOR

VIX = "VIX"
LONGEST_WINDOW = max(WINDOWS.values())
TRADED = ("symbol", "contract", "right", "volume", "open_interest")
CLOSES_SCHEMA = {"symbol": pl.String, "date": pl.Date, "close": pl.Float64}


@dataclass(frozen=True)
class Described:
    """One NYSE session: its options at the close, and the rows that follow from them."""

    chain: ClosingChain
    statistics: pl.DataFrame
    regimes: pl.DataFrame

    @property
    def session_date(self) -> date:
        return self.chain.day.session_date

    @cached_property
    def smiles(self) -> list[Smile]:
        return smiles(self.chain.valued)


class Statistician:
    """Computes sessions from a lake, one at a time: a year of rows never is in memory."""

    def __init__(self, lake: Lake, settings: Settings, calendar: TradingCalendar) -> None:
        self._lake = lake
        self._settings = settings
        self._regular = calendar.regular
        self._symbols = [it.symbol for it in settings.instruments if it.kind is Kind.ETF]

    def described(self, days: Sequence[date], updated_at: datetime) -> Iterator[Described]:
        """Yield each NYSE session among some days, ascending; a later one knows the earlier."""
        sessions = [it for day in sorted(days) if (it := self._regular.on(day)) is not None]
        if not sessions:
            return
        first, last = sessions[0].session_date, sessions[-1].session_date
        known = [*self._regular.before(first, LONGEST_WINDOW), *self._regular.between(first, last)]
        stored = self._stored(known)
        closes = closing_prices(self._lake, self._priced(known, first), [*self._symbols, VIX])
        for session in sessions:
            found = self._one(session, closes, stored, updated_at)
            fresh = found.statistics.select(DERIVED_STATISTICS.names)
            others = stored.filter(pl.col("session_date") != session.session_date)
            stored = pl.concat([others, fresh], rechunk=True)
            yield found

    def _one(
        self, session: Session, closes: pl.DataFrame, stored: pl.DataFrame, updated_at: datetime
    ) -> Described:
        day = OptionDay(session.session_date, session.closes_at, self._settings.options.rate)
        traded = traded_contracts(self._lake, day.session_date)
        chain = closing_chain(quoted_rows(self._lake, session, traded), day, traded)
        past = self._background(closes, stored, chain)
        statistics = statistics_of(chain, self._symbols, past, updated_at)
        statistics = shaped(statistics, DERIVED_STATISTICS)
        whole = pl.concat([stored.filter(pl.col("session_date") < day.session_date), statistics])
        regimes = regime_rows(whole, day.session_date, self._regular, updated_at)
        return Described(chain, statistics, shaped(regimes, MARKET_REGIMES))

    def _background(
        self, closes: pl.DataFrame, stored: pl.DataFrame, chain: ClosingChain
    ) -> Background:
        """Return what a day is measured against.

        A close is the last minute's of the bars; without one, of the day itself the price
        that came with its closing quotes, of an earlier day what was stored then.
        """
        today = chain.day.session_date
        earlier = stored.filter(pl.col("date") < today)
        before = earlier.select("symbol", "date", close="underlying_close")
        told = pl.concat([closes, before, quoted_prices(chain)]).drop_nulls("close")
        known = told.unique(["symbol", "date"], keep="first")
        sessions = self._regular.before(today, LONGEST_WINDOW - 1)
        vix = known.filter(symbol=VIX, date=today)["close"].to_list()
        return Background(
            sessions=[*(it.session_date for it in sessions), today],
            underlyings=self._with_dividends(known),
            stored=stored,
            vix_close=next(iter(vix), None),
        )

    def _with_dividends(self, closes: pl.DataFrame) -> pl.DataFrame:
        paid = [
            (symbol, ex_date, amount)
            for symbol, amounts in self._settings.options.dividends.items()
            for ex_date, amount in amounts.items()
        ]
        schema = {"symbol": pl.String, "date": pl.Date, "dividend": pl.Float64}
        dividends = pl.DataFrame(paid, schema=schema, orient="row")
        joined = closes.join(dividends, on=["symbol", "date"], how="left")
        return joined.with_columns(pl.col("dividend").fill_null(0.0))

    def _stored(self, sessions: Sequence[Session]) -> pl.DataFrame:
        """Return the stored statistics of some sessions."""
        table = self._lake.newest(DERIVED_STATISTICS.name)
        if table is None:
            return pl.DataFrame(schema=DERIVED_STATISTICS.schema)
        first, last = sessions[0].session_date, sessions[-1].session_date
        is_near = pl.col("session_date").is_between(first, last)
        # A file a session is a chunk a session, which makes every later step slow.
        return table.scan().filter(is_near).collect().rechunk()

    def _priced(self, known: Sequence[Session], first: date) -> Sequence[Session]:
        """Return the sessions whose closes matter to the first session and those after it."""
        earlier = self._regular.before(first, RETURNS)
        return [it for it in known if it.session_date >= earlier[0].session_date]


def traded_contracts(lake: Lake, session_date: date) -> pl.DataFrame:
    """Return what each option of a session traded: ``largest_by_contract`` of all its rows."""
    return largest_by_contract(_option_rows(lake, session_date).select(TRADED).collect())


def quoted_rows(lake: Lake, session: Session, traded: pl.DataFrame) -> pl.DataFrame:
    """Return a session's ``option_snapshots`` that statistics are made of.

    Those of the quarter of an hour before the close, a twentieth of all; of a symbol that
    traded and has none there, all. What a vendor computed is left out: statistics compute
    volatilities and greeks of imported quotes themselves.
    """
    rows = _option_rows(lake, session.session_date).select(*READ, "greeks")
    is_late = pl.col("timestamp").is_between(session.closes_at - CLOSING, session.closes_at)
    late = rows.filter(is_late).collect()
    missing = sorted(set(traded["symbol"].unique()) - set(late["symbol"].unique()))
    if missing:
        late = pl.concat([late, rows.filter(pl.col("symbol").is_in(missing)).collect()])
    own = [name for name in GREEK_COLUMNS if name != "underlying_price"]
    is_ours = pl.col("greeks") != VENDOR
    return late.with_columns(pl.when(is_ours).then(pl.col(own)).name.keep()).select(READ)


def _option_rows(lake: Lake, session_date: date) -> pl.LazyFrame:
    table = lake.newest(OPTION_SNAPSHOTS.name)
    rows = pl.LazyFrame(schema=OPTION_SNAPSHOTS.schema) if table is None else table.scan()
    return rows.filter(pl.col("session_date") == session_date)


def closing_prices(lake: Lake, sessions: Sequence[Session], symbols: Sequence[str]) -> pl.DataFrame:
    """Return the last one-minute close of each symbol in the quarter of an hour before NYSE's.

    ``symbol``, ``date``, ``close``; no row where there is no such bar.
    """
    bars = lake.newest(BARS_1M.name)
    if bars is None:
        return pl.DataFrame(schema=CLOSES_SCHEMA)
    days = [it.session_date for it in sessions]
    ends = pl.LazyFrame({"session_date": days, "until": [it.closes_at for it in sessions]})
    own = pl.col("symbol").is_in(list(symbols)) & pl.col("session_date").is_in(days)
    late = pl.col("ts_end").is_between(pl.col("until") - CLOSING, pl.col("until"))
    chosen = bars.scan().filter(own).select("symbol", "session_date", "ts_end", "close")
    found = chosen.join(ends, on="session_date").filter(late).sort("ts_end")
    closes = found.group_by("symbol", "session_date").agg(pl.col("close").last()).collect()
    return closes.rename({"session_date": "date"})


def quoted_prices(chain: ClosingChain) -> pl.DataFrame:
    """Return the ETFs' prices that came with the quotes of the close itself."""
    at_close = chain.judged.filter(pl.col("timestamp") >= chain.day.closes_at - CLOSING)
    price = pl.col("underlying_price").median().alias("close")
    found = at_close.group_by("symbol").agg(price).drop_nulls("close")
    return found.select("symbol", pl.lit(chain.day.session_date).alias("date"), "close")


def shaped(rows: pl.DataFrame, table: Table) -> pl.DataFrame:
    """Return rows in a table's columns and order; ``session_date`` is ``date`` where absent."""
    if "session_date" not in rows.columns:
        rows = rows.with_columns(session_date=pl.col("date"))
    return rows.select(pl.col(n).cast(kind) for n, kind in table.schema.items()).sort(table.order)
