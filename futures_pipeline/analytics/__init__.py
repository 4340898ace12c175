"""Frames in, frames out: statistics without I/O or clock."""
