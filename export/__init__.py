"""From checkpoints to a Triton model repository: ONNX networks, their configs and the wiring of the ensemble."""

import os

# What runs in-house is told to nobody: since 1.29 ONNX Runtime reports sessions to its maker unless this is set.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
