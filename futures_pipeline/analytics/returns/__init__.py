"""Prices on a grid, their returns, and pairs of them."""
