"""The stand-in for IB Gateway: connections, requests, streams."""
