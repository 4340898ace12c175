"""The errors a person can act on; each message says what we have, what we need, what to do.

PipelineError
├── ConfigurationError     a key, its value, what is allowed
├── UnknownSymbol          a symbol outside the universe
├── DataDirectoryError     the data directory cannot be used
├── GatewayError           the broker connection
│   ├── GatewayUnavailable nothing usable answers at the address
│   └── GatewayRefused     the gateway answered and said no
├── RequestFailed          one broker request, with the broker's code
├── RecordedDataError      a file given to the simulator cannot be replayed
├── SpoolError             the hand-over database
├── LakeError              a table of the lake
└── CalendarError          a date outside the loaded calendar
"""

from collections.abc import Iterable


class PipelineError(Exception):
    """Base of all errors shown to the user as one sentence, without a traceback."""


class ConfigurationError(PipelineError):
    """A setting has a value that is not allowed."""

    def __init__(self, key: str, value: object, allowed: str) -> None:
        super().__init__(f"{key}: {value!r} is not allowed; it must be {allowed}")


class UnknownSymbol(PipelineError):
    """A symbol is not one of the configured instruments."""

    def __init__(self, symbol: str, known: Iterable[str]) -> None:
        super().__init__(
            f"symbol {symbol!r} is not known; known are {', '.join(known)}; "
            "correct the symbol or the key collection.symbols"
        )


class DataDirectoryError(PipelineError):
    """The data directory is missing, not writable or not a directory."""


class GatewayError(PipelineError):
    """Something about the broker connection."""


class GatewayUnavailable(GatewayError):
    """No IB Gateway or TWS answers at the configured address."""


class GatewayRefused(GatewayError):
    """The gateway answered, and refused the session."""


class RequestFailed(PipelineError):
    """The broker answered one request with an error."""

    def __init__(self, subject: str, code: int, text: str) -> None:
        super().__init__(f"{subject}: the broker answered {code} {text}")
        self.code = code
        self.text = text


class RecordedDataError(PipelineError):
    """A recorded file lacks what a replay needs."""


class SpoolError(PipelineError):
    """The spool cannot be read or written."""


class LakeError(PipelineError):
    """A table of the lake cannot be read or written."""


class CalendarError(PipelineError):
    """A date or time lies outside the loaded exchange calendar."""
