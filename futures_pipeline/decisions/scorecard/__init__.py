"""How signals and decisions turned out, against what chance would have done."""
