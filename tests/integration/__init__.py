"""Parts together: a real broker, real worker processes, real pictures."""
