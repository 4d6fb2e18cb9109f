"""Whether Triton answers: one that says it is ready may answer nothing, for one after calls that were cut off."""

import base64
import time
from collections.abc import Callable

import numpy as np
from tritonclient.grpc import InferenceServerClient, InferInput
from tritonclient.utils import InferenceServerException

from contract.channel import CHANNEL_OPTIONS
from serving.errors import TritonHangs
from serving.triton_log import UNHEALTHY

ENSEMBLE = "analyze"
# The smallest PNG, a single pixel.
PHOTO = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
DEADLINE = 10.0  # seconds in which it answers the photo or, being busy, others
DYING = 3.0  # seconds that a Triton may take to end whose connections broke; its death says more than they do
CALL_TIMEOUT = 5.0
NO_ANSWER = ("StatusCode.DEADLINE_EXCEEDED", "StatusCode.UNAVAILABLE")


class Probe:
    """Asks the ensemble of one Triton server about a tiny photo."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._unhealthy = 0  # probes in a row that met a stub that is not healthy
        self._image = InferInput("IMAGE", [1, 1], "BYTES")
        self._image.set_data_from_numpy(np.array([[PHOTO]], dtype=np.object_))

    def require_answers(self, require_alive: Callable[[], None]) -> None:
        """Raise TritonHangs when neither the photo nor anything else is answered for DEADLINE seconds.

        A refusal, of a photo for one, is an answer; a full queue and a wait without end are none. A stub that is not
        healthy fails its requests alone, but no second probe may meet one. `require_alive` is called again and again,
        as a Triton that ended does not hang.
        """
        end = time.monotonic() + DEADLINE
        try:
            with InferenceServerClient(self._url, channel_args=CHANNEL_OPTIONS) as client:
                before = count_answers(client)
                while not (self._is_answered(client, end - time.monotonic()) or count_answers(client) > before):
                    require_alive()
                    if time.monotonic() > end - 1:
                        raise TritonHangs(f"Triton has answered nothing for {DEADLINE:g} s")
                    time.sleep(0.1)
        except InferenceServerException as error:
            end = time.monotonic() + DYING
            while time.monotonic() < end:
                require_alive()
                time.sleep(0.1)
            raise TritonHangs(f"Triton does not say what it has answered: {error.message()}") from error

    def _is_answered(self, client: InferenceServerClient, seconds: float) -> bool:
        """Whether the photo is answered, well or badly. Its wait in Triton's queues ends before the call is cut off."""
        try:
            client.infer(ENSEMBLE, [self._image], timeout=int(seconds * 0.8e6), client_timeout=seconds)
        except InferenceServerException as error:
            if UNHEALTHY not in str(error):
                return error.status() not in NO_ANSWER
            self._unhealthy += 1
            if self._unhealthy > 1:
                raise TritonHangs(f"Triton has lost a process of a model: {error.message()}") from error
            return True
        self._unhealthy = 0
        return True


def count_answers(client: InferenceServerClient) -> int:
    """Photos that the ensemble has answered so far."""
    statistics = client.get_inference_statistics(ENSEMBLE, client_timeout=CALL_TIMEOUT)
    return int(statistics.model_stats[0].inference_count)
