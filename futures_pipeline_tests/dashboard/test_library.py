"""The chart library is the pinned one, or it is not used."""

import io
import tarfile
from pathlib import Path

import pytest

from futures_pipeline.dashboard.live.library import Library, LibraryMissing, check


def test_a_changed_package_is_refused() -> None:
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w:gz") as file:
        file.addfile(tarfile.TarInfo("package/LICENSE"))
    with pytest.raises(LibraryMissing, match="the pinned one is IVwoK1RLFiLPubaK"):
        check(archive.getvalue())


def test_without_npm_the_remedy_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    library = Library(tmp_path / "share")
    with pytest.raises(LibraryMissing, match="install npm"):
        library.fetch()
    assert not library.is_there
