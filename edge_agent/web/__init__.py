"""The agent over HTTP: a page for people, metrics for Prometheus, two answers for a watchdog. It only reads."""
