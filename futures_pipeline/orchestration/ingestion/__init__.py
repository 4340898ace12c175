"""From the spool to the raw tables, and what follows from them at once."""
