"""Asks a running Triton about its models, and has it reload them."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from tritonclient.grpc import InferenceServerClient
from tritonclient.utils import InferenceServerException

from serving.errors import ModelsUnavailable
from serving.triton import SECRET_HEADER

CALL_TIMEOUT = 5.0
LOAD_TIMEOUT = 300.0


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

    def reload(self, models: Sequence[str]) -> None:
        """Load every model anew that changed, in the given order, and unload those that are gone.

        A model that fails to load keeps its former version. Raises ModelsUnavailable with Triton's reason.
        """
        for name in models:
            try:
                self._client.load_model(name, headers=self._headers, client_timeout=LOAD_TIMEOUT)
            except InferenceServerException as error:
                raise ModelsUnavailable(f"model {name!r} is not reloaded: {error.message()}") from error
        for name in self._list_loaded() - set(models):
            self._client.unload_model(name, headers=self._headers, client_timeout=LOAD_TIMEOUT)

    def _list_loaded(self) -> set[str]:
        index = self._client.get_model_repository_index(headers=self._headers, client_timeout=CALL_TIMEOUT)
        return {model.name for model in index.models if model.state == "READY"}


@contextmanager
def connect(url: str, secret: str) -> Iterator[ModelControl]:
    """A connection that is closed at the end: processes started while it is open may hang in gRPC."""
    client = InferenceServerClient(url)
    try:
        yield ModelControl(client, secret)
    finally:
        client.close()
