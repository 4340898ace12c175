"""Tests of what Dagster runs."""
