"""Where rows are kept: table rules, the spool, the lake."""
