"""The face detectors: one file each, an explicit table of them, and shared geometry."""

import os

# onnxruntime stores a machine id in the user's cache and reports its usage to its vendor.
# This agent sends data only to the broker. The library reads this variable when it is loaded.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"
