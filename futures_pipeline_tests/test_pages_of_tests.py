"""The documents that name tests name tests that exist."""

import re
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
DOCS = TESTS.parent / "docs"


@pytest.mark.parametrize(
    ("page", "folder", "least"), [("statistics", "analytics", 30), ("security", "", 15)]
)
def test_every_test_that_a_page_names_is_there(page: str, folder: str, least: int) -> None:
    text = (DOCS / f"{page}.md").read_text()
    missing, named, file = [], 0, ""
    for path, name in re.findall(r"`([\w/]*)::(test_\w+)`", text):
        file, named = path or file, named + 1
        if f"def {name}(" not in (TESTS / folder / f"{file}.py").read_text():
            missing.append(f"{file}::{name}")
    assert named > least
    assert missing == []
