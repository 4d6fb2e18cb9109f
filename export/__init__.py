"""From checkpoints to a Triton model repository: ONNX networks, their configs and the wiring of the ensemble."""
