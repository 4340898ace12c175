"""``futures-pipeline alerts``: what is wrong, who was told, and a message to try the way."""

from pathlib import Path

import click
from rich.console import Console
from rich.table import Table as ScreenTable

from futures_pipeline.alerting import Outbox, Severity, alert_targets
from futures_pipeline.alerting.outbox import FILE, Told
from futures_pipeline.alerting.targets import VARIABLE
from futures_pipeline.commands.options import with_own_settings, with_settings
from futures_pipeline.config import Settings, load_settings
from futures_pipeline.domain.errors import ConfigurationError, DataDirectoryError, PipelineError

NEWEST = 20
COLOURS = {Severity.NONE: "green", Severity.WARN: "yellow", Severity.ERROR: "red"}


@click.group(invoke_without_command=True)
@with_settings
@click.pass_context
def alerts(context: click.Context, config: Path | None, data: Path | None) -> None:
    """Show what is wrong now and the newest messages about it."""
    context.obj = settings = load_settings(config=config, data=data)
    if context.invoked_subcommand is None:
        if not (settings.data / FILE).exists():
            raise DataDirectoryError(
                f"alerts: nothing has watched {settings.data} yet; start futures-pipeline run or "
                "futures-pipeline demo, or choose another directory with --data"
            )
        show(Console(), settings)


@alerts.command()
@with_own_settings
def test(settings: Settings) -> None:
    """Send a message to every address, and say which took it."""
    console = Console()
    targets = alert_targets(settings.data)
    if not targets:
        raise ConfigurationError(
            VARIABLE, "", f"one or more addresses, here or in {settings.data / 'alert_urls'}"
        )
    title, body = "Test: futures-pipeline alerts", "If you can read this, alerts reach you."
    took = [target.send(title, body, Severity.WARN) for target in targets]
    for target, is_taken in zip(targets, took, strict=True):
        console.print(f"{target.label}: {'[green]taken[/]' if is_taken else '[red]not taken[/]'}")
    if not all(took):
        raise PipelineError(
            "alerts: an address took nothing within 8 seconds; correct it, or see whether its "
            "service answers"
        )


def show(console: Console, settings: Settings) -> None:
    """Print the open conditions, the newest messages and how many addresses there are."""
    outbox = Outbox(settings.data)
    opened = [state for state in outbox.states() if state.is_open]
    if opened:
        screen = ScreenTable("Since (UTC)", "", "What", "Says", title="Wrong now")
        for state in opened:
            severity, since = state.condition.severity, f"{state.since:%Y-%m-%d %H:%M}"
            level = f"[{COLOURS[severity]}]{severity.name}[/]"
            screen.add_row(since, level, state.condition.title, state.condition.says)
        console.print(screen)
    else:
        console.print("Nothing is wrong.")
    newest = outbox.messages(NEWEST)
    if newest:
        screen = ScreenTable("Made (UTC)", "Message", "Delivery", title="Messages")
        for told in newest:
            made = f"{told.message.made_at:%Y-%m-%d %H:%M}"
            screen.add_row(made, told.message.title, delivery(told))
        console.print(screen)
    labels = [target.label for target in alert_targets(settings.data)]
    console.print(f"Addresses: {', '.join(labels) or f'none; set {VARIABLE}'}")


def delivery(told: Told) -> str:
    """Return how far a message has come.

    >>> from futures_pipeline.alerting.conditions import Message
    >>> from datetime import datetime
    >>> message = Message("a", "k", Severity.WARN, "title", "body", datetime.min)
    >>> delivery(Told(message, delivered=1, waiting=1, attempts=3))
    'taken by 1, 1 waiting after 3 attempts'
    """
    if not told.delivered + told.waiting:
        return "nobody to tell"
    waiting = f", {told.waiting} waiting after {told.attempts} attempts" if told.waiting else ""
    return f"taken by {told.delivered}{waiting}"
