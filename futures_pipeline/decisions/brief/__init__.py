"""The morning brief: what is known before the open, as one page for a person."""
