"""The bundled models: training scripts, checkpoints and model cards."""
