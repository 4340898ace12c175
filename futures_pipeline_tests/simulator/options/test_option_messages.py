"""The bytes of options against realistic messages; ``|`` ends a field.

Quoted from rust-ibapi v1.2.2 (MIT licence) and ib_insync issue 611.
"""

from dataclasses import replace

import pytest

from futures_pipeline.simulator.protocol import messages, wire
from futures_pipeline.simulator.protocol.messages import Computation, Fields
from futures_pipeline_tests.simulator.protocol.test_messages import ES, wire_bytes

CALL = Computation(0.3, 0.65, 5.75, 0.5, 0.05, 0.15, 0.01, 145.0)
UNKNOWN = Computation(None, None, 0.05, None, None, None, None, 145.0)


@pytest.mark.parametrize(
    ("fields", "captured"),
    [
        (
            messages.option_parameters(
                9000,
                ("CBOE", 12345, "AAPL", "100"),
                ["20230616", "20230915", "20231215"],
                [140, 150, 160],
            ),
            "75|9000|CBOE|12345|AAPL|100|3|20230616|20230915|20231215|3|140|150|160|",
        ),
        (messages.option_parameters_end(9000), "76|9000|"),
        (
            messages.tick_option_computation(9000, 13, CALL),
            "21|9000|13|1|0.3|0.65|5.75|0.5|0.05|0.15|0.01|145.0|",
        ),
        (
            messages.tick_option_computation(9000, 10, UNKNOWN),
            "21|9000|10|1|-1.0|-2.0|0.05|-1.0|-2.0|-2.0|-2.0|145.0|",
        ),
    ],
)
def test_bytes_are_those_of_the_capture(fields: Fields, captured: str) -> None:
    assert wire.frame(fields) == wire_bytes(captured)


def test_details_of_an_option_have_strike_and_right_in_their_place() -> None:
    option = replace(
        ES, symbol="SPX", sec_type="OPT", last_trade_date="20230714 22:00:00 Europe/Prague"
    )
    option = replace(
        option, strike=4325.0, right="P", exchange="SMART", local_symbol="SPXW  230714P04325000"
    )
    fields = messages.contract_details(178, 29, option)

    head = "10|29|SPX|OPT|20230714 22:00:00 Europe/Prague|4325|P|SMART|USD|SPXW  230714P04325000"
    assert "|".join(fields).startswith(head)
