"""What a decision may look at, each part of it optional but the symbol, the time, the outlook.

Source: QUANT_SPEC 8.4.
"""

from dataclasses import asdict, dataclass, replace
from datetime import datetime

from futures_pipeline.analytics.predictive_value.assessment import Usefulness
from futures_pipeline.analytics.regimes import EnhancedMarketRegime, Outlook, Regime
from futures_pipeline.decisions.early_warning.machine import Level
from futures_pipeline.decisions.signals.market_signal import FuturesMarketSignal
from futures_pipeline.decisions.signals.premarket import PremarketSignal
from futures_pipeline.decisions.signals.timing import MOST_FUTURES_AGE_MINUTES

SECONDS_IN_A_MINUTE = 60.0


@dataclass(frozen=True, slots=True)
class DecisionContext:
    """All that is known of an ETF at one moment; None is unknown, never a stand-in.

    The nine fields from ``iv_rank_30d`` on are those of ``EnhancedMarketRegime``; ranks and
    percentiles 0 to 100, volatilities annualised fractions, ``vix`` and ``vix3m`` points,
    ``price`` US dollars. ``futures_open_minutes``: for how long Globex has been open since the
    futures signal; None: clock minutes are taken, which are never fewer. ``verdict``: on the
    predictive value of the pair.
    """

    symbol: str
    timestamp: datetime
    outlook: Outlook
    iv_rank: float | None = None
    vix: float | None = None
    vix3m: float | None = None
    price: float | None = None
    iv_rank_30d: float | None = None
    iv_rank_60d: float | None = None
    iv_rank_90d: float | None = None
    iv_percentile_1y: float | None = None
    volatility_20d: float | None = None
    trend_20d: float | None = None
    put_call_ratio: float | None = None
    term_structure_slope: float | None = None
    derived_regime: Regime | None = None
    put_call_pctile_60: float | None = None
    iv_atm_30d: float | None = None
    futures_signal: FuturesMarketSignal | None = None
    futures_open_minutes: float | None = None
    premarket: PremarketSignal | None = None
    early_warning: Level | None = None
    verdict: Usefulness | None = None

    def __post_init__(self) -> None:
        if self.timestamp.tzinfo is None:
            raise ValueError(f"a decision needs an aware timestamp, got {self.timestamp!r}")

    @property
    def futures_age_minutes(self) -> float | None:
        """Open minutes since the futures signal, below 0 for one of the future; None without."""
        if self.futures_signal is None:
            return None
        if self.futures_open_minutes is not None:
            return self.futures_open_minutes
        age = self.timestamp - self.futures_signal.timestamp
        return age.total_seconds() / SECONDS_IN_A_MINUTE

    @property
    def has_fresh_futures(self) -> bool:
        """Whether there is a futures signal of the last 15 open minutes."""
        age = self.futures_age_minutes
        return age is not None and 0.0 <= age <= MOST_FUTURES_AGE_MINUTES

    @property
    def degraded(self) -> tuple[str, ...]:
        """What is missing or stale, in the words that a decision lists."""
        missing = {
            "futures": not self.has_fresh_futures,
            "early_warning": self.early_warning is None,
            "options": self.trend_20d is None or self.iv_percentile_1y is None,
            "iv_rank": self.iv_rank is None,
            "vix": self.vix is None,
        }
        return tuple(name for name, is_missing in missing.items() if is_missing)

    def without_futures(self) -> "DecisionContext":
        """Return the context as it would be had the futures never been collected."""
        return replace(
            self,
            futures_signal=None,
            futures_open_minutes=None,
            premarket=None,
            early_warning=None,
            verdict=None,
        )

    def under_warning(self) -> "DecisionContext":
        """Return the context that the rules see: a warning makes the outlook bearish."""
        if self.early_warning is None or not self.early_warning.is_warning:
            return self
        return replace(self, outlook=Outlook.BEARISH)


@dataclass(frozen=True, slots=True)
class OptionNumbers:
    """What the context takes of options beside the regime; see ``DecisionContext``."""

    put_call_pctile_60: float | None
    iv_atm_30d: float | None
    vix3m: float | None


@dataclass(frozen=True, slots=True)
class FuturesNumbers:
    """What the context takes of the futures; all None without them."""

    signal: FuturesMarketSignal | None = None
    open_minutes: float | None = None
    premarket: PremarketSignal | None = None
    early_warning: Level | None = None
    verdict: Usefulness | None = None


def decision_context(
    regime: EnhancedMarketRegime, options: OptionNumbers, futures: FuturesNumbers
) -> DecisionContext:
    """Return the context of a moment from its three sources."""
    return DecisionContext(
        **asdict(regime),
        **asdict(options),
        futures_signal=futures.signal,
        futures_open_minutes=futures.open_minutes,
        premarket=futures.premarket,
        early_warning=futures.early_warning,
        verdict=futures.verdict,
    )
