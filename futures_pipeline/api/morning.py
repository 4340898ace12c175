"""What the lake knows of a morning at 09:25 New York.

Everything is read up to that moment: rows of the session by their time, rows about whole
sessions only of earlier ones. What came later changes nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cached_property

import polars as pl

from futures_pipeline.analytics.gap_summary import contracts_in_words, outages
from futures_pipeline.analytics.regimes import Asked, known_row
from futures_pipeline.api.deciding.moments import moment_of
from futures_pipeline.api.deciding.sources import Sources
from futures_pipeline.api.pairs import INDEX_PAIRS, Legs, pair_name
from futures_pipeline.api.store import Store
from futures_pipeline.decisions.brief.grade import NightMinutes, OpenAlert
from futures_pipeline.decisions.brief.morning import Gap, Market, Morning, Row, Vix
from futures_pipeline.decisions.scorecard.calls import DECISIONS, PREMARKET, SHADOW
from futures_pipeline.decisions.scorecard.nights import Night
from futures_pipeline.decisions.signals.premarket import FINAL_AT
from futures_pipeline.domain.calendar import calendar_for
from futures_pipeline.domain.errors import ConfigurationError
from futures_pipeline.domain.sessions import Session, TradingCalendar, new_york
from futures_pipeline.storage.tables import (
    BARS_1M,
    ENTRY_DECISIONS,
    FUTURES_SIGNALS,
    GAPS,
    MARKET_REGIMES,
    OUTCOMES,
    PREDICTIVE_VALUE,
    PREMARKET_SIGNALS,
    REGIME_WARNINGS,
    SCORECARD,
)

VIX = "VIX"
# A VIX of yesterday afternoon is not this morning's.
MOST_VIX_AGE = timedelta(hours=12)
# A regime older than three sessions is not known; holidays lie between.
REGIME_DAYS = timedelta(days=14)
STANDING = {PREMARKET: "Bias for the open", DECISIONS: "Decisions", SHADOW: "Held-back decisions"}
READ = (PREMARKET_SIGNALS, FUTURES_SIGNALS, ENTRY_DECISIONS, REGIME_WARNINGS, MARKET_REGIMES,
        PREDICTIVE_VALUE, OUTCOMES, SCORECARD, BARS_1M, GAPS)  # fmt: skip


def brief_moment(day: date) -> datetime:
    """Return 09:25 New York of a day, UTC: the moment a brief is as of."""
    return new_york(day, FINAL_AT.hour, FINAL_AT.minute)


def read_morning(
    store: Store, day: date, made_at: datetime, alerts: Sequence[OpenAlert] = ()
) -> Morning:
    """Return what is known of the morning of an NYSE day.

    Args:
        store: the lake.
        day: the trade date.
        made_at: the market's time now; the brief cannot be made before its moment.
        alerts: what is wrong now, for a brief of now.

    Raises:
        ConfigurationError: ``day`` is no NYSE day, or 09:25 of it has not come.
    """
    calendar = calendar_for(max(made_at, brief_moment(day)))
    regular, globex = calendar.regular.on(day), calendar.globex.on(day)
    if regular is None or globex is None:
        raise ConfigurationError("day", str(day), "a day on which NYSE trades")
    if made_at < brief_moment(day):
        raise ConfigurationError("day", str(day), "one whose 09:25 New York has passed")
    reader = _Reader(store, day, calendar)
    markets = [reader.market(legs) for legs in reader.pairs]
    return Morning(
        session_date=day,
        as_of=reader.as_of,
        made_at=made_at,
        opens_at=regular.opens_at,
        markets=markets,
        vix=reader.vix(),
        minutes=reader.minutes(globex, markets),
        gaps=reader.gaps(),
        alerts=alerts,
        provenance=reader.provenance(),
    )


@dataclass(frozen=True)
class _Reader:
    """The tables of one lake, up to one morning."""

    store: Store
    day: date
    calendar: TradingCalendar

    @cached_property
    def as_of(self) -> datetime:
        return brief_moment(self.day)

    @cached_property
    def pairs(self) -> list[Legs]:
        held = {instrument.symbol for instrument in self.store.settings.instruments}
        return sorted(legs for legs in INDEX_PAIRS if held.issuperset(legs))

    @cached_property
    def bars(self) -> pl.DataFrame:
        """Bars of futures and VIX from the last NYSE close to the moment, ascending."""
        wanted = [futures for futures, _ in self.pairs]
        days = [session.session_date for session in self.calendar.globex.before(self.day, 3)]
        rows = self.store.scan(BARS_1M.name).filter(
            pl.col("session_date").is_in([*days, self.day]),
            pl.col("symbol").is_in([*wanted, VIX]),
            pl.col("ts_end") <= self.as_of,
        )
        return rows.select("symbol", "contract", "ts_end", "close").sort("ts_end").collect()

    def market(self, legs: Legs) -> Market:
        """Return what is known of one pair."""
        futures, spot = legs
        premarket = self._newest(PREMARKET_SIGNALS.name, spot)
        since = self.calendar.anchor(self.as_of)
        path = self.bars.filter(
            pl.col("ts_end") >= since, contract=self._contract(futures, premarket)
        )
        return Market(
            symbol=spot,
            futures_symbol=futures,
            premarket=premarket,
            signal=self._newest(FUTURES_SIGNALS.name, spot) or self._signal_now(spot),
            decision=self._newest(ENTRY_DECISIONS.name, spot),
            warning=self._newest(REGIME_WARNINGS.name, futures),
            regime=self._regime(spot),
            usefulness=self._usefulness(legs),
            standing=self._standing(spot),
            path=path["close"].to_list(),
            nights=self._nights(spot),
        )

    def vix(self) -> Vix:
        """Return VIX now, and at the last NYSE close."""
        rows, close = self.bars.filter(symbol=VIX), self.calendar.anchor(self.as_of)
        newest = rows.filter(pl.col("ts_end") >= self.as_of - MOST_VIX_AGE).tail(1)
        before = rows.filter(pl.col("ts_end") <= close).tail(1)
        now, at = newest.select("close", "ts_end").row(0) if newest.height else (None, None)
        return Vix(now, at, before["close"].item() if before.height else None)

    def minutes(self, session: Session, markets: Sequence[Market]) -> list[NightMinutes]:
        """Return how many of the night's minutes each future's contract has a bar of."""
        expected = round(self.calendar.globex.open_seconds(session.opens_at, self.as_of) / 60)
        night = self.bars.filter(pl.col("ts_end") > session.opens_at)
        found = []
        for market in markets:
            contract = self._contract(market.futures_symbol, market.premarket)
            ends: list[datetime] = night.filter(contract=contract)["ts_end"].to_list()
            found.append(NightMinutes(contract, expected, len(ends), ends[-1] if ends else None))
        return found

    def gaps(self) -> list[Gap]:
        """Return the gaps of one-minute bars up to the moment, those of one outage together."""
        rows = self.store.scan(GAPS.name).filter(
            pl.col("session_date") == self.day,
            pl.col("stream") == "bars",
            pl.col("starts_at") < self.as_of,
        )
        clipped = rows.with_columns(pl.col("ends_at").clip(upper_bound=self.as_of))
        length = (pl.col("ends_at") - pl.col("starts_at")).dt.total_minutes()
        found = outages(clipped.with_columns(minutes=length).collect())
        return [
            Gap(contracts_in_words(contracts), *rest)
            for contracts, *rest in found.select(
                "contracts", "starts_at", "ends_at", "says", "is_explained"
            ).iter_rows()
        ]

    def provenance(self) -> list[str]:
        """Return what the page was read from."""
        opened = [(table.name, self.store.open(table.name)) for table in READ]
        versions = [f"{name} {held.version}" for name, held in opened if held is not None]
        return [
            f"Read as of {self.as_of:%Y-%m-%d %H:%M} UTC from table versions: "
            f"{', '.join(versions) or 'none'}.",
            f"Settings {self.store.settings.fingerprint()}. Times are New York and UTC. Points are "
            "index points. Intervals are 95 %.",
        ]

    def _contract(self, futures: str, premarket: Row | None) -> str:
        """Return the contract that the signal names, else the one with most bars."""
        if premarket is not None and premarket["contract"] is not None:
            return str(premarket["contract"])
        most = self.bars.filter(symbol=futures)["contract"].mode().sort().to_list()
        return most[0] if most else futures

    def _newest(self, name: str, symbol: str) -> Row | None:
        """Return the newest row of the session that a table has of a symbol."""
        rows = self.store.scan(name).filter(
            pl.col("session_date") == self.day,
            pl.col("symbol") == symbol,
            pl.col("timestamp") <= self.as_of,
        )
        newest = rows.sort("timestamp").tail(1).collect()
        return newest.row(0, named=True) if newest.height else None

    def _signal_now(self, symbol: str) -> Row:
        """Return the futures signal of the moment; stored ones begin with regular hours."""
        return moment_of(Sources(self.store), symbol, self.as_of).signal().row

    def _regime(self, symbol: str) -> Row | None:
        day = pl.col("session_date")
        recent = day.is_between(self.day - REGIME_DAYS, self.day)
        rows = self.store.scan(MARKET_REGIMES.name).filter(recent).collect()
        asked = Asked(symbol, self.as_of, self.day)
        return known_row(asked, rows, self.calendar.regular) or None

    def _earlier(self, name: str) -> pl.LazyFrame:
        return self.store.scan(name).filter(pl.col("session_date") < self.day)

    def _usefulness(self, legs: Legs) -> str | None:
        rows = self._earlier(PREDICTIVE_VALUE.name).filter(pl.col("pair") == pair_name(legs))
        newest = rows.sort("session_date").tail(1).collect()
        if newest.is_empty():
            return None
        verdict, sentence = newest.select("pair_verdict", "sentence").row(0)
        return f"{pair_name(legs)} {verdict}: {sentence}"

    def _standing(self, symbol: str) -> list[str]:
        rows = self._earlier(SCORECARD.name).filter(
            pl.col("symbol") == symbol, pl.col("slice") == "all", pl.col("horizon") == "30m"
        )
        newest = rows.filter(pl.col("session_date") == pl.col("session_date").max()).collect()
        said = dict(newest.select("source", "sentence").iter_rows())
        return [
            f"{name}, first 30 minutes: {said[source]}."
            for source, name in STANDING.items()
            if source in said
        ]

    def _nights(self, symbol: str) -> list[Night]:
        """Return the past nights that have a final signal, with what followed them."""
        signals = self._earlier(PREMARKET_SIGNALS.name).filter(
            pl.col("symbol") == symbol, pl.col("is_final"), pl.col("z").is_not_null()
        )
        graded = self._earlier(OUTCOMES.name).filter(
            pl.col("symbol") == symbol, pl.col("source") == PREMARKET
        )
        at = "timestamp"
        rows = signals.select("session_date", at, "z", "persistence", "vix")
        for horizon, name in (("30m", "first_half_hour"), ("close", "to_close")):
            of = graded.filter(pl.col("horizon") == horizon)
            rows = rows.join(of.select(at, pl.col("log_return").alias(name)), at, how="left")
        last = rows.sort(at).unique("session_date", keep="last").drop(at).sort("session_date")
        return [Night(**row) for row in last.collect().iter_rows(named=True)]
