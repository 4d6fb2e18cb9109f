"""The networks on another execution provider: `python -m bench.providers OpenVINOExecutionProvider NETWORK.onnx …`.

It runs in the environment of whatever ONNX Runtime brings the provider, so it needs only numpy and ONNX Runtime. Prints
JSON: by file, processor time in milliseconds per image, one at a time and eight; or why the network does not run.
"""

import json
import sys
import time
from collections.abc import Callable, Sequence
from statistics import median

import numpy as np
import onnxruntime

BATCHES = (1, 8)
REPEATS = 15
# The providers' own names for one thread.
OPTIONS = {"OpenVINOExecutionProvider": {"device_type": "CPU", "num_of_threads": "1"}}


def main(arguments: Sequence[str]) -> None:
    provider, *files = arguments
    print(json.dumps({file: measure(file, provider) for file in files}))


def measure(file: str, provider: str) -> list[float] | str:
    """Milliseconds per image for each of BATCHES, on grey noise."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 4
    try:
        session = onnxruntime.InferenceSession(file, options, [(provider, OPTIONS.get(provider, {}))])
    except Exception as error:  # ONNX Runtime's exceptions have no public base class
        return str(error).strip().splitlines()[-1]
    tensor = session.get_inputs()[0]
    times = []
    for size in BATCHES:
        pixels = np.random.default_rng(0).integers(0, 256, (size, *tensor.shape[1:]), dtype=np.uint8)
        times.append(cpu_milliseconds(lambda feeds={tensor.name: pixels}: session.run(None, feeds)) / size)
    return times


def cpu_milliseconds(work: Callable[[], object]) -> float:
    """Median processor time of one call, other threads' included, after two for warming up."""
    times = []
    for _ in range(REPEATS + 2):
        began = time.process_time()
        work()
        times.append(time.process_time() - began)
    return median(times[2:]) * 1000


if __name__ == "__main__":
    main(sys.argv[1:])
