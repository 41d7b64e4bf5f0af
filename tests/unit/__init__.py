"""Unit tests without a broker and worker processes."""
