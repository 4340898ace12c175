"""Commands that run one process of the pipeline alone."""
