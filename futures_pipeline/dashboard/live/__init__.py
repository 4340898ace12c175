"""The live page: one JavaScript module, its chart library, and the relay to the feed."""
