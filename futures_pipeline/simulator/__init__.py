"""A stand-in for IB Gateway: the TWS text protocol over a generated or recorded market."""
