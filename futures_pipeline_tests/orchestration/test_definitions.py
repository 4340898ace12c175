"""The definitions load quietly and quickly, and say what everything is."""

import os
import subprocess
import sys
from pathlib import Path

import dagster as dg
import pytest
import yaml

from futures_pipeline.config import Settings
from futures_pipeline.domain.errors import DataDirectoryError
from futures_pipeline.orchestration.build import build_defs
from futures_pipeline.orchestration.hosting.home import (
    DEFINITIONS,
    daemon_command,
    home_environment,
    prepare_home,
    webserver_command,
)
from futures_pipeline.storage.tables import RAW_TABLES, TABLES

# The stages from the spool to a decision, and what keeps them in shape.
GROUPS = ("collection", "raw", "quality", "derived", "decisions", "operations")
IMPORT = """
import sys, warnings
warnings.simplefilter("error")
warnings.filterwarnings("ignore", message="Series.dt.weekday is deprecated")
import futures_pipeline.definitions as loaded
for job in loaded.defs.jobs:
    loaded.defs.resolve_job_def(job.name)
slow = ("pandera", "matplotlib", "scipy", "numba", "statsmodels", "apprise")
print([name for name in slow if name in sys.modules])
"""


def test_loading_warns_of_nothing_and_imports_nothing_slow(tmp_path: Path) -> None:
    """Each run is a new process, and loads the definitions before it can start.

    Beta, preview and deprecated parts of Dagster warn when they are used.
    """
    environment = {**os.environ, "FUTURES_PIPELINE_DATA": str(tmp_path / "absent")}
    loaded = subprocess.run(
        [sys.executable, "-c", IMPORT], env=environment, capture_output=True, text=True, check=True
    )
    assert loaded.stdout == "[]\n"
    assert "Warning" not in loaded.stderr
    assert not (tmp_path / "absent").exists()


@pytest.fixture
def graph(settings: Settings) -> list[dg.AssetSpec]:
    return list(build_defs(settings).resolve_all_asset_specs())


def test_every_asset_says_what_it_is(graph: list[dg.AssetSpec]) -> None:
    named = {spec.key.to_user_string() for spec in graph}
    assert named >= {*(table.name for table in RAW_TABLES), "collector_spool", "change_metrics"}
    for spec in graph:
        assert spec.description
        assert spec.group_name in GROUPS
        assert spec.kinds
        assert list(spec.owners) == ["team:futures-pipeline"]
        assert "layer" in spec.tags


def test_every_table_describes_every_column(graph: list[dg.AssetSpec]) -> None:
    for spec in graph:
        table = TABLES.get(spec.key.to_user_string())
        if table is None:
            continue
        schema = spec.metadata["dagster/column_schema"]
        assert isinstance(schema, dg.TableSchema)
        assert [column.name for column in schema.columns] == table.names
        assert all(column.description for column in schema.columns)


def test_the_graph_starts_at_the_spool(graph: list[dg.AssetSpec]) -> None:
    sources = {
        spec.key.to_user_string(): {dep.asset_key.to_user_string() for dep in spec.deps}
        for spec in graph
    }
    raw = {table.name for table in RAW_TABLES}
    snapshots = {f"{kind}_snapshots" for kind in ("futures", "spot", "index", "crypto")}
    prices = {*snapshots, "bars_1m"}
    coverage = {*prices, "gateway_events"}
    assert sources["collector_spool"] == set()
    assert (
        sources
        | {
            **{name: {"collector_spool"} for name in raw},
            "quarantine": raw,
            "coverage": coverage,
            "coverage_gaps": coverage,
            "change_metrics": prices,
            **{key: set() for key in ("lake_maintenance", "lake_scrub", "run_history")},
        }
        == sources
    )


def test_no_two_steps_write_one_table_at_a_time(settings: Settings) -> None:
    """Each table has one writer, whose pool takes one step; refused rows are filed by many."""
    writers = {
        frozenset(key.to_user_string() for key in assets.keys): assets.op.pools
        for assets in build_defs(settings).assets or []
        if isinstance(assets, dg.AssetsDefinition) and assets.op.name != "quarantine"
    }
    tables = {names: pools for names, pools in writers.items() if names & TABLES.keys()}
    pools = [pool for each in tables.values() for pool in each]

    assert {name for names in tables for name in names} >= TABLES.keys() - {"quarantine"}
    assert all(len(each) == 1 for each in tables.values()), tables
    assert len(set(pools)) == len(tables)
    assert all(pool.removeprefix("delta_") in TABLES for pool in pools)


def test_each_job_does_one_thing(settings: Settings) -> None:
    """Ingestion stays short, and what looks for silence runs when nothing comes."""
    definitions = build_defs(settings)
    nodes = {
        job: {node.name for node in definitions.resolve_job_def(job).nodes}
        for job in ("ingest", "derive", "quality", "upkeep")
    }
    assert nodes["ingest"] == {*(table.name for table in RAW_TABLES), "quarantine"}
    assert nodes["derive"] >= {"coverage", "change_metrics", "change_checks"}
    assert nodes["quality"] == {"pair_checks", "freshness_checks"}
    assert nodes["upkeep"] == {"lake_maintenance", "lake_scrub", "run_history"}


def test_the_workspace_file_loads_the_definitions() -> None:
    path = Path(__file__).parents[2] / "workspace.yaml"
    module = yaml.safe_load(path.read_text())["load_from"][0]["python_module"]
    assert (module["module_name"], module["working_directory"]) == (DEFINITIONS, ".")


def test_a_home_is_valid_and_names_the_definitions(tmp_path: Path, settings: Settings) -> None:
    home = tmp_path / "dagster home"
    prepare_home(home, settings)
    prepare_home(home, settings)

    with dg.DagsterInstance.from_config(str(home)) as instance:
        assert instance.run_monitoring_enabled
        assert (instance.run_retries_enabled, instance.run_retries_max_retries) == (True, 1)
        assert (instance.telemetry_enabled, instance.nux_enabled) == (False, False)
        assert instance.get_concurrency_config().pool_config.default_pool_limit == 1
    written = yaml.safe_load((home / "dagster.yaml").read_text())
    kept = {kind: each["purge_after_days"] for kind, each in written["retention"].items()}
    assert all(0 < days <= 30 for each in kept.values() for days in each.values()), kept
    module = yaml.safe_load((home / "workspace.yaml").read_text())["load_from"][0]["python_module"]
    assert module["module_name"] == DEFINITIONS
    assert (Path(module["working_directory"]) / "futures_pipeline" / "definitions.py").exists()


def test_commands_do_not_depend_on_the_directory(tmp_path: Path) -> None:
    web, daemon = webserver_command(tmp_path, 3999), daemon_command(tmp_path)
    for command in (web, daemon):
        assert command[:3] == [sys.executable, "-P", "-m"]
        assert command[-1] == str(tmp_path / "workspace.yaml")
    assert "3999" in web
    assert home_environment(Path("relative"))["DAGSTER_HOME"].startswith("/")


def test_a_file_named_as_a_library_does_not_stop_the_commands(tmp_path: Path) -> None:
    """The user may start us in any directory, and gql.py is one of Dagster's libraries."""
    for name in ("gql", "dagster", "click"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('the wrong one')")
    home = tmp_path / "home"
    web, daemon = webserver_command(home, 3999), daemon_command(home)
    for command in (web, daemon):
        end = command.index("--port") if "--port" in command else command.index("-w")
        asked = subprocess.run(
            [*command[:end], "--help"], cwd=tmp_path, capture_output=True, text=True, check=False
        )
        assert asked.returncode == 0, asked.stderr


def test_databases_that_cannot_be_made_are_one_sentence(tmp_path: Path, settings: Settings) -> None:
    """A full disk, or here: a directory that stands where a database belongs."""
    (tmp_path / "home" / "history" / "runs.db").mkdir(parents=True)

    with pytest.raises(DataDirectoryError, match=r"home: its files .*; make room on the disk"):
        prepare_home(tmp_path / "home", settings)


def test_a_killed_run_gives_its_pool_slots_back_within_seconds(
    tmp_path: Path, settings: Settings
) -> None:
    prepare_home(tmp_path, settings)

    monitoring = yaml.safe_load((tmp_path / "dagster.yaml").read_text())["run_monitoring"]
    assert monitoring["free_slots_after_run_end_seconds"] == 5
    assert monitoring["poll_interval_seconds"] == 5
