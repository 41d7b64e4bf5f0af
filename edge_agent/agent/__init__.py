"""The agent's thread: the events it receives, the decisions it makes, and the parts that only it calls."""
