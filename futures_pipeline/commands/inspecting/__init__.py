"""Commands that look: what is stored, missing, waiting, reachable."""
