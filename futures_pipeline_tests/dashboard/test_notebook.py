"""The notebook of the documentation runs from top to bottom and shows what it promises."""

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from futures_pipeline_tests.dashboard import filled

NOTEBOOK = Path(__file__).parents[2] / "docs" / "notebook.ipynb"
SECONDS = 60


def test_the_notebook_runs_and_shows_a_verdict_and_a_receipt(
    full: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FUTURES_PIPELINE_DATA", str(full))
    monkeypatch.setenv("FUTURES_PIPELINE_CLOCK", filled.standing_clock(filled.LIVE))
    monkeypatch.delenv("MPLBACKEND", raising=False)
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    assert all(not cell.get("outputs") for cell in notebook.cells)  # stored without results

    resources = {"metadata": {"path": str(tmp_path)}}
    client = NotebookClient(notebook, timeout=SECONDS, resources=resources)  # type: ignore[no-untyped-call]
    outputs = [
        output["data"]
        for cell in client.execute().cells
        for output in cell.get("outputs", [])
        if "data" in output
    ]

    shown = "\n".join(data["text/plain"] for data in outputs)
    assert "no lead longer than 0.7 s" in shown
    assert "'receipt': {" in shown
    assert any("image/png" in data for data in outputs)
