"""ONNX Runtime on the CPU, for everything that export runs itself."""

import onnxruntime


def open_session(network: bytes, threads: int = 0) -> onnxruntime.InferenceSession:
    """A session that is silent but for what it raises; `threads` 0 takes all cores."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = threads
    return onnxruntime.InferenceSession(network, options, providers=["CPUExecutionProvider"])
