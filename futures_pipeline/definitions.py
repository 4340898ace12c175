"""What Dagster loads."""

from futures_pipeline.config import load_settings
from futures_pipeline.orchestration.build import build_defs

defs = build_defs(load_settings())
