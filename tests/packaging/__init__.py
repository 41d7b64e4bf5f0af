"""Packages and deployment files are valid, checked by their consumers' tools: `make packaging`."""
