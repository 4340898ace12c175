"""Which pairs are analysed, and what is no pair."""

from pathlib import Path

import pytest

from futures_pipeline.config import load_settings
from futures_pipeline.domain.errors import ConfigurationError


def test_the_pairs_of_the_three_indexes_and_bitcoin_are_analysed_by_default() -> None:
    analysis = load_settings(environment={}).analysis
    assert analysis.pairs == ("ES-SPY", "NQ-QQQ", "RTY-IWM", "ES-BTC/USDT")
    assert (analysis.sessions, analysis.interval_seconds) == (60, 300)


def test_pairs_come_from_the_environment_each_once() -> None:
    named = {"FUTURES_PIPELINE_ANALYSIS_PAIRS": "ES-SPY, ES-BTC/USDT,ES-SPY"}
    assert load_settings(environment=named).analysis.pairs == ("ES-SPY", "ES-BTC/USDT")


@pytest.mark.parametrize("pair", ["ES", "ES-ES", "ES-GLD", "ES-SPY-QQQ", "", "es-spy"])
def test_what_is_no_pair_is_refused(tmp_path: Path, pair: str) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(f'[analysis]\npairs = ["{pair}"]\n')
    with pytest.raises(ConfigurationError, match=r"analysis.pairs: .*two known symbols with -"):
        load_settings(config=file, environment={})


def test_what_shapes_the_analysis_shapes_the_fingerprint() -> None:
    shorter = {"FUTURES_PIPELINE_ANALYSIS_SESSIONS": "20"}
    assert load_settings(environment=shorter).analysis.sessions == 20
    assert (
        load_settings(environment=shorter).fingerprint()
        != load_settings(environment={}).fingerprint()
    )
