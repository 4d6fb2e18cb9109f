"""Calls of the ensemble for tests, through the contract."""

import time

import grpc
import numpy as np
from tritonclient.grpc import service_pb2 as messages
from tritonclient.grpc.service_pb2_grpc import GRPCInferenceServiceStub

from contract.answer import Result, read_result, read_rows
from contract.card import Catalog, list_outputs
from contract.channel import open_channel
from contract.failure import classify_failure
from contract.request import make_request
from contract.tasks import ENSEMBLE

SECONDS = 60.0


class Analyzer:
    """Files in, `{output: array with the batch}` out; raises the contract's AnalyzeError."""

    def __init__(self, url: str) -> None:
        self.stub = GRPCInferenceServiceStub(open_channel(url))

    def __call__(self, *files: bytes, outputs: list[str] | None = None) -> dict[str, np.ndarray]:
        rows = self.rows(*files, outputs=outputs)
        return {name: np.stack([row[name] for row in rows]) for name in rows[0]}

    def rows(self, *files: bytes, outputs: list[str] | None = None) -> list[dict[str, np.ndarray]]:
        try:
            return list(read_rows(self.stub.ModelInfer(make_request(files, outputs or ()), timeout=SECONDS)))
        except grpc.RpcError as error:
            raise classify_failure(error) from error

    def results(self, file: bytes, *names: str) -> dict[str, Result | list[Result | None]]:
        """What the named models say about one photo; everything without names."""
        cards = self.catalog().select(names or None)
        (row,) = self.rows(file, outputs=list_outputs(cards))
        return {card.name: read_result(card, row) for card in cards}

    def catalog(self) -> Catalog:
        return Catalog.from_config(self.stub.ModelConfig(messages.ModelConfigRequest(name=ENSEMBLE)).config)

    def count_inferences(self) -> dict[str, int]:
        """Photos that each model has answered so far."""
        return {model.name: model.inference_count for model in self._statistics()}

    def count_requests(self) -> int:
        """Requests that the ensemble has answered so far."""
        return next(model.inference_stats.success.count for model in self._statistics() if model.name == ENSEMBLE)

    def _statistics(self) -> list[messages.ModelStatistics]:
        """Triton's, once they stand still: it counts a request a moment after it has answered."""
        now, before = self._read_statistics(), None
        while now != before:
            time.sleep(0.2)
            now, before = self._read_statistics(), now
        return now

    def _read_statistics(self) -> list[messages.ModelStatistics]:
        return list(self.stub.ModelStatistics(messages.ModelStatisticsRequest()).model_stats)
