"""Lightweight Charts as an installed Python package carries it, checked against a pinned hash.

It is installed with the dashboard, so nothing is fetched when it starts; no browser asks
another host for it, and no third-party code is in the repository.
"""

import hashlib
from importlib.util import find_spec
from pathlib import Path

from futures_pipeline.domain.errors import PipelineError

CARRIER = "litecharts"
VERSION = "5.1.0"
# Of dist/lightweight-charts.standalone.production.js in the npm package lightweight-charts 5.1.0.
SHA256 = "756b0ba9f58930226d6b8b9d47ad310448ab85d799ea1f7c2c02304777c10b52"
NOTICE = (
    "TradingView Lightweight Charts™ Copyright (c) 2025 TradingView, Inc. "
    "https://www.tradingview.com/"
)


class LibraryMissing(PipelineError):
    """The chart library is not usable; every page but the live chart works without it."""


def chart_library() -> Path:
    """Return the chart library's script.

    Raises:
        LibraryMissing: it is not installed, or not the pinned one.
    """
    found = find_spec(CARRIER)
    for place in (found and found.submodule_search_locations) or ():
        return checked(Path(place) / "js" / "lightweight-charts.js")
    raise LibraryMissing(
        f"chart library: the package {CARRIER} is not installed; it comes with the extra: "
        "pip install 'futures-pipeline[dashboard]'"
    )


def checked(script: Path) -> Path:
    """Return a script that is the pinned one.

    Raises:
        LibraryMissing: it is missing, or its hash is another.
    """
    try:
        digest = hashlib.sha256(script.read_bytes()).hexdigest()
    except OSError as error:
        raise LibraryMissing(
            f"chart library: {script.name} cannot be read ({error.strerror}); install the extra "
            "again: pip install --force-reinstall 'futures-pipeline[dashboard]'"
        ) from error
    if digest != SHA256:
        raise LibraryMissing(
            f"chart library: {script.name} has SHA-256 {digest[:16]}..., the pinned one is "
            f"{SHA256[:16]}...; it is not used; install the version of constraints.txt"
        )
    return script
