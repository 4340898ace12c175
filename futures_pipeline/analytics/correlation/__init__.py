"""How much two markets move together: with an effective sample size and an interval."""
