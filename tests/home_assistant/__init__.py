"""What Home Assistant itself says."""
