"""The real exchange calendar of the dates that the tests of this folder use."""

from datetime import date

import pytest

from futures_pipeline.domain.calendar import load_calendar
from futures_pipeline.domain.sessions import TradingCalendar


@pytest.fixture(scope="session")
def calendar() -> TradingCalendar:
    return load_calendar(date(2024, 1, 1), date(2026, 12, 31))
