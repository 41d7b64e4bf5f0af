"""The benchmarks: the first line of each module is its question, and `measure` answers it."""
