"""All faults in one table."""

from collections.abc import Mapping

from futures_pipeline.simulator.faults.broker_messages import BROKER_FAULTS
from futures_pipeline.simulator.faults.connection import CONNECTION_FAULTS
from futures_pipeline.simulator.faults.data import DATA_FAULTS
from futures_pipeline.simulator.faults.table import Fault

FAULTS: Mapping[str, Fault] = {**CONNECTION_FAULTS, **BROKER_FAULTS, **DATA_FAULTS}
