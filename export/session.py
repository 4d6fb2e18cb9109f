"""Networks on the CPU, for everything that export runs itself."""

from typing import Any

import onnxruntime

from contract.pixels import load_module
from export.entry import ROOT, Accelerator, Model
from export.errors import CheckpointError


def open_session(network: bytes, threads: int = 0) -> onnxruntime.InferenceSession:
    """A session that is silent but for what it raises; `threads` 0 takes all cores."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = threads
    return onnxruntime.InferenceSession(network, options, providers=["CPUExecutionProvider"])


def open_served(network: bytes, model: Model) -> Any:
    """What computes the network of an entry when Triton serves it on the CPU; it runs as an ONNX Runtime session does.

    Raises:
        CheckpointError: the entry's accelerator does not take the network.
    """
    if model.accelerator is Accelerator.NONE:
        return open_session(network)
    backend = load_module(ROOT / "backends" / "onnxruntime" / "openvino_network.py")
    try:
        return backend.OpenVinoNetwork(network)
    except RuntimeError as error:
        raise CheckpointError(
            f"{model.checkpoint}: OpenVINO does not run {model.name}: {error}; leave accelerator out"
        ) from error
