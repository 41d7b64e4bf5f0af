"""Benchmarks, each a command: `python -m bench --help`. Figures are printed, never asserted."""
