"""The simulator's surface comes out of the table of statistics: QUANT_SPEC 9.2 and 9.3.

All the way: the simulator's socket, the collector's option round, the spool, the lake, the
assets. The truth is the same market's surface at the moments the options were quoted.
"""

import math
from datetime import date, datetime, timedelta
from pathlib import Path
from statistics import NormalDist

import dagster as dg
import pytest

from futures_pipeline.api import get_derived_statistics, get_market_regime
from futures_pipeline.config import CollectionSettings, DagsterSettings, OptionSettings, Settings
from futures_pipeline.domain.sessions import new_york
from futures_pipeline.orchestration.build import build_defs
from futures_pipeline.orchestration.hosting.once import QUIET
from futures_pipeline.orchestration.options.automation import OPTIONS_JOB
from futures_pipeline.orchestration.resources import Workbench
from futures_pipeline.orchestration.sensors.spool import INGEST_JOB
from futures_pipeline.simulator.market.generated import GeneratedMarket
from futures_pipeline.simulator.options.book import OptionBook
from futures_pipeline.simulator.options.surface import RATE, Surface, atm_total_variance, swap_vol
from futures_pipeline.storage.spool import Spool
from futures_pipeline.storage.tables import OPTION_ROUNDS, OPTION_SNAPSHOTS
from futures_pipeline_tests.scenarios.conftest import CollectorProcess, simulated, wait_until

pytestmark = pytest.mark.scenario

DAY = date(2025, 3, 3)
BEFORE_THE_CLOSE = new_york(DAY, 15, 44)
SEED = 7


def test_from_the_brokers_socket_to_the_statistics(tmp_path: Path) -> None:
    with simulated(BEFORE_THE_CLOSE, 30.0, "SPY,VIX", "--seed", str(SEED)) as simulator:
        fast = {
            "FUTURES_PIPELINE_COLLECTION_OPTION_INTERVAL_SECONDS": "300",
            "FUTURES_PIPELINE_COLLECTION_HISTORY_SESSIONS": "0",
        }
        collector = CollectorProcess(tmp_path, {**simulator.variables, **fast})
        spool = Spool(f"sqlite:///{tmp_path / 'collector.sqlite'}")
        try:
            wait_until(lambda: is_told(spool), 60, "one option round and a minute of VIX")
        finally:
            collector.leave(20)
            spool.close()
    settings = Settings(
        data=tmp_path,
        collection=CollectionSettings(symbols=("SPY", "VIX")),
        dagster=DagsterSettings(first_session=DAY - timedelta(days=5)),
        options=OptionSettings(rate=RATE),
        clock_text=f"{new_york(DAY, 18, 5).isoformat()}@4000000000.0*1",
    )
    run(settings, INGEST_JOB, OPTIONS_JOB)

    quoted = Workbench(settings).lake.read(OPTION_SNAPSHOTS.name)
    truth = true_surface(quoted["timestamp"].median())
    row = get_derived_statistics("SPY", data=tmp_path).row(0, named=True)
    at_30, at_90 = (true_vol(truth, days) for days in (30, 90))
    assert row["iv_atm_30d"] == pytest.approx(at_30, abs=0.0005)
    assert row["term_structure_slope"] == pytest.approx(at_90 / at_30 - 1, abs=0.005)
    assert row["skew_25d"] == pytest.approx(true_skew(truth), abs=0.002)
    # A round asks for the strikes that these numbers need; a strip wants them all.
    assert row["vix_chain"] == pytest.approx(100 * swap_vol(truth.variance), rel=0.02)
    assert row["vix_close"] == pytest.approx(100 * swap_vol(truth.variance), rel=0.01)
    assert row["underlying_close"] == pytest.approx(truth.spot, rel=0.005)
    assert (row["greeks_source"], row["quality"], row["regime"]) == ("broker", "good", "unknown")

    tomorrow = get_market_regime("SPY", new_york(DAY + timedelta(days=1), 10), data=tmp_path)
    assert tomorrow.put_call_ratio == row["put_call_ratio"]
    today = get_market_regime("SPY", new_york(DAY, 15, 50), data=tmp_path)
    assert today.put_call_ratio is None
    assert today.vix == pytest.approx(row["vix_close"], rel=0.05)


def true_vol(surface: Surface, days: int) -> float:
    years = days / 365
    return math.sqrt(atm_total_variance(surface.variance, years) / years)


def true_skew(surface: Surface) -> float:
    """Return the 25-delta put's less the 25-delta call's volatility at 30 days."""
    years = 30 / 365
    strike_at = {}
    for rank in (0.75, 0.25):
        strikes = [surface.spot * (0.85 + n / 10_000) for n in range(3000)]
        strike_at[rank] = min((abs(forward_delta(surface, k, years) - rank), k) for k in strikes)[1]
    return surface.implied_vol(strike_at[0.75], years) - surface.implied_vol(strike_at[0.25], years)


def forward_delta(surface: Surface, strike: float, years: float) -> float:
    """Return N(d1) of a call on the forward."""
    deviation = surface.implied_vol(strike, years) * math.sqrt(years)
    d1 = math.log(surface.terms(strike, years).forward / strike) / deviation + deviation / 2
    return NormalDist().cdf(d1)


def is_told(spool: Spool) -> bool:
    held = {part.table for part in spool.partitions()}
    return {OPTION_ROUNDS.name, "bars_1m"} <= held


def true_surface(at: datetime) -> Surface:
    found = OptionBook(GeneratedMarket(SEED)).surface("SPY", at)
    assert found is not None
    return found


def run(settings: Settings, *jobs: str) -> None:
    definitions = build_defs(settings)
    with dg.DagsterInstance.ephemeral() as instance:
        for job in jobs:
            result = definitions.resolve_job_def(job).execute_in_process(
                instance=instance, partition_key=str(DAY), run_config=QUIET
            )
            assert result.success
