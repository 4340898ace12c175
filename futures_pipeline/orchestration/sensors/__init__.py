"""What starts runs: sensors, and the decisions they take."""
