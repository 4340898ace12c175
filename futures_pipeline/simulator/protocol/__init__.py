"""The TWS text protocol as the broker speaks it, and its limits."""
