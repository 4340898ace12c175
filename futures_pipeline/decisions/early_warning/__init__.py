"""Early warning of a bearish regime from five-minute futures bars."""
