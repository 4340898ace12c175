"""The live feed: what the collector hears, to programs of this machine (docs/feed.md)."""
