"""What each session owes, has and misses."""
