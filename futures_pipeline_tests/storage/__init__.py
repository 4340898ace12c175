"""Tests of storage: the spool, the lake, the rules, exactly once."""
