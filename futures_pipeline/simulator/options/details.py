"""Contract details of options, as the broker words them."""

from datetime import date

from futures_pipeline.simulator.gateway.details import details_text, hours_text
from futures_pipeline.simulator.market.universe import FIXED_CON_IDS, Hours, Listing
from futures_pipeline.simulator.options.chain import EXCHANGES, MULTIPLIER, OptionListing
from futures_pipeline.simulator.protocol.messages import DetailsText

MARKET_RULE = "110"
ORDER_TYPES = "ACTIVETIM,AD,ADJUST,ALERT,DAY,GTC,IOC,LIT,LMT,MIT,MKT,REL,STP,STPLMT,TRAIL"


def described(listing: Listing, hours: Hours, today: date) -> DetailsText:
    """Return the contract details of any listing with its hours from ``today`` on."""
    if isinstance(listing, OptionListing):
        return option_details_text(listing, hours, today)
    return details_text(listing, hours, today)


def option_details_text(listing: OptionListing, hours: Hours, today: date) -> DetailsText:
    """Return the contract details of an option with its hours from ``today`` on."""
    zone, day = listing.time_zone, listing.last_trade
    text = hours_text(hours.trading, today, zone)
    return DetailsText(
        symbol=listing.symbol,
        sec_type=listing.sec_type,
        last_trade_date=f"{day:%Y%m%d} 16:00 {zone}",
        exchange="SMART",
        local_symbol=listing.local_symbol,
        trading_class=listing.trading_class,
        con_id=listing.con_id,
        min_tick=listing.instrument.tick_size,
        multiplier=MULTIPLIER,
        order_types=ORDER_TYPES,
        valid_exchanges=",".join(EXCHANGES),
        under_con_id=FIXED_CON_IDS[listing.symbol],
        long_name=listing.instrument.name,
        primary_exchange="",
        contract_month=f"{day:%Y%m}",
        time_zone=zone,
        trading_hours=text,
        liquid_hours=text,
        aggregate_group=2,
        under_symbol=listing.symbol,
        under_sec_type="STK",
        market_rules=",".join([MARKET_RULE] * len(EXCHANGES)),
        real_expiry=f"{day:%Y%m%d}",
        stock_type="",
        suggested_size=1,
        strike=listing.strike,
        right=listing.right,
    )
