"""What the collector receives: snapshots of quotes, one-minute bars."""

import polars as pl

from futures_pipeline.domain.instruments import Kind
from futures_pipeline.storage.tables.table import (
    UTC_TIME,
    Column,
    Rule,
    Table,
    finite,
    not_negative,
    positive,
)

PRICE_COLUMNS = ("bid", "ask", "last")
OHLC = ("open", "high", "low", "close")
# As in ESH6. Source: CME contract month codes.
DELIVERY_MONTH = "^[FGHJKMNQUVXZ][0-9]$"

IDENTITY = (
    Column("symbol", pl.String, False, "root symbol, such as ES"),
    Column(
        "contract",
        pl.String,
        False,
        "local symbol of the contract, ESH6; the symbol itself for all but futures",
    ),
    Column("con_id", pl.Int64, True, "the broker's contract id; null for a pair, which has none"),
    Column("expiry", pl.Date, True, "last trade date; null for what does not expire"),
    Column(
        "session_date", pl.Date, False, "trade date of the Globex session (18:00 to 17:00 New York)"
    ),
)
PROVENANCE = (
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
DATA_TYPE_KNOWN = Rule(
    "data_type_known",
    pl.col("data_type").is_in(["live", "frozen", "delayed", "delayed_frozen"]),
    "data_type is live, frozen, delayed or delayed_frozen",
)


def _snapshots(name: str, kind: Kind, what: str) -> Table:
    return Table(
        name=name,
        description=f"One row per contract and collection round: {what}.",
        columns=(
            *IDENTITY,
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
            *PROVENANCE,
        ),
        key=("contract", "timestamp"),
        order=("symbol", "contract", "timestamp"),
        rules=(
            Rule("prices_finite", finite(*PRICE_COLUMNS), "bid, ask and last are finite numbers"),
            Rule("prices_positive", positive(*PRICE_COLUMNS), "bid, ask and last are above 0"),
            Rule("quote_not_crossed", (pl.col("bid") <= pl.col("ask")), "bid is not above ask"),
            Rule(
                "quantities_not_negative",
                not_negative("bid_size", "ask_size", "volume", "open_interest", "implied_vol"),
                "sizes, volume, open interest and implied volatility are finite and not negative",
            ),
            Rule(
                "has_a_price",
                pl.any_horizontal(pl.col(column).is_not_null() for column in PRICE_COLUMNS),
                "at least one of bid, ask and last is there",
            ),
            _OWN_CONTRACT,
            DATA_TYPE_KNOWN,
        ),
        values=(*PRICE_COLUMNS, "bid_size", "ask_size", "volume", "open_interest", "implied_vol"),
        precedence=(pl.col("received_at"),),
        kinds=(kind,),
    )


FUTURES_SNAPSHOTS = _snapshots("futures_snapshots", Kind.FUTURE, "quotes of ES, NQ and RTY futures")
SPOT_SNAPSHOTS = _snapshots("spot_snapshots", Kind.ETF, "quotes of SPY, QQQ and IWM")
INDEX_SNAPSHOTS = _snapshots(
    "index_snapshots", Kind.INDEX, "VIX, which has a last price and no quote"
)

BARS_1M = Table(
    name="bars_1m",
    description="One-minute bars of every symbol, as they were streamed or from history.",
    columns=(
        *IDENTITY,
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
            "source",
            pl.String,
            False,
            "history (asked for afterwards) or realtime (the broker's 5-second bars, or a pair's "
            "finished minute as the exchange streamed it)",
        ),
        Column(
            "data_type",
            pl.String,
            True,
            "what the broker streamed: live, frozen, delayed or delayed_frozen; null for "
            "history, whose answers do not say",
        ),
        *PROVENANCE[1:],
    ),
    key=("contract", "ts_start"),
    order=("symbol", "contract", "ts_start"),
    rules=(
        Rule("prices_finite", finite(*OHLC), "open, high, low and close are finite numbers"),
        Rule("prices_positive", positive(*OHLC), "open, high, low and close are above 0"),
        Rule(
            "high_and_low_bound_the_bar",
            (pl.col("high") >= pl.max_horizontal("open", "close", "low"))
            & (pl.col("low") <= pl.min_horizontal("open", "close")),
            "high is the highest and low the lowest of the four prices",
        ),
        Rule(
            "quantities_not_negative",
            not_negative("volume", "wap") & (pl.col("trade_count") >= 0).fill_null(True),
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
        DATA_TYPE_KNOWN,
    ),
    # The source is a value: a bar that history has confirmed must be known as history's, or a
    # later realtime bar of the minute would overrule it.
    values=(*OHLC, "volume", "source"),
    precedence=(pl.col("source") == "history", pl.col("received_at")),
)
