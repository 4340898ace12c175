"""The chart library is the pinned one, or it is not used."""

from pathlib import Path

import pytest

from futures_pipeline.dashboard.live import library
from futures_pipeline.dashboard.live.library import LibraryMissing, chart_library, checked


def test_the_installed_one_is_the_pinned_one() -> None:
    head = chart_library().read_text()[:200]
    assert f"v{library.VERSION}" in head
    assert "Copyright (c) 2025 TradingView, Inc." in head


def test_a_changed_script_is_refused(tmp_path: Path) -> None:
    script = tmp_path / "lightweight-charts.js"
    script.write_bytes(chart_library().read_bytes() + b" ")
    with pytest.raises(LibraryMissing, match="the pinned one is 756b0ba9f5893022"):
        checked(script)


def test_without_it_the_remedy_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(library, "CARRIER", "a_package_that_nobody_has")
    with pytest.raises(LibraryMissing, match="pip install"):
        chart_library()
