"""Measures the agent's pool on the user's own machine, beside the most that its processor can do."""
