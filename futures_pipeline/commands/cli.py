"""The command line as one click group; a command's module is loaded when it is called."""

from collections.abc import Mapping
from importlib import import_module

import click

# Name, package and one line of help; module and function have the command's name, with _ for -.
COMMANDS: Mapping[str, tuple[str, str]] = {
    "alerts": ("inspecting", "Show what is wrong and who was told; try the way to them."),
    "assess": ("deciding", "Say who leads a pair, how sure that is, and what it is worth."),
    "backfill": ("filling", "Fetch missing one-minute bars of past days."),
    "brief": ("deciding", "Print the morning brief of a day, or make it anew."),
    "collect": ("serving", "Collect from IB Gateway or TWS until Ctrl-C."),
    "coverage": ("inspecting", "Show which minutes are missing, and why."),
    "dashboard": ("serving", "Show what is stored and what is heard, as pages."),
    "demo": ("running", "Run the whole pipeline on a simulated market; no account needed."),
    "derive-options": ("filling", "Compute option statistics and regimes of past sessions."),
    "doctor": ("inspecting", "Check settings, gateway, subscriptions and limits."),
    "explain": ("deciding", "Show what became of every rule in a decision."),
    "import-options": ("filling", "Bring recorded or bought option chains into the lake."),
    "lake": ("inspecting", "List the tables; read as of a time, check, repair, maintain."),
    "queue": ("inspecting", "Show what the collector has to ask, and what failed."),
    "receipt": ("deciding", "Compute a stored signal or decision again, and compare."),
    "replay": ("deciding", "Decide past sessions again, with futures and without."),
    "run": ("running", "Run the collector and Dagster with your own IB Gateway or TWS."),
    "simulate": ("serving", "Run the gateway simulator alone."),
}


class LazyGroup(click.Group):
    """Lists commands without loading them: some import Dagster, which takes seconds."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        del ctx
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        del ctx
        if cmd_name not in COMMANDS:
            return None
        name, (package, _) = cmd_name.replace("-", "_"), COMMANDS[cmd_name]
        module = import_module(f"futures_pipeline.commands.{package}.{name}")
        command: click.Command = getattr(module, name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in sorted(COMMANDS.items())])


@click.command(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="futures-pipeline")
def cli() -> None:
    """Collect futures, ETFs and VIX into a lake, exactly once, and watch it in Dagster."""
