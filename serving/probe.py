"""Whether Triton answers: one that says it is ready may answer nothing, for one after calls that were cut off."""

import base64
import time
from collections.abc import Callable

import numpy as np
from tritonclient.grpc import InferenceServerClient, InferInput
from tritonclient.utils import InferenceServerException

from serving.errors import TritonHangs

ENSEMBLE = "analyze"
# The smallest PNG, a single pixel.
PHOTO = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
DEADLINE = 10.0  # seconds in which it answers the photo or, being busy, others
CALL_TIMEOUT = 5.0
NO_ANSWER = ("StatusCode.DEADLINE_EXCEEDED", "StatusCode.UNAVAILABLE")


def require_answers(url: str, require_alive: Callable[[], None]) -> None:
    """Raise TritonHangs when the ensemble answers neither a tiny photo nor anything else for DEADLINE seconds.

    A refusal, of a photo for one, is an answer; a full queue or a wait without end is none. `require_alive` is called
    again and again, as a Triton that ended does not hang.
    """
    image = InferInput("IMAGE", [1, 1], "BYTES")
    image.set_data_from_numpy(np.array([[PHOTO]], dtype=np.object_))
    end = time.monotonic() + DEADLINE
    with InferenceServerClient(url) as client:
        try:
            before = count_answers(client)
            while time.monotonic() < end:
                if is_answered(client, image, end - time.monotonic()) or count_answers(client) > before:
                    return
                require_alive()
                time.sleep(0.1)
        except InferenceServerException as error:
            require_alive()
            raise TritonHangs(f"Triton does not say what it has answered: {error.message()}") from error
    raise TritonHangs(f"Triton has answered nothing for {DEADLINE:g} s")


def is_answered(client: InferenceServerClient, image: InferInput, seconds: float) -> bool:
    """Whether the photo is answered, well or badly. Its wait in Triton's queues ends before the call is cut off."""
    try:
        client.infer(ENSEMBLE, [image], timeout=int(seconds * 0.8e6), client_timeout=seconds)
    except InferenceServerException as error:
        return error.status() not in NO_ANSWER
    return True


def count_answers(client: InferenceServerClient) -> int:
    """Photos that the ensemble has answered so far."""
    statistics = client.get_inference_statistics(ENSEMBLE, client_timeout=CALL_TIMEOUT)
    return int(statistics.model_stats[0].inference_count)
