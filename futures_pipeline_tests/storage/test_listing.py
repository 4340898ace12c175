"""A listing that moves on with the commits is what opening the table anew would list."""

import random
from datetime import date
from pathlib import Path

import pytest

from futures_pipeline.storage.lake import Lake, LakeDamaged, Once
from futures_pipeline.storage.lake.commit_log import CommitLog, commit_name
from futures_pipeline.storage.listing import Listing, Listings, listing_of
from futures_pipeline.storage.maintenance import maintain
from futures_pipeline.storage.tables import BARS_1M
from futures_pipeline_tests.market_lake import MINUTE, add, random_night, session_bars

NAME, DAYS = BARS_1M.name, (date(2025, 2, 19), date(2025, 2, 20))
BARS = {day: session_bars(day, random_night(1, 5_900.0, 30)) for day in DAYS}


def contents(listing: Listing | None) -> tuple[int, list[str]] | None:
    return listing and (listing.version, [file.path for file in listing.files])


def opened_anew(lake: Lake) -> tuple[int, list[str]] | None:
    return contents(listing_of(Lake(lake.root).open(NAME)))


def test_it_follows_appends_replacements_and_compaction(tmp_path: Path) -> None:
    """Thirty random commits of another writer, and maintenance among them."""
    writer, chance = Lake(tmp_path / "lake"), random.Random(3)
    listings = Listings(Lake(tmp_path / "lake"))
    assert listings.newest(NAME) is None
    for number in range(30):
        day = chance.choice(DAYS)
        if chance.random() < 0.2:
            table = writer.open_or_create(NAME)
            table.replace([day], BARS[day], {}, Once("test", table.version + 1))
        elif chance.random() < 0.1:
            maintain(writer, DAYS[1], BARS[DAYS[1]]["ts_end"][-1] + MINUTE, [NAME])
        else:
            add(writer, NAME, BARS[day].slice(number % 30, 1))
        if chance.random() < 0.6:
            assert contents(listings.newest(NAME)) == opened_anew(writer)
    before = listings.newest(NAME)
    assert listings.newest(NAME) is before


def test_what_was_listed_before_stays_as_it_was(tmp_path: Path) -> None:
    lake = Lake(tmp_path / "lake")
    add(lake, NAME, BARS[DAYS[0]])
    listings = Listings(lake)
    before = listings.newest(NAME)
    was = contents(before)
    add(lake, NAME, BARS[DAYS[1]])
    assert contents(listings.newest(NAME)) != was
    assert contents(before) == was


def test_a_commit_that_was_changed_is_not_read(tmp_path: Path) -> None:
    lake = Lake(tmp_path / "lake")
    add(lake, NAME, BARS[DAYS[0]])
    listings = Listings(Lake(tmp_path / "lake"))
    listings.newest(NAME)
    version = add(lake, NAME, BARS[DAYS[1]])
    commit = CommitLog(lake.path(NAME)).directory / commit_name(version)
    commit.write_bytes(commit.read_bytes().replace(b"2025-02/20", b"2025-02/21"))
    with pytest.raises(LakeDamaged, match="is not what was committed"):
        listings.newest(NAME)
