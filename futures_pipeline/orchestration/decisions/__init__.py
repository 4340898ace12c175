"""Signals, warnings and decisions as assets: when they are due, and how they are kept."""
