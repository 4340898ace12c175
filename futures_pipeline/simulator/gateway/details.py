"""Contract details as the broker words them: names, exchanges, trading hours of coming days."""

from datetime import date, timedelta
from zoneinfo import ZoneInfo

from futures_pipeline.domain.instruments import Kind
from futures_pipeline.domain.sessions import Timetable, new_york
from futures_pipeline.simulator.market.universe import Hours, Listing
from futures_pipeline.simulator.protocol.messages import NO_AGGREGATE_GROUP, DetailsText

DAYS_OF_HOURS = 6
UNDERLYING_CON_IDS = {"ES": 11004968, "NQ": 11004958, "RTY": 11004961}
MARKET_RULES = {"ES": 67, "NQ": 67, "RTY": 239, "SPY": 26, "QQQ": 26, "IWM": 26, "VIX": 109}
EXCHANGES = {
    Kind.FUTURE: "CME,QBALGO",
    Kind.ETF: "SMART,AMEX,NYSE,CBOE,ARCA,ISLAND,BATS,IEX,EDGX,NYSENAT,MEMX,PSX",
    Kind.INDEX: "CBOE",
}
ORDER_TYPES = {
    Kind.FUTURE: "ACTIVETIM,AD,ADJUST,ALERT,DAY,GTC,GTD,ICE,IOC,LIT,LMT,MIT,MKT,STP,STPLMT,TRAIL",
    Kind.ETF: "ACTIVETIM,AD,ADJUST,ALERT,DAY,GTC,IOC,LMT,LOC,MIDPX,MKT,MOC,OPG,REL,STP,TRAIL",
    Kind.INDEX: "",
}


def details_text(listing: Listing, hours: Hours, today: date) -> DetailsText:
    """Return the contract details of a listing with its hours from ``today`` on."""
    kind = listing.instrument.kind
    future = kind is Kind.FUTURE
    rule = str(MARKET_RULES[listing.symbol])
    return DetailsText(
        symbol=listing.symbol,
        sec_type=listing.sec_type,
        last_trade_date=_last_trade(listing),
        exchange=listing.instrument.exchange,
        local_symbol=listing.local_symbol,
        trading_class=listing.trading_class,
        con_id=listing.con_id,
        min_tick=listing.instrument.tick_size,
        multiplier=f"{listing.instrument.multiplier:g}" if future else "",
        order_types=ORDER_TYPES[kind],
        valid_exchanges=EXCHANGES[kind],
        under_con_id=UNDERLYING_CON_IDS.get(listing.symbol, 0),
        long_name=listing.instrument.name,
        primary_exchange=listing.primary_exchange,
        contract_month=f"{listing.expiry:%Y%m}" if listing.expiry else "",
        time_zone=listing.time_zone,
        trading_hours=hours_text(hours.trading, today, listing.time_zone),
        liquid_hours=hours_text(hours.liquid, today, listing.time_zone),
        aggregate_group=NO_AGGREGATE_GROUP if future else 1,
        under_symbol=listing.symbol if future else "",
        under_sec_type="IND" if future else "",
        market_rules=",".join([rule] * len(EXCHANGES[kind].split(","))),
        real_expiry=f"{listing.expiry:%Y%m%d}" if listing.expiry else "",
        stock_type="ETF" if kind is Kind.ETF else "",
        suggested_size=100 if kind is Kind.ETF else 1,
    )


def _last_trade(listing: Listing) -> str:
    """Return the end of trading in the exchange's zone, ``20250620 08:30 US/Central``."""
    if listing.expiry is None:
        return ""
    end = new_york(listing.expiry, 9, 30).astimezone(ZoneInfo(listing.time_zone))
    return f"{end:%Y%m%d %H:%M} {listing.time_zone}"


def hours_text(timetable: Timetable, today: date, time_zone: str) -> str:
    """Return six days of sessions, ``20250521:1700-20250522:1600;20250524:CLOSED``.

    A day is the session's trade date; times are local to ``time_zone``.
    """
    zone = ZoneInfo(time_zone)
    parts = []
    for day in (today + timedelta(days=n) for n in range(DAYS_OF_HOURS)):
        session = timetable.on(day)
        if session is None:
            parts.append(f"{day:%Y%m%d}:CLOSED")
            continue
        opens, closes = session.opens_at.astimezone(zone), session.closes_at.astimezone(zone)
        parts.append(f"{opens:%Y%m%d:%H%M}-{closes:%Y%m%d:%H%M}")
    return ";".join(parts)
