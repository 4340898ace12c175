"""From numbers to what to do: signals, warnings, rules, decisions and how they turned out.

Pure: values and frames in, values and rows out; no file, no clock.
"""
