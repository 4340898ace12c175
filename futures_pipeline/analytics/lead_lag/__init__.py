"""Which of two markets moves first, by how long, and what could not have been seen."""
