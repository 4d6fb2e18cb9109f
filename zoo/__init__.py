"""The bundled models: training scripts, checkpoints and model cards."""

import os
from pathlib import Path

CHECKPOINTS = Path(__file__).parent / "checkpoints"

# What runs in-house is told to nobody: since 1.29 ONNX Runtime reports sessions to its maker unless this is set.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
