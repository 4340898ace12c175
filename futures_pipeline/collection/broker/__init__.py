"""The connection to IB Gateway or TWS: limits, codes, healths, guards."""
