"""Pairs of currencies from Binance's public hosts, beside the broker's connection."""
