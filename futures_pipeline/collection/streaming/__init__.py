"""Live lines: quotes and five-second bars, watched against the calendar."""
