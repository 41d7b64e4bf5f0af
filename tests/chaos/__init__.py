"""Fault injection: parts are killed, stopped and disconnected."""
