"""Lightweight Charts from its npm package: fetched once, checked against a pinned hash.

No browser asks another host for it, and no third-party code is in the repository.
"""

import base64
import hashlib
import io
import subprocess
import sys
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path

from futures_pipeline.domain.errors import PipelineError

PACKAGE = "lightweight-charts"
VERSION = "5.2.1"
# Of the package as the registry serves it; ``npm view lightweight-charts@5.2.1 dist.integrity``.
SHA512 = "IVwoK1RLFiLPubaKIjNbtjWLnpPMqiABSrTay6whmNa8L1+19292VtHJ+BWyPUuLCwF0tcQlhEWd1CLB2a1nsQ=="
SCRIPT = "package/dist/lightweight-charts.standalone.production.mjs"
LICENCE = "package/LICENSE"
NOTICE = (
    "TradingView Lightweight Charts™ Copyright (c) 2025 TradingView, Inc. "
    "https://www.tradingview.com/"
)
NPM_SECONDS = 120


class LibraryMissing(PipelineError):
    """The chart library cannot be had; every page but the live chart works without it."""


@dataclass(frozen=True, slots=True)
class Library:
    """The chart library in a directory of this installation."""

    directory: Path

    @property
    def script(self) -> Path:
        return self.directory / f"{PACKAGE}-{VERSION}.mjs"

    @property
    def is_there(self) -> bool:
        return self.script.exists()

    def fetch(self) -> None:
        """Fetch the package with npm, unless it is there, check it, and keep what is served.

        Raises:
            LibraryMissing: npm is missing or fails, or the package is not the pinned one.
        """
        if self.is_there:
            return
        package = _packed()
        check(package)
        self.directory.mkdir(parents=True, exist_ok=True)
        with tarfile.open(fileobj=io.BytesIO(package), mode="r:gz") as archive:
            (self.directory / f"{PACKAGE}-LICENSE").write_bytes(_member(archive, LICENCE))
            fresh = self.script.with_suffix(".new")
            fresh.write_bytes(_member(archive, SCRIPT))
        fresh.replace(self.script)


def installed() -> Library:
    """Return the library of this installation, there or not."""
    return Library(Path(sys.prefix) / "share" / "futures-pipeline")


def check(package: bytes) -> None:
    """Make sure that a package is the pinned one.

    Raises:
        LibraryMissing: its hash is another.
    """
    digest = base64.b64encode(hashlib.sha512(package).digest()).decode()
    if digest != SHA512:
        raise LibraryMissing(
            f"{PACKAGE} {VERSION}: the package has SHA-512 {digest[:16]}..., the pinned one is "
            f"{SHA512[:16]}...; it was changed on its way and is not used"
        )


def _packed() -> bytes:
    with tempfile.TemporaryDirectory() as directory:
        command = ["npm", "pack", "--silent", "--ignore-scripts", f"{PACKAGE}@{VERSION}"]
        try:
            subprocess.run(
                command, cwd=directory, check=True, capture_output=True, timeout=NPM_SECONDS
            )
            return (Path(directory) / f"{PACKAGE}-{VERSION}.tgz").read_bytes()
        except (OSError, subprocess.SubprocessError) as error:
            raise LibraryMissing(
                f"{PACKAGE} {VERSION}: npm could not fetch it ({error}); install npm, or connect "
                "to the network once, and start again"
            ) from error


def _member(archive: tarfile.TarFile, name: str) -> bytes:
    file = archive.extractfile(name)
    if file is None:
        raise LibraryMissing(f"{PACKAGE} {VERSION}: the package has no {name}; it is not used")
    return file.read()
