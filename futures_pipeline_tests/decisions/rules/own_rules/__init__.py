"""A folder of rules that are not the product's."""
