"""Option chains in rounds: which contracts, through which lines, into which rows."""
