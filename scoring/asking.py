"""Asks Triton for photos, again and again where that may help."""

import threading
import time
from collections.abc import Sequence

import grpc
from tenacity import RetryCallState, Retrying, retry_if_exception, wait_random_exponential
from tenacity.nap import sleep_using_event

from scoring.answers import RETRIES, Retry, Row, describe_answer, describe_failure, is_broken_picture, list_outputs
from scoring.schema import Model
from scoring.triton import Triton

FEW_TIMES = 3
FIRST_WAIT_SECONDS, LONGEST_WAIT_SECONDS = 0.2, 10.0


class Asker:
    """Thread-safe. `patience`: seconds for which photos are asked for again while the service is busy or away.

    Once the service has answered nobody for that long, photos get one try each, so that a run ends.
    """

    def __init__(self, triton: Triton, models: tuple[Model, ...], min_score: float, patience: float) -> None:
        self._triton, self._models, self._min_score, self._patience = triton, models, min_score, patience
        self._outputs = list_outputs(models)
        self._stopping = threading.Event()
        self._silent_since: float | None = None
        self._retrying = Retrying(
            retry=retry_if_exception(lambda error: find_retry(error) is not Retry.NEVER),
            wait=wait_random_exponential(FIRST_WAIT_SECONDS, LONGEST_WAIT_SECONDS),
            stop=self._gives_up,
            sleep=sleep_using_event(self._stopping),
            reraise=True,
        )

    def ask(self, images: Sequence[bytes]) -> list[Row]:
        """For each photo the columns that its answer fills, or `error`; and `seconds`. One request for all of them.

        A request fails whole. Where the fault may be one photo's, they are asked for again one by one.
        """
        began = time.monotonic()
        try:
            answers = self._retrying(self._triton.infer, images, self._outputs)
            rows = [describe_answer(tensors, self._models, self._min_score) for tensors in answers]
            self._silent_since = None
        except grpc.RpcError as error:
            if len(images) > 1 and find_retry(error) is not Retry.WHILE_PATIENT:
                return [row for image in images for row in self.ask([image])]
            rows = [describe_failure(error)] * len(images)
            if is_broken_picture(rows[0]["error"]):
                self._silent_since = None
        return [row | {"seconds": time.monotonic() - began} for row in rows]

    @property
    def is_stopped(self) -> bool:
        return self._stopping.is_set()

    def stop(self) -> None:
        """Whoever waits gives up."""
        self._stopping.set()

    def _gives_up(self, state: RetryCallState) -> bool:
        assert state.outcome is not None
        if self._stopping.is_set():
            return True
        if find_retry(state.outcome.exception()) is Retry.A_FEW_TIMES:
            return state.attempt_number >= FEW_TIMES
        if self._silent_since is None:
            self._silent_since = time.monotonic()
        return max(state.seconds_since_start or 0.0, time.monotonic() - self._silent_since) >= self._patience


def find_retry(error: BaseException | None) -> Retry:
    return RETRIES.get(error.code(), Retry.NEVER) if isinstance(error, grpc.RpcError) else Retry.NEVER
