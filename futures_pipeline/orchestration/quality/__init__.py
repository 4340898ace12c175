"""What is looked at beyond single rows: whole series, and whether rows come at all."""
