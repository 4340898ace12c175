"""Real processes, started as a user starts them."""
