"""The inner loops that no library has; each has a slow, obvious twin in the tests."""
