"""The worker process: receives pictures, decodes, detects, draws, answers. Nothing here runs in the parent."""
