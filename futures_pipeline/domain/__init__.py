"""Standard library only, but for the exchange calendar: dates, contracts, clock, errors."""
