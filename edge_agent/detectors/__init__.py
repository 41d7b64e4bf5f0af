"""What finds faces: one file a detector, an explicit table of them, and the geometry that they share."""

import os

# onnxruntime keeps an id of the machine in the user's cache and sends to its maker how it is
# used. This agent sends nothing anywhere but to the broker. The library reads this when it is loaded.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"
