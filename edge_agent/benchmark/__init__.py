"""Measures the agent's pool on this host, and compares it with the limit of its CPU."""
