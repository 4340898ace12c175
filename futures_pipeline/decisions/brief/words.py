"""Numbers as a person reads them, each with its unit; an unknown one says so."""

import math
from datetime import datetime

from futures_pipeline.decisions.brief.page import Fact, Tone
from futures_pipeline.domain.sessions import NEW_YORK

UNKNOWN = "not known"


def points(value: float | None, *, signed: bool = True) -> str:
    """Return index points.

    >>> points(12.25), points(-3.0), points(21.5, signed=False), points(None)
    ('+12.25 points', '-3.00 points', '21.50 points', 'not known')
    """
    if value is None:
        return UNKNOWN
    return f"{value:+,.2f} points" if signed else f"{value:,.2f} points"


def percent(log_return: float | None) -> str:
    """Return a log return as the change in percent that a screen shows.

    >>> percent(0.01), percent(None)
    ('+1.01 %', 'not known')
    """
    return UNKNOWN if log_return is None else f"{100 * math.expm1(log_return):+.2f} %"


def share(value: float | None) -> str:
    """Return a fraction as percent without a sign.

    >>> share(0.4375)
    '44 %'
    """
    return UNKNOWN if value is None else f"{100 * value:.0f} %"


def usual_nights(z: float | None) -> str:
    """Return a move in units of the usual one.

    >>> usual_nights(-1.8)
    '-1.80 of a usual night'
    """
    return UNKNOWN if z is None else f"{z:+.2f} of a usual night"


def rank(value: float | None) -> str:
    """Return a rank or percentile.

    >>> rank(62.4)
    '62 of 100'
    """
    return UNKNOWN if value is None else f"{value:.0f} of 100"


def basis_points(value: float | None) -> str:
    """Return basis points.

    >>> basis_points(-0.44)
    '-0.4 bp'
    """
    return UNKNOWN if value is None else f"{value:+.1f} bp"


def confidence(value: float | None) -> str:
    """Return a confidence.

    >>> confidence(0.789)
    '0.79 of 1'
    """
    return UNKNOWN if value is None else f"{value:.2f} of 1"


def both_times(at: datetime) -> str:
    """Return a moment in New York and UTC.

    >>> from datetime import UTC
    >>> both_times(datetime(2026, 11, 20, 14, 25, tzinfo=UTC))
    '09:25 New York (14:25 UTC)'
    """
    return f"{at.astimezone(NEW_YORK):%H:%M} New York ({at:%H:%M} UTC)"


def spoken(word: str | None) -> str:
    """Return a stored word, or several by comma, for people.

    >>> spoken("high_volatility"), spoken("vix,iv_rank"), spoken(None)
    ('high volatility', 'vix, iv rank', 'not known')
    """
    if word is None:
        return UNKNOWN
    return ", ".join(part.strip() for part in word.split(",")).replace("_", " ")


def tone_of(value: float | None) -> Tone:
    """Return the tone of a signed number."""
    if not value:
        return Tone.PLAIN
    return Tone.UP if value > 0 else Tone.DOWN


def moved(label: str, text: str, value: float | None) -> Fact:
    """Return a fact whose tone is the sign of ``value``."""
    return Fact(label, text, tone_of(value))
