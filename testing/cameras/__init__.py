"""Real cameras for tests: processes that serve what cameras serve."""
