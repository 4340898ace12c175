"""What one subject gives the definitions: its assets, their jobs and what starts these."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import dagster as dg

if TYPE_CHECKING:
    from dagster._core.definitions.unresolved_asset_job_definition import (
        UnresolvedAssetJobDefinition,
    )


@dataclass(frozen=True, slots=True)
class Parts:
    """The definitions of one subject."""

    assets: Sequence[dg.AssetsDefinition]
    jobs: "Sequence[UnresolvedAssetJobDefinition]"
    sensors: Sequence[dg.SensorDefinition] = ()
    schedules: Sequence[dg.ScheduleDefinition] = ()
