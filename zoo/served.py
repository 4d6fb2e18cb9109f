"""`analyze` of the running service: the one source of the predictions that are scored."""

from collections.abc import Iterable, Sequence

from tqdm import tqdm
from tritonclient.grpc import service_pb2 as messages
from tritonclient.grpc.service_pb2_grpc import GRPCInferenceServiceStub

from contract.answer import Tensors, read_rows
from contract.card import Catalog, list_outputs
from contract.channel import open_channel
from contract.request import make_request
from contract.tasks import ENSEMBLE

BATCH = 8


class Served:
    """What Triton serves at `target` (host:port)."""

    def __init__(self, target: str) -> None:
        self._stub = GRPCInferenceServiceStub(open_channel(target))
        self.catalog = Catalog.from_config(self._stub.ModelConfig(messages.ModelConfigRequest(name=ENSEMBLE)).config)

    def ask(self, images: Sequence[bytes], names: Iterable[str] | None = None) -> list[Tensors]:
        """The tensors of each encoded photo; of all models that are part of "everything" without names."""
        outputs = list_outputs(self.catalog.select(names))
        rows: list[Tensors] = []
        for first in tqdm(range(0, len(images), BATCH), desc="photos", leave=False):
            rows += read_rows(self._stub.ModelInfer(make_request(images[first : first + BATCH], outputs)))
        return rows
