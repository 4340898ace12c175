"""The main job on real input: every recorded bar once, none invented, changes recomputed."""

import os
import subprocess
import sys
from datetime import date, timedelta
from pathlib import Path

import polars as pl
import pytest

from futures_pipeline.domain.calendar import load_calendar
from futures_pipeline.domain.sessions import TradingCalendar
from futures_pipeline.storage.lake import Lake

pytestmark = [pytest.mark.scenario, pytest.mark.timeout(480)]

SESSIONS = 20
FILES = ("es_front_1m_2024_2025.parquet", "spy_1m_2024_2025.parquet")
RECORDED = Path(
    os.environ.get("FUTURES_PIPELINE_RECORDED_DATA", Path(__file__).parents[3] / "shared" / "data")
)
WITHIN_SECONDS = 420
# Nobody listens there, so each alert of the look is tried, refused and told of.
SECRETS = {
    "FUTURES_PIPELINE_ALERT_URLS": "json://127.0.0.1:9/secret-canary-path?token=secret-canary",
    "SECRET_OF_ANOTHER_PROGRAM": "secret-canary-of-the-environment",
}
ACCOUNT = "DU1234567"  # what the simulator says when a client connects
VALUES = ("open", "high", "low", "close", "volume")


@pytest.fixture(scope="module")
def collected(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """Return the data directory and the printed summary of one ``demo --once``."""
    if not all((RECORDED / name).exists() for name in FILES):
        pytest.skip(f"no recorded market data in {RECORDED}")
    data = tmp_path_factory.mktemp("recorded")
    files = [option for name in FILES for option in ("--recorded", str(RECORDED / name))]
    options = ["--sessions", str(SESSIONS), "--data", str(data)]
    answer = subprocess.run(
        [sys.executable, "-m", "futures_pipeline", "demo", "--once", *files, *options],
        capture_output=True,
        env={**os.environ, **SECRETS},
        text=True,
        check=False,
        timeout=WITHIN_SECONDS,
    )
    assert answer.returncode == 0, answer.stdout + answer.stderr
    return data, answer.stdout


@pytest.fixture(scope="module")
def calendar() -> TradingCalendar:
    """Return the exchange calendar of the recording."""
    return load_calendar(date(2024, 1, 1), date(2025, 12, 31))


def recorded_bars(calendar: TradingCalendar) -> pl.DataFrame:
    """Return the recorded bars as the lake names them, with their session date."""
    es, spy = (pl.read_parquet(RECORDED / name) for name in FILES)
    columns = ["symbol", "contract", pl.col("ts_utc").alias("ts_start"), *VALUES]
    bars = pl.concat(
        [
            es.with_columns(pl.col("volume").cast(pl.Float64)).select(columns),
            spy.with_columns(pl.col("volume").cast(pl.Float64), contract=pl.col("symbol")).select(
                columns
            ),
        ]
    )
    minutes = bars["ts_start"].unique()
    dates = [calendar.session_date(minute) for minute in minutes]
    return bars.join(pl.DataFrame({"ts_start": minutes, "session_date": dates}), on="ts_start")


def test_every_recorded_bar_is_there_once_and_none_is_invented(
    collected: tuple[Path, str], calendar: TradingCalendar
) -> None:
    stored = Lake(collected[0] / "lake").read("bars_1m")
    current = stored["session_date"].max()
    recorded = recorded_bars(calendar)
    shared = recorded.group_by("session_date").agg(pl.n_unique("symbol").alias("symbols"))
    complete = (
        shared.filter(pl.col("symbols") == 2, pl.col("session_date") < current)["session_date"]
        .sort()
        .tail(SESSIONS)
    )

    key = ["contract", "ts_start"]
    expected = recorded.filter(pl.col("session_date").is_in(complete.to_list())).sort(key)
    held = stored.filter(pl.col("session_date").is_in(complete.to_list())).sort(key)

    assert complete.len() == SESSIONS
    assert expected.height > 20_000
    assert held.select(key).is_unique().all()
    assert held.select(*key, *VALUES).equals(expected.select(*key, *VALUES))
    # Of the session under way there is what the clock had reached, and nothing else.
    unknown = stored.join(recorded, on=[*key, *VALUES], how="anti")
    assert unknown.is_empty()


def test_no_secret_and_no_account_is_written_down(collected: tuple[Path, str]) -> None:
    """Logs, run configuration, the databases of Dagster and of the collector, Delta metadata."""
    data, said = collected
    hidden = [word.encode() for word in ("secret-canary", ACCOUNT)]
    files = [path for path in data.rglob("*") if path.is_file()]
    assert len(files) > 100
    assert [it for it in files if any(word in it.read_bytes() for word in hidden)] == []
    assert "secret-canary" not in said
    assert ACCOUNT not in said


def test_one_hour_changes_equal_a_recomputation_from_the_bars(
    collected: tuple[Path, str], calendar: TradingCalendar
) -> None:
    lake = Lake(collected[0] / "lake")
    changes = lake.read("change_metrics").filter(pl.col("price_source") == "bar_close")
    first = changes["session_date"].min()
    bars = recorded_bars(calendar).filter(pl.col("session_date") >= first).sort("ts_start")
    es = changes.filter(pl.col("symbol") == "ES").gather_every(997)
    closes = {
        contract: dict(zip(rows["ts_start"], rows["close"], strict=True))
        for (contract,), rows in bars.group_by("contract")
    }

    checked = 0
    for row in es.iter_rows(named=True):
        target = row["timestamp"] - timedelta(hours=1)
        prices = closes[row["contract"]]
        now = prices[row["timestamp"] - timedelta(minutes=1)]
        ends = [at + timedelta(minutes=1) for at in prices if at + timedelta(minutes=1) <= target]
        age = calendar.globex.open_seconds(max(ends), target) if ends else None
        if age is None or age > 300:
            assert row["change_1h"] is None
            assert row["reason_1h"] is not None
        else:
            before = prices[max(ends) - timedelta(minutes=1)]
            assert row["change_1h"] == pytest.approx(now - before, abs=1e-9)
            checked += 1
    assert checked >= 15


def test_the_summary_names_every_table_and_ends_well(collected: tuple[Path, str]) -> None:
    _, printed = collected

    for table in ("futures_snapshots", "spot_snapshots", "bars_1m", "change_metrics"):
        assert table in printed
    assert "All is well." in printed
