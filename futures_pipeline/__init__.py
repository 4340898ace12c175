"""Index futures, their ETFs and VIX: collected once, kept with their gaps, run from Dagster."""
