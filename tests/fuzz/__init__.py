"""Fuzzing of all parsers of external input: `make fuzz`."""
