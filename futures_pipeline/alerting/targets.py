"""Who is told: addresses from the environment or a file, sent to by apprise, never shown whole.

An address holds a secret, at a place that differs from service to service. It is known by a
hash of it, shown as its scheme and that hash, and kept out of every log.
"""

import hashlib
import logging
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from futures_pipeline.alerting.conditions import Severity
from futures_pipeline.domain.errors import ConfigurationError

VARIABLE = "FUTURES_PIPELINE_ALERT_URLS"
FILE = "alert_urls"
# A target that does not answer holds up the others for so long.
CONNECT_SECONDS, READ_SECONDS = 3, 5
# They print whole addresses when they are asked for details.
TALKATIVE = ("apprise", "urllib3", "requests")


@dataclass(frozen=True, slots=True)
class Target:
    """One address, which is never shown; ``id`` is a hash of it."""

    id: str
    url: str = field(repr=False)

    @property
    def label(self) -> str:
        return f"{urlsplit(self.url).scheme}#{self.id[:6]}"

    def send(self, title: str, body: str, severity: Severity) -> bool:
        """Send one message and return whether the target took it. Takes up to 8 seconds."""
        return bool(_apprise(self.url).notify(body=body, title=title, notify_type=_TYPES[severity]))


_TYPES = {Severity.NONE: "success", Severity.WARN: "warning", Severity.ERROR: "failure"}


def alert_targets(data: Path, environment: Mapping[str, str] = os.environ) -> list[Target]:
    """Return the targets of ``FUTURES_PIPELINE_ALERT_URLS``, else of the file ``alert_urls``.

    Addresses are separated by blanks, commas or lines; in the file ``#`` begins a comment
    line. Nothing in either place is nobody to tell.

    Raises:
        ConfigurationError: an address is not one that apprise knows; says which, not what.
    """
    text, place = environment.get(VARIABLE, ""), VARIABLE
    path = data / FILE
    if not text.strip() and path.exists():
        lines = path.read_text(encoding="utf-8").splitlines()
        text = "\n".join(line for line in lines if not line.lstrip().startswith("#"))
        place = str(path)
    urls = dict.fromkeys(re.split(r"[\s,]+(?=[a-zA-Z0-9]+://)|\s+", text.strip()))
    return [_target(url, f"{place}, address {number}") for number, url in enumerate(urls, 1) if url]


def _target(url: str, place: str) -> Target:
    scheme = urlsplit(url).scheme or "no scheme"
    if not len(_apprise(url)):
        raise ConfigurationError(
            place,
            f"{scheme}://...",
            "an address that apprise knows, such as discord://, tgram://, slack:// or mailto://",
        )
    return Target(hashlib.sha256(url.encode()).hexdigest()[:12], url)


def _apprise(url: str) -> Any:
    import apprise

    for name in TALKATIVE:
        logging.getLogger(name).setLevel(logging.WARNING)
    sender = apprise.Apprise()
    sender.add(_with_limits(url))
    return sender


def _with_limits(url: str) -> str:
    """Return the address with time limits, unless it has its own, and without fetched pictures."""
    wanted = {"cto": CONNECT_SECONDS, "rto": READ_SECONDS}
    if url.startswith("discord"):
        wanted["avatar"] = 0
    missing = [f"{name}={value}" for name, value in wanted.items() if f"{name}=" not in url]
    return url + ("&" if "?" in url else "?") + "&".join(missing) if missing else url
