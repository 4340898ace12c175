"""Option chains: cleaning, forwards, volatility and greeks, and 27 statistics a day."""
