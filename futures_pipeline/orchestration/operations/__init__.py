"""Upkeep of the lake and of Dagster's own storage."""
