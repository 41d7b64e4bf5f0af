"""The benchmarks: each module asks the one question of its first line, and `measure` answers it."""
