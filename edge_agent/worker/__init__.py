"""The worker process: receives frames, decodes, detects, annotates, replies. Nothing here runs in the parent."""
