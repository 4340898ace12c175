"""The server's bytes against realistic messages.

Captures quoted from rust-ibapi v1.2.2 (MIT licence) and public issue threads; ``|`` ends a field.
"""

import json
from pathlib import Path

import pytest

from futures_pipeline.simulator.protocol import messages, wire
from futures_pipeline.simulator.protocol.messages import DetailsText, Fields

ES_HOURS = (
    "20250521:1700-20250522:1600;20250522:1700-20250523:1600;20250524:CLOSED",
    "20250522:0830-20250522:1600;20250523:0830-20250523:1600;20250524:CLOSED",
)
ES = DetailsText(
    symbol="ES",
    sec_type="FUT",
    last_trade_date="20250620 08:30 US/Central",
    exchange="CME",
    local_symbol="ESM5",
    trading_class="ES",
    con_id=620731015,
    min_tick=0.25,
    multiplier="50",
    order_types="ACTIVETIM,AD",
    valid_exchanges="CME,QBALGO",
    under_con_id=11004968,
    long_name="E-mini S&P 500",
    primary_exchange="",
    contract_month="202506",
    time_zone="US/Central",
    trading_hours=ES_HOURS[0],
    liquid_hours=ES_HOURS[1],
    aggregate_group=2147483647,
    under_symbol="ES",
    under_sec_type="IND",
    market_rules="67,67",
    real_expiry="20250620",
    stock_type="",
    suggested_size=1,
)
ES_HEAD = "ES|FUT|20250620 08:30 US/Central|0||CME|USD|ESM5|ES|ES|620731015|0.25|"
ES_MIDDLE = (
    "50|ACTIVETIM,AD|CME,QBALGO|1|11004968|E-mini S&P 500||202506||||US/Central|"
    f"{ES_HOURS[0]}|{ES_HOURS[1]}|||0|2147483647|ES|IND|67,67|20250620||"
)


def wire_bytes(text: str) -> bytes:
    """Return the frame of a message written with ``|``."""
    payload = text.replace("|", "\0").encode()
    return len(payload).to_bytes(4, "big") + payload


@pytest.mark.parametrize(
    ("fields", "captured"),
    [
        (messages.server_version(178, "20250425 15:23:54 EST"), "178|20250425 15:23:54 EST|"),
        (messages.managed_accounts("DU1234567"), "15|1|DU1234567|"),
        (messages.next_valid_id(1), "9|1|1|"),
        (
            messages.error(178, -1, 2104, "Market data farm connection is OK:usfarm"),
            "4|2|-1|2104|Market data farm connection is OK:usfarm||",
        ),
        (
            messages.error(165, 9003, 300, "Can't find EId with tickerId:9003"),
            "4|2|9003|300|Can't find EId with tickerId:9003|",
        ),
        (messages.contract_details_end(9000), "52|1|9000|"),
        (messages.market_data_type(9004, 1), "58|1|9004|1|"),
        (messages.tick_request_parameters(9004, 0.01, "9c0001"), "81|9004|0.01|9c0001|3|"),
        (messages.tick_string(9004, 45, "1744742860"), "46|6|9004|45|1744742860|"),
        (messages.tick_price(9004, 6, 258.75, 0, 0), "1|6|9004|6|258.75|0|0|"),
        (messages.tick_generic(9004, 49, 0.0), "45|6|9004|49|0.0|"),
        (messages.tick_size(9004, 8, 663944), "2|6|9004|8|663944|"),
        (messages.snapshot_end(9004), "57|1|9004|"),
        (messages.head_timestamp(9000, "1560346200"), "88|9000|1560346200|"),
        (
            messages.realtime_bar(
                9000,
                1678323335,
                (4028.75, 4029.25, 4028.25, 4028.5),
                messages.bar_rest(2, 4026.75, 1),
            ),
            "50|3|9000|1678323335|4028.75|4029.25|4028.25|4028.5|2|4026.75|1|",
        ),
        (
            messages.historical_data(
                1,
                "20250405 17:56:00 US/Eastern",
                "20250413 17:56:00 US/Eastern",
                [
                    (
                        "20250402",
                        *(messages.text(p) for p in (99.77543, 99.77636, 99.77543, 99.77609)),
                        *messages.bar_rest(-1, -1, -1),
                    )
                ],
            ),
            "17|1|20250405 17:56:00 US/Eastern|20250413 17:56:00 US/Eastern|1|"
            "20250402|99.77543|99.77636|99.77543|99.77609|-1|-1|-1|",
        ),
    ],
)
def test_bytes_are_those_of_the_capture(fields: Fields, captured: str) -> None:
    assert wire.frame(fields) == wire_bytes(captured)


@pytest.mark.parametrize(
    ("version", "captured"),
    [
        (178, f"10|9000|{ES_HEAD}{ES_MIDDLE}1|1|1|"),
        (164, f"10|9000|{ES_HEAD}{ES_MIDDLE}1|1|1|"),
        (163, f"10|8|9000|{ES_HEAD}1|{ES_MIDDLE}1|"),
        (157, f"10|8|9000|{ES_HEAD}1|{ES_MIDDLE}"),
    ],
)
def test_contract_details_by_version(version: int, captured: str) -> None:
    fields = messages.contract_details(version, 9000, ES)

    assert wire.frame(fields) == wire_bytes(captured)


def test_contract_details_have_the_fields_of_the_recorded_capture(recorded_data: Path) -> None:
    lines = (recorded_data / "tws_messages_rust_ibapi.jsonl").read_text(encoding="utf-8")
    recorded = [json.loads(line)["fields"] for line in lines.splitlines()]
    es = next(fields for fields in recorded if fields[:3] == ["10", "9000", "ES"])

    ours = messages.contract_details(178, 9000, ES)

    differing = {n for n, pair in enumerate(zip(ours, es, strict=False)) if pair[0] != pair[1]}
    order_types, trading_hours, liquid_hours = 15, 26, 27  # shortened above
    assert differing <= {order_types, trading_hours, liquid_hours}
    assert [field for field in es[len(ours) :] if field] == []


@pytest.mark.parametrize("price", [0.1, 4780.25, 277.2201, 1 / 3, 683.919983])
def test_prices_read_back_exactly(price: float) -> None:
    assert float(messages.text(price)) == price
