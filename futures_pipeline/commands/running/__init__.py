"""Commands that run the whole pipeline, and what they start and print."""
