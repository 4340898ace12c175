"""Entry rules as data. Add one by adding a file to the folder ``entries``; see its docstring."""
