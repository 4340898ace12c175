"""The collector: the only importer of ib_async."""
