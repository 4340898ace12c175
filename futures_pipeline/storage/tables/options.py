"""What the collector receives of option chains: a row a contract and round, and each round."""

import polars as pl

from futures_pipeline.domain.instruments import Kind
from futures_pipeline.storage.tables.market import DATA_TYPE_KNOWN, PRICE_COLUMNS, PROVENANCE
from futures_pipeline.storage.tables.table import (
    UTC_TIME,
    Column,
    Rule,
    Table,
    finite,
    not_negative,
    positive,
)

CALL, PUT = "C", "P"
# Where a row's volatility and greeks come from.
MODEL, BID_ASK, LATE, VENDOR, MISSING = "model", "bid_ask", "late", "vendor", "missing"
COMPLETE, CUT = "complete", "cut"
GREEK_COLUMNS = ("iv", "delta", "gamma", "vega", "theta", "underlying_price")
ROUND_COUNTS = (
    "asked",
    "answered",
    "with_quote",
    "with_greeks",
    "with_open_interest",
    "refused",
    "windows",
)

_ROUND_AT = Column("round_at", UTC_TIME, False, "when the round was due, UTC; names the round")
_SESSION_DATE = Column("session_date", pl.Date, False, "trade date of the Globex session")
# Source: OCC's 21 characters: root, expiry, right, strike in thousandths of a dollar.
OCC_SYMBOL = (
    pl.col("symbol").str.pad_end(6)
    + pl.col("expiry").dt.strftime("%y%m%d")
    + pl.col("right")
    + (pl.col("strike") * 1000).round().cast(pl.Int64).cast(pl.String).str.zfill(8)
)

OPTION_SNAPSHOTS = Table(
    name="option_snapshots",
    description="One row per option and round of which the broker said anything; what it did "
    "not say is null, and a round's own row counts what was asked.",
    columns=(
        Column("symbol", pl.String, False, "the ETF"),
        Column("contract", pl.String, False, "OCC symbol, SPY   250321C00590000"),
        Column("con_id", pl.Int64, True, "the broker's contract id; null in an imported row"),
        Column("expiry", pl.Date, False, "last trade date"),
        Column("strike", pl.Float64, False, "US dollars a share"),
        Column("right", pl.String, False, "C call, P put"),
        _ROUND_AT,
        _SESSION_DATE,
        Column("timestamp", UTC_TIME, False, "when the quote was observed (observed_at), UTC"),
        Column("bid", pl.Float64, True, "best bid, US dollars a share; null when there is none"),
        Column("ask", pl.Float64, True, "best ask, US dollars a share; null when there is none"),
        Column("bid_size", pl.Float64, True, "contracts at the bid"),
        Column("ask_size", pl.Float64, True, "contracts at the ask"),
        Column("last", pl.Float64, True, "last trade, US dollars a share"),
        Column("last_at", UTC_TIME, True, "when that trade happened, UTC, to the second"),
        Column("volume", pl.Float64, True, "contracts since the session opened"),
        Column("open_interest", pl.Float64, True, "open contracts of the previous close"),
        Column("iv", pl.Float64, True, "annualised fraction, as the broker computed it"),
        Column("delta", pl.Float64, True, "price change for a dollar of the ETF; puts below 0"),
        Column("gamma", pl.Float64, True, "change of delta for a dollar of the ETF"),
        Column("vega", pl.Float64, True, "price change for one volatility point"),
        Column("theta", pl.Float64, True, "price change for one calendar day"),
        Column("underlying_price", pl.Float64, True, "the ETF's price in that computation"),
        Column(
            "greeks",
            pl.String,
            False,
            "source of volatility and greeks: model; bid_ask, the mean of the quotes' own; late, "
            "the model's of an earlier round; vendor, of an imported file, which statistics "
            "do not use; missing, null because none came in time",
        ),
        Column("greeks_at", UTC_TIME, True, "when they were received, UTC; null when missing"),
        *PROVENANCE,
    ),
    key=("contract", "round_at"),
    order=("symbol", "round_at", "expiry", "strike", "right"),
    rules=(
        Rule("prices_finite", finite(*PRICE_COLUMNS), "bid, ask and last are finite numbers"),
        Rule(
            "prices_positive",
            positive(*PRICE_COLUMNS, "strike", "iv", "underlying_price"),
            "prices, strike and implied volatility are above 0",
        ),
        Rule("quote_not_crossed", pl.col("bid") <= pl.col("ask"), "bid is not above ask"),
        Rule(
            "quantities_not_negative",
            not_negative("bid_size", "ask_size", "volume", "open_interest"),
            "sizes, volume and open interest are finite and not negative",
        ),
        Rule("greeks_finite", finite(*GREEK_COLUMNS), "volatility and greeks are finite numbers"),
        Rule("right_known", pl.col("right").is_in([CALL, PUT]), "the right is C or P"),
        Rule(
            "delta_fits_the_right",
            pl.when(pl.col("right") == CALL)
            .then(pl.col("delta").is_between(0, 1))
            .otherwise(pl.col("delta").is_between(-1, 0)),
            "delta is 0 to 1 for a call, -1 to 0 for a put",
        ),
        Rule(
            "contract_is_this_option",
            pl.col("contract") == OCC_SYMBOL,
            "the contract is the OCC symbol of its ETF, expiry, right and strike",
        ),
        Rule(
            "not_expired",
            pl.col("expiry") >= pl.col("session_date"),
            "the option has not expired before the session",
        ),
        Rule(
            "observed_in_its_round",
            pl.col("timestamp") >= pl.col("round_at"),
            "it was observed after its round was due",
        ),
        Rule(
            "greeks_known",
            pl.col("greeks").is_in([MODEL, BID_ASK, LATE, VENDOR, MISSING]),
            "greeks is model, bid_ask, late, vendor or missing",
        ),
        Rule(
            "missing_greeks_are_null",
            (pl.col("iv").is_null() == (pl.col("greeks") == MISSING))
            & (pl.col("greeks_at").is_null() == (pl.col("greeks") == MISSING)),
            "volatility and its time are there, or missing",
        ),
        DATA_TYPE_KNOWN,
    ),
    values=(*PRICE_COLUMNS, "bid_size", "ask_size", "volume", "open_interest", *GREEK_COLUMNS),
    precedence=(pl.col("received_at"),),
    kinds=(Kind.ETF,),
)

OPTION_ROUNDS = Table(
    name="option_rounds",
    description="One row per ETF and option round: how much of what was asked came.",
    columns=(
        Column("symbol", pl.String, False, "the ETF"),
        _ROUND_AT,
        _SESSION_DATE,
        Column("asked", pl.Int64, False, "contracts chosen for the round"),
        Column("answered", pl.Int64, False, "of which any price came"),
        Column("with_quote", pl.Int64, False, "of which bid and ask came"),
        Column("with_greeks", pl.Int64, False, "of which greeks came, late ones included"),
        Column("with_open_interest", pl.Int64, False, "of which open interest came"),
        Column("refused", pl.Int64, False, "that the broker does not know, or no longer"),
        Column("windows", pl.Int64, False, "how often lines were taken and given back"),
        Column("seconds", pl.Float64, False, "market seconds from its begin to its end"),
        Column("ended", pl.String, False, "complete (every contract had its turn) or cut"),
        Column("reason", pl.String, True, "why it was cut; null when complete"),
        Column("received_at", UTC_TIME, False, "when the collector had the row, UTC"),
        Column("ingested_at", UTC_TIME, False, "when the row was committed to the lake, UTC"),
        Column("spool_seq", pl.Int64, False, "the spool batch the row came in"),
    ),
    key=("symbol", "round_at"),
    order=("symbol", "round_at"),
    rules=(
        Rule(
            "counts_not_negative",
            pl.all_horizontal(pl.col(name) >= 0 for name in ROUND_COUNTS) & not_negative("seconds"),
            "counts and seconds are not negative",
        ),
        Rule(
            "no_more_than_asked",
            pl.all_horizontal(pl.col(name) <= pl.col("asked") for name in ROUND_COUNTS[1:-1]),
            "no count of contracts is above the number asked",
        ),
        Rule("ended_known", pl.col("ended").is_in([COMPLETE, CUT]), "ended is complete or cut"),
        Rule(
            "cut_has_a_reason",
            pl.col("reason").is_not_null() == (pl.col("ended") == CUT),
            "a cut round has a reason, a complete one has none",
        ),
    ),
    values=(*ROUND_COUNTS, "ended", "reason"),
    # A round that was taken up again after a restart: the whole one stands, then the later.
    precedence=(pl.col("ended") == COMPLETE, pl.col("received_at")),
    kinds=(Kind.ETF,),
)
