"""The simulated market: generated from a seed, or replayed from recorded files."""
