"""Integration tests: a real broker, real worker processes, real pictures."""
