"""Whether a futures return says anything about the spot return after it."""
