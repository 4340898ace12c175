"""Snapshots of pairs of currencies; their bars are in ``bars_1m`` like everyone's."""

from dataclasses import replace

from futures_pipeline.domain.instruments import Kind
from futures_pipeline.storage.tables.market import SPOT_SNAPSHOTS

# The columns of the other snapshots, so that readers take them together; a pair has no
# contract id, expiry, open interest or implied volatility, and volume is not counted.
CRYPTO_SNAPSHOTS = replace(
    SPOT_SNAPSHOTS,
    name="crypto_snapshots",
    description="One row per pair and collection round: quotes of BTC/USDT and others from "
    "Binance, around the clock; sizes in the base currency.",
    kinds=(Kind.CRYPTO,),
)
