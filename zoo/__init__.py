"""The bundled models: training scripts, checkpoints and model cards."""

from pathlib import Path

CHECKPOINTS = Path(__file__).parent / "checkpoints"
