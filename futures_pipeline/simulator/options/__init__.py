"""Option chains of the simulated ETFs: contracts, prices from a known surface, streams."""
