"""Power cuts, kills, full disks, torn files: rows stay, once, or their loss is told."""
