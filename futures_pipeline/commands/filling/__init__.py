"""Commands that bring past rows in."""
