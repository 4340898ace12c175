"""From the lake to signals, warnings and decisions of a moment, and back from their receipts."""
