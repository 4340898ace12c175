"""From stored rows to what a signal is computed from; nothing after the moment is looked at."""
