"""Health, metrics and error events of the agent."""
