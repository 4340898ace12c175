"""How signals turned out, and the morning's page, as assets."""
