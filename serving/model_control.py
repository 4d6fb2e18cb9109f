"""Asks a running Triton about its models, and has it reload them."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from tritonclient.grpc import InferenceServerClient
from tritonclient.utils import InferenceServerException

from contract.channel import CHANNEL_OPTIONS
from serving.errors import ModelsUnavailable
from serving.triton import SECRET_HEADER

CALL_TIMEOUT = 5.0
LOAD_TIMEOUT = 300.0
UNLOAD_TIMEOUT = 30.0


class ModelControl:
    """One connection to Triton's gRPC endpoint, with the key of its restricted protocols."""

    def __init__(self, client: InferenceServerClient, secret: str) -> None:
        self._client = client
        self._headers = {f"triton-grpc-protocol-{SECRET_HEADER}": secret}

    def is_ready(self, models: Sequence[str]) -> bool:
        """Whether the server and every one of the models answer that they are ready."""
        try:
            return bool(self._client.is_server_ready(client_timeout=CALL_TIMEOUT)) and all(
                self._client.is_model_ready(name, client_timeout=CALL_TIMEOUT) for name in models
            )
        except InferenceServerException:
            return False

    def reload(self, models: Sequence[str], gone: Sequence[str]) -> None:
        """Load every model anew that changed, in the given order, then unload those that are gone.

        A model that fails to load keeps its former version. Raises ModelsUnavailable with Triton's reason.
        """
        for name in models:
            try:
                self._client.load_model(name, headers=self._headers, client_timeout=LOAD_TIMEOUT)
            except InferenceServerException as error:
                raise ModelsUnavailable(f"model {name!r} is not reloaded: {error.message()}") from error
        for name in gone:
            try:
                self._client.unload_model(name, headers=self._headers, client_timeout=LOAD_TIMEOUT)
            except InferenceServerException as error:
                raise ModelsUnavailable(f"model {name!r} is not unloaded: {error.message()}") from error
        self._wait_until_ready(models)

    def _wait_until_ready(self, models: Sequence[str]) -> None:
        """While Triton unloads a model it reports itself not ready."""
        deadline = time.monotonic() + UNLOAD_TIMEOUT
        while not self.is_ready(models) and time.monotonic() < deadline:
            time.sleep(0.1)


@contextmanager
def connect(url: str, secret: str) -> Iterator[ModelControl]:
    """A connection that is closed at the end: processes started while it is open may hang in gRPC."""
    client = InferenceServerClient(url, channel_args=CHANNEL_OPTIONS)
    try:
        yield ModelControl(client, secret)
    finally:
        client.close()
