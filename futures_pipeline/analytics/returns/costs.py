"""What a round trip costs, in basis points of the price: half a spread and a fee on each side.

Source: QUANT_SPEC 5.3, a choice; a configuration may replace it.
"""

from collections.abc import Mapping

ROUND_TRIP_COST_BP: Mapping[str, float] = {
    "ES": 0.7,
    "NQ": 0.7,
    "RTY": 1.2,
    "SPY": 1.0,
    "QQQ": 1.0,
    "IWM": 1.5,
    "BTCUSDT": 20.0,
}
