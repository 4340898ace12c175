"""What options show: a function of market, contract and time alone, and like the real ones."""

import math
from datetime import UTC, date, datetime, timedelta
from statistics import mean

import pytest

from futures_pipeline.domain.calendar import load_calendar
from futures_pipeline.simulator.market.generated import GeneratedMarket
from futures_pipeline.simulator.market.universe import spot_listing
from futures_pipeline.simulator.options.book import OptionBook, OptionQuote, quoted
from futures_pipeline.simulator.options.chain import OptionListing, find
from futures_pipeline.simulator.options.surface import swap_vol
from futures_pipeline.simulator.protocol.wire import ContractQuery

REGULAR = load_calendar(date(2010, 1, 1), date(2027, 12, 31)).regular
NOON = datetime(2025, 1, 15, 17, 0, tzinfo=UTC)
SESSION = REGULAR.at(NOON)


@pytest.fixture(scope="module")
def book(generated: GeneratedMarket) -> OptionBook:
    return OptionBook(generated)


def chain(book: OptionBook, symbol: str = "SPY", expiry: str = "20250214") -> list[OptionListing]:
    block = ContractQuery(0, symbol, "OPT", expiry, "SMART", "", "USD", "", "")
    return find(block, book.board(NOON))


def near(book: OptionBook, right: str = "C", away: float = 0.0) -> OptionListing:
    """Return the option whose strike is a fraction ``away`` from the money."""
    surface = book.surface("SPY", NOON)
    assert surface is not None
    wanted = surface.spot * (1 + away)
    ours = [listing for listing in chain(book) if listing.right == right]
    return min(ours, key=lambda listing: abs(listing.strike - wanted))


def at(book: OptionBook, listing: OptionListing, moment: datetime) -> OptionQuote:
    found = book.quote(listing, moment, SESSION)
    assert found is not None
    return found


def test_the_same_question_has_the_same_answer_whatever_was_asked_before(
    book: OptionBook,
) -> None:
    listing = near(book)
    first = at(book, listing, NOON)
    at(book, listing, NOON + timedelta(hours=1))

    fresh = OptionBook(GeneratedMarket(seed=7))
    assert fresh.quote(listing, NOON, SESSION) == first


def test_another_seed_is_another_market(book: OptionBook) -> None:
    listing, other = near(book), OptionBook(GeneratedMarket(seed=8))
    assert other.draw(listing, "x") != book.draw(listing, "x")
    assert other.board(NOON).levels != book.board(NOON).levels


def test_quotes_lie_about_the_surface_on_their_ticks(book: OptionBook) -> None:
    for listing in chain(book):
        value, quote = book.value(listing, NOON), at(book, listing, NOON)
        assert value is not None
        low = 0.0 if math.isnan(quote.bid) else quote.bid
        assert low < quote.ask
        assert low <= value.greeks.price <= quote.ask
        tick = 0.01 if value.greeks.price < 3 else 0.05
        assert quote.ask / tick == pytest.approx(round(quote.ask / tick), abs=1e-6)
        assert low / tick == pytest.approx(round(low / tick), abs=1e-6)
        assert (quote.bid_size == 0) == math.isnan(quote.bid)


def test_spreads_widen_in_the_money(book: OptionBook) -> None:
    def spread(away: float) -> float:
        listing = near(book, "C", away)
        value = book.value(listing, NOON)
        assert value is not None
        bid, ask = quoted(listing, value)
        return ask - bid

    assert spread(0.06) <= 0.03
    assert spread(0.06) < spread(0.0) < spread(-0.05) < spread(-0.10)


def test_a_worthless_option_has_an_ask_and_no_bid(book: OptionBook) -> None:
    nearly_over = datetime(2025, 1, 15, 20, 55, tzinfo=UTC)
    expiring = [listing for listing in chain(book, expiry="20250115") if listing.right == "C"]
    quote = at(book, expiring[-1], nearly_over)

    assert math.isnan(quote.bid)
    assert (quote.ask, quote.bid_size) == (0.01, 0)


def test_volume_grows_and_the_last_trade_was_at_a_quote(book: OptionBook) -> None:
    listing = near(book)
    moments = [SESSION.opens_at + timedelta(minutes=n) for n in range(0, 391, 30)]
    quotes = [at(book, listing, moment) for moment in moments]

    volumes = [quote.volume for quote in quotes]
    assert volumes[0] == 0
    assert quotes[0].last is None
    assert volumes == sorted(volumes)
    assert volumes[-1] > 20
    for moment, quote in zip(moments[1:], quotes[1:], strict=True):
        assert quote.last_at is not None
        traded_at = datetime.fromtimestamp(quote.last_at, UTC)
        assert SESSION.opens_at < traded_at <= moment
        then = book.value(listing, traded_at)
        assert then is not None
        assert quote.last in quoted(listing, then)


def test_open_interest_is_largest_at_the_money_of_a_third_friday(book: OptionBook) -> None:
    def total(expiry: str) -> int:
        found = (book.open_interest(listing, SESSION) for listing in chain(book, expiry=expiry))
        return sum(found)

    assert total("20250221") > 5 * total("20250214")
    strike = near(book).strike
    away = [(abs(it.strike / strike - 1), book.open_interest(it, SESSION)) for it in chain(book)]
    money = mean(interest for distance, interest in away if distance < 0.02)
    assert mean(interest for distance, interest in away if distance > 0.12) < money / 4


def test_the_model_is_usually_soon_sometimes_late_and_seldom_never_there(
    book: OptionBook,
) -> None:
    days = ("20250214", "20250221", "20250321")
    listings = [listing for day in days for listing in chain(book, expiry=day)]
    delays = [book.model_delay(listing, SESSION) for listing in listings]

    never = sum(delay is None for delay in delays)
    late = sum(delay is not None and delay > 11 for delay in delays)
    soon = sum(delay is not None and delay < 3 for delay in delays)
    assert never + late + soon == len(listings) > 600
    assert 0 < never < 0.03 * len(listings)
    assert never < late < 0.08 * len(listings)


def test_at_the_money_vol_follows_the_simulated_vix(book: OptionBook) -> None:
    """The surface's own 30-day variance swap is the VIX that the simulator shows."""
    surface = book.surface("SPY", NOON)
    vix = GeneratedMarket(seed=7).implied_vol(spot_listing("SPY"), NOON)
    assert surface is not None
    assert swap_vol(surface.variance) == pytest.approx(vix, abs=2e-4)
