"""What every page that is served on this machine shares: who may reach it."""
