"""A stand-in for Binance's public market data: streams and REST on one port."""
