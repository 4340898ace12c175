"""Measurements against other tools: ratios in one run, medians, peak memory. Not tests."""
