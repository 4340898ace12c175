"""Dagster's own processes: home, guarded web server, one pass for the command line."""
