"""What the operating system offers: Landlock, systemd, malloc, host metrics, the heartbeat file."""
