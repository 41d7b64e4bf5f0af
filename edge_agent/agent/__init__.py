"""The agent's thread: what it is told, what it decides, and the parts that only it calls."""
