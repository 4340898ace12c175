"""``docs/statistics.md`` names tests that exist."""

import re
from pathlib import Path

HERE = Path(__file__).parent
PAGE = HERE.parents[1] / "docs" / "statistics.md"


def test_every_test_that_the_page_names_is_there() -> None:
    missing, named, file = [], 0, ""
    for path, name in re.findall(r"`([\w/]*)::(test_\w+)`", PAGE.read_text()):
        file, named = path or file, named + 1
        if f"def {name}(" not in (HERE / f"{file}.py").read_text():
            missing.append(f"{file}::{name}")
    assert named > 30
    assert missing == []
