"""Operating system interfaces: Landlock, systemd, malloc, host metrics, the heartbeat file."""
