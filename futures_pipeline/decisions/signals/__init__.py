"""What the futures say: by day, before the open, and against fair value."""
