"""Chains of a file in the lake: filed by the quote, judged, kept once, nothing in silence."""

from collections import Counter
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from futures_pipeline.domain.calendar import load_calendar
from futures_pipeline.domain.errors import ConfigurationError
from futures_pipeline.domain.instruments import UNIVERSE
from futures_pipeline.storage.importing import Importer, SessionImport
from futures_pipeline.storage.lake import Lake
from futures_pipeline.storage.option_files import OptionFile, read_map
from futures_pipeline.storage.schemas import failure_cases
from futures_pipeline.storage.tables import OPTION_SNAPSHOTS, QUARANTINE

CALENDAR = load_calendar(date(2025, 1, 2), date(2025, 12, 31))
NOW = datetime(2025, 6, 1, tzinfo=UTC)
AT = datetime(2025, 3, 3, 20, 45, tzinfo=UTC)
MAP = """
stated_session = "day"
[columns]
symbol = "root"
expiry = "expiry"
strike = "strike"
right = "kind"
timestamp = "at"
bid = "bid"
ask = "ask"
volume = "volume"
open_interest = "oi"
iv = "iv"
delta = "delta"
underlying_price = "spot"
"""
GOOD = {
    "root": "SPY",
    "expiry": date(2025, 4, 17),
    "strike": 590.0,
    "kind": "call",
    "at": AT,
    "day": date(2025, 3, 3),
    "bid": 10.0,
    "ask": 10.1,
    "volume": 5,
    "oi": 100,
    "iv": 0.16,
    "delta": 0.5,
    "spot": 588.0,
}


def mapped_file(directory: Path, *rows: dict[str, object], text: str = MAP) -> OptionFile:
    """Write rows that differ from a good one, and their map; return the file."""
    path, map_path = directory / "chain.parquet", directory / "map.toml"
    pl.DataFrame([GOOD | row for row in rows], infer_schema_length=None).write_parquet(path)
    map_path.write_text(text)
    return OptionFile(path, read_map(map_path))


def imported(directory: Path, file: OptionFile) -> list[SessionImport]:
    importer = Importer(Lake(directory / "lake"), tuple(UNIVERSE.values()), CALENDAR)
    return [
        importer.imported(file.session(*span), span[0], file.number(), NOW)
        for span in file.sessions(CALENDAR)
    ]


def stored(directory: Path) -> pl.DataFrame:
    return Lake(directory / "lake").read(OPTION_SNAPSHOTS.name)


def test_a_row_is_what_the_table_promises(tmp_path: Path) -> None:
    (report,) = imported(tmp_path, mapped_file(tmp_path, {}))
    assert (report.session_date, report.read, report.new) == (date(2025, 3, 3), 1, 1)
    rows = stored(tmp_path)
    assert failure_cases(rows, OPTION_SNAPSHOTS).is_empty()
    row = rows.row(0, named=True)
    assert row["contract"] == "SPY   250417C00590000"
    assert (row["right"], row["bid"], row["open_interest"]) == ("C", 10.0, 100.0)
    assert (row["round_at"], row["timestamp"], row["received_at"]) == (AT, AT, AT)
    # The vendor's volatility is known as the vendor's.
    assert (row["iv"], row["greeks"], row["greeks_at"]) == (0.16, "vendor", AT)
    assert (row["con_id"], row["data_type"], row["last"]) == (None, "delayed", None)
    assert row["spool_seq"] < 0


def test_what_stands_for_nothing_is_null_and_counted(tmp_path: Path) -> None:
    zeros = {"bid": 0.0, "iv": 0.0, "strike": 600.0}
    (report,) = imported(tmp_path, mapped_file(tmp_path, {}, zeros))
    row = stored(tmp_path).filter(strike=600.0).row(0, named=True)
    assert (row["bid"], row["iv"], row["delta"]) == (None, None, None)
    assert (row["greeks"], row["greeks_at"]) == ("missing", None)
    assert report.notes["bid is 0: taken as none"] == 1
    assert report.notes["iv is 0: taken as none"] == 1
    assert report.notes["volatility of the vendor: kept, statistics compute their own"] == 1


def test_a_quote_of_the_next_session_is_filed_there_and_counted(tmp_path: Path) -> None:
    """The file says Monday; the quote is of Tuesday morning."""
    morning = {"at": datetime(2025, 3, 4, 15, 0, tzinfo=UTC), "strike": 600.0}
    first, second = imported(tmp_path, mapped_file(tmp_path, {}, morning))
    moved = "quoted in another session than the file says: filed under the quote's"
    assert (first.session_date, first.notes[moved]) == (date(2025, 3, 3), 0)
    assert (second.session_date, second.notes[moved]) == (date(2025, 3, 4), 1)
    assert stored(tmp_path).filter(strike=600.0)["session_date"].to_list() == [date(2025, 3, 4)]


def test_refused_rows_are_in_quarantine_and_good_ones_stored(tmp_path: Path) -> None:
    crossed = {"bid": 10.2, "strike": 600.0}
    expired = {"expiry": date(2025, 2, 28), "strike": 610.0}
    strange = {"root": "GLD"}
    file = mapped_file(tmp_path, {}, crossed, expired, strange)
    for _ in range(2):
        (report,) = imported(tmp_path, file)
        rules = Counter({rule: rows for (rule, _), rows in report.refused.items()})
        assert rules == {"quote_not_crossed": 1, "not_expired": 1, "symbol_known": 1}
    kept = Lake(tmp_path / "lake").read(QUARANTINE.name)
    assert sorted(kept["rule"]) == ["not_expired", "quote_not_crossed", "symbol_known"]
    assert set(kept["source_table"]) == {OPTION_SNAPSHOTS.name}
    assert stored(tmp_path)["strike"].to_list() == [590.0]


def test_repeated_rows_and_a_second_import_change_nothing(tmp_path: Path) -> None:
    file = mapped_file(tmp_path, {}, {}, {"strike": 600.0})
    (report,) = imported(tmp_path, file)
    assert (report.read, report.new, report.repeated) == (3, 2, 1)
    before = stored(tmp_path)
    (again,) = imported(tmp_path, file)
    assert (again.new, again.revised, again.stored, again.repeated) == (0, 0, 2, 1)
    assert stored(tmp_path).equals(before)


def test_a_look_writes_nothing_and_counts_the_same(tmp_path: Path) -> None:
    file = mapped_file(tmp_path, {}, {"bid": 10.2, "strike": 600.0})
    importer = Importer(Lake(tmp_path / "lake"), tuple(UNIVERSE.values()), CALENDAR)
    (span,) = file.sessions(CALENDAR)
    looked = importer.looked_at(file.session(*span), span[0], file.number())
    assert not (tmp_path / "lake").exists()
    assert imported(tmp_path, file) == [looked]


def test_open_interest_of_the_same_close_would_be_known_too_early(tmp_path: Path) -> None:
    text = 'open_interest_of = "same_close"\n' + MAP
    (report,) = imported(tmp_path, mapped_file(tmp_path, {}, text=text))
    assert stored(tmp_path)["open_interest"].to_list() == [None]
    noted = "open interest of the same close, not known at the quote: left out"
    assert report.notes[noted] == 1


def test_local_times_need_their_zone(tmp_path: Path) -> None:
    bare = {"at": (AT - timedelta(hours=5)).replace(tzinfo=None)}
    with pytest.raises(ConfigurationError, match="a time with its zone; set time_zone"):
        mapped_file(tmp_path, bare)
    file = mapped_file(tmp_path, bare, text='time_zone = "America/New_York"\n' + MAP)
    imported(tmp_path, file)
    assert stored(tmp_path)["timestamp"].to_list() == [AT]


def test_text_files_are_read_alike(tmp_path: Path) -> None:
    written = tmp_path / "chain.csv"
    pl.DataFrame([GOOD | {"at": "2025-03-03 15:45:00"}]).write_csv(written)
    map_path = tmp_path / "map.toml"
    map_path.write_text('time_zone = "America/New_York"\n' + MAP)
    imported(tmp_path, OptionFile(written, read_map(map_path)))
    assert stored(tmp_path)["timestamp"].to_list() == [AT]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[columns]\nsymbol = 'root'", r"map.toml columns: \['symbol'\].*expiry"),
        (MAP + 'vanna = "x"', r"map.toml columns: \['vanna'\] is not allowed"),
        ("days = 1\n" + MAP, "map.toml days: 1 is not allowed"),
        ('data_type = "old"\n' + MAP, "map.toml data_type"),
        ("[columns", "valid TOML"),
        ("", "map.toml: 'without columns' is not allowed"),
        ('time_zone = "New York"\n' + MAP, "a time zone such as America/New_York"),
    ],
)
def test_a_wrong_map_is_refused_by_its_key(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(ConfigurationError, match=says):
        mapped_file(tmp_path, {}, text=text)


def test_a_column_that_the_file_lacks_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"\['ivol'\].*among the file's: root, expiry"):
        mapped_file(tmp_path, {}, text=MAP.replace('"iv"', '"ivol"'))


@pytest.mark.parametrize("name", ["absent.parquet", "chain.xlsx"])
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, name: str) -> None:
    (tmp_path / "chain.xlsx").touch()
    (tmp_path / "map.toml").write_text(MAP)
    with pytest.raises(ConfigurationError, match=name):
        OptionFile(tmp_path / name, read_map(tmp_path / "map.toml"))


@pytest.mark.parametrize("name", ["broken.parquet", "empty.csv"])
def test_a_file_that_is_not_what_its_name_says_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("" if name == "empty.csv" else "no parquet")
    (tmp_path / "map.toml").write_text(MAP)
    with pytest.raises(ConfigurationError, match=rf"{name}.* a whole \.(parquet|csv) file"):
        OptionFile(tmp_path / name, read_map(tmp_path / "map.toml"))


@pytest.mark.parametrize(
    "at", [AT, AT.isoformat(), "2025-03-03T20:45:00Z", "2025-03-03 15:45:00-05:00"]
)
def test_times_that_have_a_zone_keep_it(tmp_path: Path, at: object) -> None:
    text = 'time_zone = "America/New_York"\n' + MAP
    imported(tmp_path, mapped_file(tmp_path, {"at": at}, text=text))
    assert stored(tmp_path)["timestamp"].to_list() == [AT]


@pytest.mark.parametrize(
    "expiry", ["2025-04-17", 20250417, "20250417", AT.replace(month=4, day=17)]
)
def test_an_expiry_may_be_text_or_a_number(tmp_path: Path, expiry: object) -> None:
    imported(tmp_path, mapped_file(tmp_path, {"expiry": expiry}))
    assert stored(tmp_path)["expiry"].to_list() == [date(2025, 4, 17)]


def test_what_is_no_number_date_or_time_is_refused_with_its_row(tmp_path: Path) -> None:
    zone = 'time_zone = "UTC"\n' + MAP
    texts = {"at": AT.isoformat(), "expiry": "2025-04-17", "strike": "590", "iv": "0.16"}
    broken = (
        {"strike": "x"},
        {"expiry": "c3"},
        {"at": "soon"},
        {"at": None},
        {"iv": "n/a", "strike": "600"},
    )
    file = mapped_file(tmp_path, texts, *(texts | each for each in broken), text=zone)
    (report,) = imported(tmp_path, file)
    assert (report.read, report.new, sum(report.refused.values())) == (6, 2, 4)
    assert Lake(tmp_path / "lake").read(QUARANTINE.name).height == 4


def test_a_file_without_any_time_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="'soon' is not allowed; it must be a time"):
        mapped_file(tmp_path, {"at": "soon"}, text='time_zone = "UTC"\n' + MAP)
    with pytest.raises(ConfigurationError, match="it must be a column of times"):
        mapped_file(tmp_path, {"at": 5})
