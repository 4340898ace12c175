"""Settings are refused early, with the key, the value and what is allowed."""

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from futures_pipeline.config import load_settings, writable_directory
from futures_pipeline.config.loading import SECTIONS
from futures_pipeline.domain.errors import (
    ConfigurationError,
    DataDirectoryError,
    PipelineError,
    UnknownSymbol,
)


def test_every_key_is_optional(tmp_path: Path) -> None:
    settings = load_settings(data=tmp_path, environment={})

    assert settings.gateway.port == 4002
    assert settings.collection.symbols == ("ES", "NQ", "RTY", "SPY", "QQQ", "IWM", "VIX")
    assert settings.lake_path == tmp_path / "lake"


def test_the_environment_wins_over_the_file(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text('[gateway]\nport = 7497\nclient_id = 3\n[collection]\nsymbols = ["ES"]\n')

    settings = load_settings(config=file, environment={"FUTURES_PIPELINE_GATEWAY_PORT": "4001"})

    assert (settings.gateway.port, settings.gateway.client_id) == (4001, 3)
    assert settings.collection.symbols == ("ES",)


def test_every_variable_that_a_person_is_told_of_is_taken() -> None:
    root = Path(__file__).parents[1]
    pages = [root / "README.md", *root.glob("docs/*.md"), *root.glob("futures_pipeline/**/*.py")]
    text = "".join(page.read_text() for page in pages)
    names = set(re.findall(r"FUTURES_PIPELINE_(?!_)[A-Z_]*[A-Z]", text))
    assert {"FUTURES_PIPELINE_ALERT_URLS", "FUTURES_PIPELINE_DATA"} < names
    assert [name for name in names if "environment variable" in refusal(name)] == []


def refusal(variable: str) -> str:
    """Return what a value that many variables do not allow is answered with."""
    try:
        load_settings(environment={variable: "1"})
    except PipelineError as error:
        return str(error)
    return ""


def test_lists_and_pairs_can_come_from_the_environment() -> None:
    settings = load_settings(
        environment={
            "FUTURES_PIPELINE_COLLECTION_SYMBOLS": "ES,SPY,ES",
            "FUTURES_PIPELINE_COLLECTION_FRONT_MONTH": "ES=ESH6",
        }
    )

    assert settings.collection.symbols == ("ES", "SPY")
    assert settings.collection.front_month == {"ES": "ESH6"}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[gateway]\nport = 99999\n", ["gateway.port", "99999", "less than or equal to 65535"]),
        ('[gateway]\nport = "abc"\n', ["gateway.port", "abc", "a valid integer"]),
        ("[gateway]\nprot = 1\n", ["gateway.prot", "one of gateway.{host, port"]),
        ("[gatway]\nport = 1\n", ["gatway", "[gateway], [collection], [dagster]"]),
        ("port = 1\n", ["port", "a table"]),
        ("[gateway\n", ["bad.toml", "valid TOML", "line 1"]),
        ("[dagster]\nfirst_session = 'soon'\n", ["dagster.first_session", "soon", "a valid date"]),
        ("[collection]\nsnapshot_interval_seconds = 0\n", ["snapshot_interval_seconds", "0"]),
        ("[collection]\nsnapshot_interval_seconds = nan\n", ["snapshot_interval_seconds", "nan"]),
        ('[collection.front_month]\nES = "NQH6"\n', ["front_month", "a contract of ES"]),
        ('[collection.front_month]\nSPY = "SPYH6"\n', ["front_month", "SPY has none"]),
        ("[collection]\nsymbols = []\n", ["collection.symbols", "one or more"]),
        ("[gateway]\nport = true\n", ["gateway.port", "True", "neither true nor false"]),
        ("[options.dividends.SPY]\n2025-03-21 = nan\n", ["options.dividends", "above 0"]),
    ],
)
def test_a_bad_file_is_refused_with_key_value_and_remedy(
    tmp_path: Path, text: str, says: list[str]
) -> None:
    file = tmp_path / "bad.toml"
    file.write_text(text)

    with pytest.raises(ConfigurationError) as refusal:
        load_settings(config=file, environment={})

    for part in says:
        assert part in str(refusal.value)


def test_a_missing_named_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"absent\.toml"):
        load_settings(config=tmp_path / "absent.toml", environment={})


def test_a_misspelt_variable_is_refused_with_its_neighbour() -> None:
    with pytest.raises(ConfigurationError, match="FUTURES_PIPELINE_GATEWAY_PORT"):
        load_settings(environment={"FUTURES_PIPELINE_GATEWAY_PROT": "1"})


@pytest.mark.parametrize("symbol", ["XX", "../../x", "..", "a/b", "es", "", "A" * 300, "ES\x00"])
def test_unknown_and_dangerous_symbols_are_refused(symbol: str) -> None:
    with pytest.raises((UnknownSymbol, ConfigurationError)):
        load_settings(environment={"FUTURES_PIPELINE_COLLECTION_SYMBOLS": f"ES,{symbol}"})


def test_the_clock_is_refused_when_it_is_no_clock() -> None:
    with pytest.raises(ConfigurationError, match="START@SYSTEM_SECONDS"):
        load_settings(environment={"FUTURES_PIPELINE_CLOCK": "yesterday"})


def test_the_clock_of_the_environment_runs() -> None:
    start = datetime(2025, 1, 15, 13, 55, tzinfo=UTC)
    anchor = datetime.now(UTC).timestamp()
    text = f"{start.isoformat()}@{anchor}*60"

    now = load_settings(environment={"FUTURES_PIPELINE_CLOCK": text}).clock.now()

    assert start <= now <= start + timedelta(minutes=10)


def test_a_file_in_place_of_the_data_directory_is_refused(tmp_path: Path) -> None:
    occupied = tmp_path / "data"
    occupied.write_text("")

    with pytest.raises(DataDirectoryError, match="FUTURES_PIPELINE_DATA"):
        writable_directory(occupied)


def test_refusals_are_one_sentence_errors() -> None:
    assert issubclass(ConfigurationError, PipelineError)


def test_the_documentation_names_every_key() -> None:
    page = (Path(__file__).parents[1] / "docs" / "configuration.md").read_text()
    keys = {f"`{section}.{key}`" for section, key, _ in every_key()}
    assert len(keys) > 30
    assert [key for key in keys if key not in page] == []


def test_every_key_can_come_from_the_environment() -> None:
    """Each with its usual value, written as the page says."""
    usual = load_settings(environment={})
    variables = {
        f"FUTURES_PIPELINE_{section}_{key}".upper(): as_text(value)
        for section, key, value in every_key()
    }
    assert load_settings(environment=variables) == usual


def every_key() -> Iterator[tuple[str, str, object]]:
    """Yield the keys of all tables with their usual values."""
    settings = load_settings(environment={})
    for section in SECTIONS:
        table = getattr(settings, section)
        for key in type(table).model_fields:
            yield section, key, getattr(table, key)


def as_text(value: object) -> str:
    """Return a value as a variable has it."""
    if isinstance(value, tuple | list):
        return ",".join(map(str, value))
    if isinstance(value, dict):
        return ",".join(f"{key}={held}" for key, held in value.items())
    return str(value)


def test_dividends_can_come_from_the_environment() -> None:
    text = "SPY:2025-03-21=1.70, SPY:2025-06-20=1.76,IWM:2025-03-18=0.5"
    options = load_settings(environment={"FUTURES_PIPELINE_OPTIONS_DIVIDENDS": text}).options
    assert options.dividends == {
        "SPY": {date(2025, 3, 21): 1.70, date(2025, 6, 20): 1.76},
        "IWM": {date(2025, 3, 18): 0.5},
    }


def test_a_front_month_that_is_no_pair_is_refused() -> None:
    with pytest.raises(PipelineError, match="rubbish"):
        load_settings(environment={"FUTURES_PIPELINE_COLLECTION_FRONT_MONTH": "rubbish"})


def test_blanks_and_empty_variables_do_no_harm() -> None:
    settings = load_settings(
        environment={
            "FUTURES_PIPELINE_COLLECTION_SYMBOLS": "ES, SPY",
            "FUTURES_PIPELINE_CONFIG": "",
        }
    )

    assert settings.collection.symbols == ("ES", "SPY")
