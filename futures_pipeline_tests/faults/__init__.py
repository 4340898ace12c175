"""Faults against the real collector: each in turn, a thousand at random, and whole days."""
