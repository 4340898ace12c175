"""The lake's tables as data: columns with units, keys, and the rules a row must keep.

One rule list serves the quarantine and the pandera schema alike (``storage.schemas``).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import polars as pl

UTC_TIME = pl.Datetime("us", "UTC")
PRICE_COLUMNS = ("bid", "ask", "last")
OHLC = ("open", "high", "low", "close")
# As in ESH6. Source: CME contract month codes.
DELIVERY_MONTH = "^[FGHJKMNQUVXZ][0-9]$"


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its polars type, whether null is allowed, and what it means."""

    name: str
    dtype: pl.DataType | type[pl.DataType]
    nullable: bool
    description: str


@dataclass(frozen=True, slots=True)
class Rule:
    """A condition every stored row keeps; ``keeps`` is true, false or null (unknown passes)."""

    name: str
    keeps: pl.Expr
    says: str


@dataclass(frozen=True, slots=True)
class Table:
    """One Delta table, partitioned by ``session_date``.

    ``key`` identifies a row. ``values`` are the columns whose change makes a revision;
    ``precedence`` orders rivals for one key, the greatest wins.
    """

    name: str
    description: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    order: tuple[str, ...]
    rules: tuple[Rule, ...] = ()
    values: tuple[str, ...] = ()
    precedence: tuple[pl.Expr, ...] = ()

    @property
    def schema(self) -> dict[str, pl.DataType | type[pl.DataType]]:
        return {column.name: column.dtype for column in self.columns}

    @property
    def names(self) -> list[str]:
        return [column.name for column in self.columns]

    @property
    def moment(self) -> str:
        """The time column that decides a raw row's session."""
        return self.key[-1]


def _finite(*names: str) -> pl.Expr:
    return pl.all_horizontal(pl.col(name).is_finite().fill_null(True) for name in names)


def _not_negative(*names: str) -> pl.Expr:
    return pl.all_horizontal(
        (pl.col(name).is_finite() & (pl.col(name) >= 0)).fill_null(True) for name in names
    )


def _positive(*names: str) -> pl.Expr:
    return pl.all_horizontal((pl.col(name) > 0).fill_null(True) for name in names)


_IDENTITY = (
    Column("symbol", pl.String, False, "root symbol, such as ES"),
    Column(
        "contract",
        pl.String,
        False,
        "local symbol of the contract, ESH6; the symbol itself for ETFs and indexes",
    ),
    Column("con_id", pl.Int64, False, "the broker's contract id"),
    Column("expiry", pl.Date, True, "last trade date; null for what does not expire"),
    Column(
        "session_date", pl.Date, False, "trade date of the Globex session (18:00 to 17:00 New York)"
    ),
)
_PROVENANCE = (
    Column(
        "data_type",
        pl.String,
        False,
        "what the broker sent: live, frozen, delayed or delayed_frozen",
    ),
    Column("received_at", UTC_TIME, False, "when the collector had the row, UTC"),
    Column("ingested_at", UTC_TIME, False, "when the row was committed to the lake, UTC"),
    Column("spool_seq", pl.Int64, False, "the spool batch the row came in"),
)
_OWN_CONTRACT = Rule(
    "contract_belongs_to_symbol",
    (pl.col("contract") == pl.col("symbol"))
    | (
        pl.col("contract").str.starts_with(pl.col("symbol"))
        & pl.col("contract").str.strip_prefix(pl.col("symbol")).str.contains(DELIVERY_MONTH)
    ),
    "the contract is its symbol, alone or with a month letter and the last digit of the year",
)
_DATA_TYPE = Rule(
    "data_type_known",
    pl.col("data_type").is_in(["live", "frozen", "delayed", "delayed_frozen"]),
    "data_type is live, frozen, delayed or delayed_frozen",
)


def _snapshots(name: str, what: str) -> Table:
    return Table(
        name=name,
        description=f"One row per contract and collection round: {what}.",
        columns=(
            *_IDENTITY,
            Column("timestamp", UTC_TIME, False, "when the quote was observed (observed_at), UTC"),
            Column("bid", pl.Float64, True, "best bid, price units; null when there is none"),
            Column("ask", pl.Float64, True, "best ask, price units; null when there is none"),
            Column("bid_size", pl.Float64, True, "contracts or shares at the bid"),
            Column("ask_size", pl.Float64, True, "contracts or shares at the ask"),
            Column("last", pl.Float64, True, "last trade, price units"),
            Column("last_at", UTC_TIME, True, "when that trade happened, UTC, to the second"),
            Column("volume", pl.Float64, True, "contracts or shares since the session opened"),
            Column("open_interest", pl.Float64, True, "contracts; null when not delivered"),
            Column("implied_vol", pl.Float64, True, "annualised, decimal; null when not delivered"),
            *_PROVENANCE,
        ),
        key=("contract", "timestamp"),
        order=("symbol", "contract", "timestamp"),
        rules=(
            Rule("prices_finite", _finite(*PRICE_COLUMNS), "bid, ask and last are finite numbers"),
            Rule("prices_positive", _positive(*PRICE_COLUMNS), "bid, ask and last are above 0"),
            Rule("quote_not_crossed", (pl.col("bid") <= pl.col("ask")), "bid is not above ask"),
            Rule(
                "quantities_not_negative",
                _not_negative("bid_size", "ask_size", "volume", "open_interest", "implied_vol"),
                "sizes, volume, open interest and implied volatility are finite and not negative",
            ),
            Rule(
                "has_a_price",
                pl.any_horizontal(pl.col(column).is_not_null() for column in PRICE_COLUMNS),
                "at least one of bid, ask and last is there",
            ),
            _OWN_CONTRACT,
            _DATA_TYPE,
        ),
        values=(*PRICE_COLUMNS, "bid_size", "ask_size", "volume", "open_interest", "implied_vol"),
        precedence=(pl.col("received_at"),),
    )


FUTURES_SNAPSHOTS = _snapshots("futures_snapshots", "quotes of ES, NQ and RTY futures")
SPOT_SNAPSHOTS = _snapshots("spot_snapshots", "quotes of SPY, QQQ and IWM")
INDEX_SNAPSHOTS = _snapshots("index_snapshots", "VIX, which has a last price and no quote")

BARS_1M = Table(
    name="bars_1m",
    description="One-minute bars of every symbol, from 5-second bars or from the broker's history.",
    columns=(
        *_IDENTITY,
        Column("ts_start", UTC_TIME, False, "start of the minute, UTC; names the bar"),
        Column("ts_end", UTC_TIME, False, "end of the minute, UTC; returns are indexed by it"),
        Column("open", pl.Float64, False, "first trade of the minute, price units"),
        Column("high", pl.Float64, False, "highest trade, price units"),
        Column("low", pl.Float64, False, "lowest trade, price units"),
        Column("close", pl.Float64, False, "last trade, price units"),
        Column("volume", pl.Float64, True, "contracts or shares traded; null for an index"),
        Column("wap", pl.Float64, True, "volume-weighted average price; null when not delivered"),
        Column("trade_count", pl.Int64, True, "number of trades; null when not delivered"),
        Column(
            "source", pl.String, False, "history (the broker's own bar) or realtime (5-second bars)"
        ),
        *_PROVENANCE,
    ),
    key=("contract", "ts_start"),
    order=("symbol", "contract", "ts_start"),
    rules=(
        Rule("prices_finite", _finite(*OHLC), "open, high, low and close are finite numbers"),
        Rule("prices_positive", _positive(*OHLC), "open, high, low and close are above 0"),
        Rule(
            "high_and_low_bound_the_bar",
            (pl.col("high") >= pl.max_horizontal("open", "close", "low"))
            & (pl.col("low") <= pl.min_horizontal("open", "close")),
            "high is the highest and low the lowest of the four prices",
        ),
        Rule(
            "quantities_not_negative",
            _not_negative("volume", "wap") & (pl.col("trade_count") >= 0).fill_null(True),
            "volume, average price and trade count are finite and not negative",
        ),
        Rule(
            "whole_minute",
            (pl.col("ts_start") == pl.col("ts_start").dt.truncate("1m"))
            & (pl.col("ts_end") == pl.col("ts_start") + pl.duration(minutes=1)),
            "the bar starts on a minute and lasts one",
        ),
        Rule(
            "source_known",
            pl.col("source").is_in(["history", "realtime"]),
            "source is history or realtime",
        ),
        _OWN_CONTRACT,
        _DATA_TYPE,
    ),
    # The source is a value: a bar that history has confirmed must be known as history's, or a
    # later realtime bar of the minute would overrule it.
    values=(*OHLC, "volume", "source"),
    precedence=(pl.col("source") == "history", pl.col("received_at")),
)

QUARANTINE = Table(
    name="quarantine",
    description="Every refused row, whole, with the rule it broke.",
    columns=(
        Column("session_date", pl.Date, False, "session the row's batch was filed under"),
        Column("source_table", pl.String, False, "table the row was meant for"),
        Column("rule", pl.String, False, "first rule that the row broke"),
        Column("says", pl.String, False, "that rule in words"),
        Column("symbol", pl.String, True, "symbol as it came"),
        Column("contract", pl.String, True, "contract as it came"),
        Column("row_json", pl.String, False, "the whole row as it came, JSON"),
        Column("spool_seq", pl.Int64, False, "the spool batch the row came in"),
        Column("row_index", pl.Int64, False, "position of the row in that batch, from 0"),
        Column("ingested_at", UTC_TIME, False, "when the row was committed to the lake, UTC"),
    ),
    key=("source_table", "spool_seq", "row_index"),
    order=("source_table", "spool_seq", "row_index"),
)

_POINTS = "price points; null when a leg is missing (see the reason column)"
_FRACTION = "fraction of the earlier price, 0.01 is one percent; null with the change"
_REASON = "why the change is null: no_price, no_observation_before or stale_observation"
_HORIZONS: Mapping[str, str] = {
    "1h": "against one hour earlier",
    "4h": "against four hours earlier",
    "overnight": "from the previous NYSE close to now, frozen at 09:30 New York",
    "daily": "from the previous NYSE close (16:00 New York, 13:00 when shortened)",
}

CHANGE_METRICS = Table(
    name="change_metrics",
    description="Price changes of each contract at each observation; never across two contracts.",
    columns=(
        *(column for column in _IDENTITY if column.name in ("symbol", "contract", "session_date")),
        Column("timestamp", UTC_TIME, False, "when the price was observed, UTC"),
        Column("price", pl.Float64, True, "reference price: fresh last, else mid, else bar close"),
        Column("price_source", pl.String, True, "last, mid or bar_close"),
        *(
            Column(f"change_{h}", pl.Float64, True, f"{what}; {_POINTS}")
            for h, what in _HORIZONS.items()
        ),
        *(
            Column(f"return_{h}", pl.Float64, True, f"{what}; {_FRACTION}")
            for h, what in _HORIZONS.items()
        ),
        *(
            Column(
                f"spans_closure_{h}",
                pl.Boolean,
                False,
                f"the market was closed within the last {h}",
            )
            for h in ("1h", "4h")
        ),
        Column("anchor_at", UTC_TIME, False, "the NYSE close that daily changes start from, UTC"),
        Column("anchor_price", pl.Float64, True, "price as of the anchor, price units"),
        Column("elapsed_hours", pl.Float64, False, "Globex-open hours since the anchor"),
        *(Column(f"reason_{h}", pl.String, True, _REASON) for h in _HORIZONS),
    ),
    key=("contract", "timestamp"),
    order=("symbol", "contract", "timestamp"),
    rules=(
        Rule("price_finite", _finite("price"), "the price is a finite number"),
        *(
            Rule(
                f"null_has_a_reason_{h}",
                pl.col(f"change_{h}").is_null() == pl.col(f"reason_{h}").is_not_null(),
                f"change_{h} is a number, or null with a reason",
            )
            for h in _HORIZONS
        ),
    ),
)

RAW_TABLES: Sequence[Table] = (FUTURES_SNAPSHOTS, SPOT_SNAPSHOTS, INDEX_SNAPSHOTS, BARS_1M)
TABLES: Mapping[str, Table] = {
    table.name: table for table in (*RAW_TABLES, QUARANTINE, CHANGE_METRICS)
}
