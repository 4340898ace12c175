"""The assets of pairs: correlation, who leads, what that is worth; and what starts them."""
