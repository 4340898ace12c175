"""Who leads in which session: by the calendar, by volume, by override. Source: QUANT_SPEC 2."""

from collections.abc import Mapping
from datetime import date, timedelta

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from futures_pipeline.analytics.rolls import (
    SCHEDULE_SCHEMA,
    front_month_schedule,
    listed_contracts,
    session_volumes,
)
from futures_pipeline.domain.calendar import load_calendar
from futures_pipeline.domain.contracts import (
    FuturesContract,
    calendar_roll,
    front_month,
    overlap_start,
    volume_rule,
)

GLOBEX = load_calendar(date(2024, 1, 1), date(2026, 12, 31)).globex
EXPIRIES = {
    "ESZ4": date(2024, 12, 20),
    "ESH5": date(2025, 3, 21),
    "ESM5": date(2025, 6, 20),
    "ESU5": date(2025, 9, 19),
}
LISTED = [FuturesContract(expiry, "ES", name, 1) for name, expiry in EXPIRIES.items()]
H5, M5 = "ESH5", "ESM5"
ROLL = date(2025, 3, 17)
# Wednesday to Wednesday around the roll; trading in ESH5 ends on the 21st.
ROLL_DAYS = [
    session.session_date for session in GLOBEX.between(date(2025, 3, 12), date(2025, 3, 26))
]

# Before the last listed contract's own overlap.
YEAR = [session.session_date for session in GLOBEX.between(date(2024, 11, 1), date(2025, 9, 4))]
NEAR_A_ROLL = [
    session.session_date
    for expiry in EXPIRIES.values()
    for session in GLOBEX.before(expiry, 12)
    if session.session_date in YEAR
]


def stored(held: Mapping[str, list[date]], symbol: str = "ES") -> pl.DataFrame:
    """Which sessions each contract has rows in; two rows each, as repeats must not matter."""
    rows = [(symbol, contract, day) for contract, days in held.items() for day in days] * 2
    schema = {"symbol": pl.String, "contract": pl.String, "session_date": pl.Date}
    return pl.DataFrame(rows, schema=schema, orient="row")


def leading(schedule: pl.DataFrame) -> dict[date, tuple[str, str]]:
    """Session to (contract, rule)."""
    rows = schedule.select("session_date", "contract", "rule").iter_rows()
    return {day: (contract, rule) for day, contract, rule in rows}


BOTH = stored({H5: ROLL_DAYS[:-3], M5: ROLL_DAYS})


def test_the_calendar_hands_over_on_the_monday_of_expiry_week() -> None:
    schedule = front_month_schedule(BOTH, LISTED)
    assert dict(schedule.schema) == dict(SCHEDULE_SCHEMA)
    assert leading(schedule) == {day: (H5 if day < ROLL else M5, "calendar") for day in ROLL_DAYS}
    first, last = schedule.to_dicts()[0], schedule.to_dicts()[-1]
    assert (first["next_contract"], last["next_contract"]) == (M5, "ESU5")
    assert (first["leads_from"], last["leads_from"]) == (date(2024, 12, 16), ROLL)
    assert last["expiry"] == EXPIRIES[M5]


def test_the_first_known_contract_leads_from_an_unknown_day_and_the_last_has_no_next() -> None:
    schedule = front_month_schedule(BOTH, [LISTED[1]])
    assert schedule["contract"].to_list() == [H5] * 3 + [None] * (len(ROLL_DAYS) - 3)
    assert schedule["leads_from"].null_count() == len(ROLL_DAYS)
    assert schedule["next_contract"].null_count() == len(ROLL_DAYS)


def test_volume_hands_over_after_the_session_in_which_the_next_traded_more() -> None:
    volume = {(ROLL_DAYS[0], H5): 5.0, (ROLL_DAYS[0], M5): 6.0}
    schedule = front_month_schedule(BOTH, LISTED, volume_rule(GLOBEX, volume))
    by_day = leading(schedule)
    assert by_day[ROLL_DAYS[0]] == (H5, "calendar")  # what made ESH5 lead, in December
    assert {by_day[day] for day in ROLL_DAYS[1:]} == {(M5, "volume")}
    assert set(schedule.filter(contract=M5)["leads_from"]) == {ROLL_DAYS[1]}


def test_staying_by_override_lasts_until_the_contract_has_no_rows() -> None:
    """ESH5 is kept through its last session, Friday the 21st; the rule is back on Monday."""
    schedule = front_month_schedule(BOTH, LISTED, overrides={"ES": H5})
    last = date(2025, 3, 21)
    assert leading(schedule) == {
        day: (H5, "override") if day <= last else (M5, "calendar") for day in ROLL_DAYS
    }
    assert set(schedule.filter(contract=M5)["leads_from"]) == {last + timedelta(days=1)}


def test_an_early_override_leads_from_the_second_session_of_its_contract() -> None:
    """In the first there is no earlier price to join it at, unless nothing else came before."""
    held = stored({H5: ROLL_DAYS[:4], M5: ROLL_DAYS[1:]})
    by_day = leading(front_month_schedule(held, LISTED, overrides={"ES": M5}))
    assert [by_day[day] for day in ROLL_DAYS[:3]] == [
        (H5, "calendar"),
        (H5, "calendar"),
        (M5, "override"),
    ]
    assert {rule for _, rule in list(by_day.values())[2:]} == {"override"}


def test_an_override_leads_the_newest_session_and_a_series_of_its_own() -> None:
    newest = stored({H5: ROLL_DAYS[:2], M5: ROLL_DAYS[1:2]})
    alone = stored({M5: ROLL_DAYS[:2]})
    for held, expected in ((newest, [H5, M5]), (alone, [M5, M5])):
        schedule = front_month_schedule(held, LISTED, overrides={"ES": M5})
        assert schedule["contract"].to_list() == expected


def test_an_override_whose_contract_is_not_stored_decides_nothing() -> None:
    plain = front_month_schedule(BOTH, LISTED)
    for overrides in ({"ES": "ESU5"}, {"NQ": "NQM5"}, {}):
        assert front_month_schedule(BOTH, LISTED, overrides=overrides).equals(plain)


def test_symbols_do_not_mix() -> None:
    nq = [FuturesContract(it.expiry, "NQ", it.local_symbol.replace("ES", "NQ"), 2) for it in LISTED]
    both = pl.concat([BOTH, stored({"NQH5": ROLL_DAYS, "NQM5": ROLL_DAYS}, "NQ")])
    schedule = front_month_schedule(both, [*nq, *LISTED], overrides={"NQ": "NQH5"})
    assert schedule.select("symbol", "session_date").rows() == [
        (symbol, day) for symbol in ("ES", "NQ") for day in ROLL_DAYS
    ]
    assert schedule.filter(symbol="ES").equals(front_month_schedule(BOTH, LISTED))
    assert schedule.filter(symbol="NQ")["contract"].unique().to_list() == ["NQH5"]


def test_nothing_in_nothing_out() -> None:
    schedule = front_month_schedule(stored({}), LISTED)
    assert schedule.is_empty()
    assert dict(schedule.schema) == dict(SCHEDULE_SCHEMA)


@settings(deadline=None)
@given(
    st.sets(st.sampled_from(YEAR), min_size=1),
    st.dictionaries(st.sampled_from(NEAR_A_ROLL), st.tuples(*[st.floats(0, 1e6)] * len(EXPIRIES))),
)
def test_one_front_a_session_never_going_back(
    sessions: set[date], traded: dict[date, tuple[float, ...]]
) -> None:
    """By calendar as ``front_month`` says; by volume within its bounds; each leads one run."""
    days = sorted(sessions)
    held = stored({name: days for name in EXPIRIES})
    volume = {
        (day, name): amount
        for day, amounts in traded.items()
        for name, amount in zip(EXPIRIES, amounts, strict=True)
    }
    calendar = front_month_schedule(held, LISTED)
    by_volume = front_month_schedule(held, LISTED, volume_rule(GLOBEX, volume))
    for schedule in (calendar, by_volume):
        assert schedule["session_date"].to_list() == days
        assert schedule["expiry"].is_sorted()
        assert schedule["contract"].null_count() == 0
        assert schedule["contract"].rle().len() == schedule["contract"].n_unique()
    for row, late in zip(by_volume.to_dicts(), calendar.to_dicts(), strict=True):
        assert late["contract"] == front_month(LISTED, row["session_date"], GLOBEX).local_symbol
        early = next(it for it in LISTED if row["session_date"] < overlap_start(it.expiry, GLOBEX))
        assert late["expiry"] <= row["expiry"] <= early.expiry


def test_session_volumes_are_sums_of_what_is_known() -> None:
    bars = pl.DataFrame(
        {
            "contract": [H5, H5, M5, H5, M5],
            "session_date": [ROLL, ROLL, ROLL, ROLL_DAYS[0], ROLL_DAYS[0]],
            "volume": [3.0, 4.0, None, 0.0, None],
        }
    )
    expected = {(ROLL, H5): 7.0, (ROLL_DAYS[0], H5): 0.0}
    assert session_volumes(bars) == session_volumes(bars.lazy()) == expected


@pytest.mark.parametrize("known", [date(2026, 6, 18), None])
def test_contracts_are_read_from_rows(known: date | None) -> None:
    """Without a stored expiry the third Friday stands in: a day late in June 2026, same roll."""
    rows = pl.DataFrame(
        {
            "symbol": ["ES", "ES", "SPY"],
            "contract": ["ESM6", "ESM6", "SPY"],
            "expiry": [None, known, None],
            "session_date": [date(2026, 6, 10), date(2026, 6, 11), date(2026, 6, 11)],
        },
        schema_overrides={"expiry": pl.Date},
    )
    (contract,) = listed_contracts(rows)
    assert (contract.symbol, contract.local_symbol) == ("ES", "ESM6")
    assert contract.expiry == (known or date(2026, 6, 19))
    assert calendar_roll(contract).session_date == date(2026, 6, 15)
