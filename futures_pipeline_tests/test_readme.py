"""What the README, the documents and the product's own words tell a user to type exists."""

import re
from pathlib import Path

import click

from futures_pipeline.commands.cli import COMMANDS, cli

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()


def test_every_command_of_the_readme_exists() -> None:
    named = set(re.findall(r"futures-pipeline ([a-z-]+)", README))

    assert {"demo", "run", "collect", "doctor", "backfill", "coverage", "simulate"} <= named
    assert named <= set(COMMANDS)


def test_every_command_that_is_spoken_of_exists() -> None:
    pages = [*ROOT.glob("docs/*.md"), *ROOT.glob("futures_pipeline/**/*.py")]
    text = "".join(page.read_text() for page in pages)
    named = set(re.findall(r"futures-pipeline ([a-z][a-z-]+)(?= |`|'|\\.|$)", text, re.MULTILINE))

    assert {"alerts", "lake", "queue", "receipt"} <= named
    assert named <= set(COMMANDS)


def test_every_make_target_of_the_readme_exists() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))

    assert set(re.findall(r"make ([a-z]+)", README)) <= targets
    assert {"help", "setup", "demo", "check", "test", "bench"} <= targets


def test_every_option_of_the_readme_exists() -> None:
    options = {option for name in COMMANDS for option in known_options(name)}

    assert set(re.findall(r"(?<![-\w])--[a-z][a-z-]*", README)) <= options


def known_options(command: str) -> set[str]:
    """Return the long options of a command and of those below it."""
    found = cli.get_command(click.Context(cli), command)
    assert found is not None
    below = found.commands.values() if isinstance(found, click.Group) else []
    return {option for one in (found, *below) for it in one.params for option in it.opts}


def test_every_link_of_the_readme_leads_somewhere() -> None:
    for target in re.findall(r"\]\(([^)]+)\)", README):
        assert (ROOT / target).exists(), target
