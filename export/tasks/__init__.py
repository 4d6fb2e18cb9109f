"""One module per task, as `TaskModule` says; a task that has none is refused by name when the manifest is read."""

from pathlib import Path
from typing import Any, Protocol

import numpy as np
import onnx
from tritonclient.grpc import model_config_pb2 as pb

from contract.tasks import Task
from export.certificate import Certificate
from export.entry import Model
from export.frameworks.source import Source
from export.tasks import caption, classification, detection, embedding
from export.tasks.shared import Difference
from export.wiring import Output, Served, Wiring


class TaskModule(Protocol):
    """What export must know about a task.

    Attributes:
        LOADERS: the module of export/frameworks/ for each framework that the task takes.
    """

    LOADERS: dict[str, str]

    def check_entry(self, model: Model) -> None:
        """Raises ValueError for an entry that lacks what the task needs."""

    def prepare(self, model: Model, source: Source) -> Source:
        """What is served of a checkpoint. Raises CheckpointError for one that cannot be what the entry says."""

    def finish(self, graph: onnx.GraphProto, model: Model) -> None:
        """Give the graph the task's outputs."""

    def network_outputs(self, shape: list[int]) -> list[Output]:
        """The network's outputs in its config; `shape` of the first one, without the batch."""

    def wire(self, wiring: Wiring, model: Model, certificate: Certificate) -> None:
        """Add the model's steps and outputs to the ensemble."""

    def step_config(self, served: Served) -> pb.ModelConfig | None:
        """The config of the step behind the networks of this task, if it has one."""

    def describe(self, model: Model, certificate: Certificate) -> dict[str, Any]:
        """The task's own fields of the card."""

    def difference(
        self, expected: list[np.ndarray], actual: list[np.ndarray], source: Source, model: Model
    ) -> Difference:
        """How far the served outputs are from the framework's, as the entry's `atol` counts."""

    def check_meaning(self, outputs: list[np.ndarray], source: Source, model: Model) -> None:
        """Raises CheckpointError for served outputs that cannot mean what the task says."""

    def read_answers(self, outputs: list[np.ndarray], model: Model, end_to_end: bool) -> list[Any]:
        """One answer per picture, for `agreement`."""

    def agreement(self, expected: list[Any], found: list[Any]) -> float:
        """Share of the answers that agree, 0 to 1."""

    def truth(self, model: Model, pictures: list[Path]) -> list[Any] | None:
        """The right answers, where the pictures' folders say them."""


TASKS: dict[Task, TaskModule] = {
    Task.CLASSIFICATION: classification,
    Task.CAPTION: caption,
    Task.DETECTION: detection,
    Task.EMBEDDING: embedding,
}
