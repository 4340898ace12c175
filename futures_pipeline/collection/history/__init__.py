"""What is asked from history: the plan, the requests, what was kept."""
