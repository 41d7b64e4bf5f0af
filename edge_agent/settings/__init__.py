"""The settings: their model, where they are loaded from, and their list of keys."""
