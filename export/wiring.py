"""The ensemble `analyze` as it grows: its steps and outputs, and what preprocess must give for them."""

from dataclasses import dataclass, field

from tritonclient.grpc import model_config_pb2 as pb

from contract.tasks import ENSEMBLE, IMAGE, IMAGE_SIZE, MAX_DETECTIONS
from export.certificate import Certificate
from export.entry import Model
from export.preprocessing import geometry_of

STEP_BATCH = 8  # largest batch of the steps around the networks
REGIONS = "regions"  # the step that has a network look at a detector's boxes

Output = tuple[str, int, list[int]]  # name, Triton's data type, dimensions without the batch
Served = list[tuple[Model, Certificate, int]]  # entry, certificate and version of each network

# Steps that serve several models are told which one by its name.
MODEL: Output = ("MODEL", pb.TYPE_STRING, [1])
# Pixels that regions are cut from, and what preprocess says of them.
UPRIGHT: Output = ("UPRIGHT", pb.TYPE_UINT8, [-1, -1, 3])
UPRIGHT_SCALE: Output = ("UPRIGHT_SCALE", pb.TYPE_FP32, [4])
# A detector's boxes, scores and labels once more: Triton's pruning miscounts a tensor that is both an output of the
# ensemble and a step's input.
REGION_BOXES: Output = ("REGION_BOXES", pb.TYPE_FP32, [MAX_DETECTIONS, 6])


def add_tensor(tensors, name: str, kind: int, dims: list[int]) -> None:
    tensors.add(name=name, data_type=kind, dims=dims)


def make_step(name: str, instances: int = 1) -> pb.ModelConfig:
    """A step in Python with dynamic batching, so quick that nothing waits for it."""
    config = pb.ModelConfig(name=name, backend="python", max_batch_size=STEP_BATCH)
    config.instance_group.add(kind=pb.ModelInstanceGroup.KIND_CPU, count=instances)
    config.dynamic_batching.SetInParent()
    return config


@dataclass
class Wiring:
    """Steps and outputs of the ensemble.

    `needs`: per output of the ensemble the tensors of preprocess behind it, for requests that say what they want.
    `preprocessed`: every tensor of preprocess that some step needs. `named`: models that a step is told by name.
    """

    served: Served
    config: pb.ModelConfig
    needs: dict[str, list[str]] = field(default_factory=dict)
    preprocessed: dict[str, Output] = field(default_factory=dict)
    named: list[str] = field(default_factory=list)
    _sources: dict[str, set[str]] = field(default_factory=dict)

    @classmethod
    def create(cls, served: Served) -> "Wiring":
        smallest = min([STEP_BATCH, *(certificate.max_batch_size for _, certificate, _ in served)])
        config = pb.ModelConfig(name=ENSEMBLE, platform="ensemble", max_batch_size=smallest)
        add_tensor(config.input, IMAGE, pb.TYPE_STRING, [1])
        wiring = cls(served, config)
        wiring.add_output(IMAGE_SIZE, pb.TYPE_INT32, [2])
        return wiring

    def add_output(self, name: str, kind: int, dims: list[int]) -> None:
        """An output of the ensemble that a step has given before."""
        add_tensor(self.config.output, name, kind, dims)
        if tensors := self._sources.get(name):
            self.needs[name] = sorted(tensors)

    def add_step(self, step: str, inputs: dict[str, str], outputs: dict[str, str]) -> None:
        """`inputs` and `outputs`: the step's own names to the ensemble's tensors."""
        self.config.ensemble_scheduling.step.add(
            model_name=step, model_version=-1, input_map=inputs, output_map=outputs
        )
        sources = set().union(*(self._sources.get(name, {name}) for name in inputs.values()))
        self._sources |= dict.fromkeys(outputs.values(), sources)

    def add_network(self, model: Model, outputs: dict[str, str]) -> None:
        """The network of a model, looking at the whole photo."""
        geometry = geometry_of(model)
        tensor = self._need(geometry.tensor, pb.TYPE_UINT8, [geometry.height, geometry.width, 3])
        self.add_step(model.name, {"IMAGES": tensor}, outputs)

    def add_looking(self, model: Model, output: str, shape: list[int]) -> None:
        """A network with one output, which looks at the whole photo or at the boxes of a detector."""
        if model.region is None:
            self.add_network(model, {output: model.name})
            self.add_output(model.name, pb.TYPE_FP32, shape)
            return
        inputs = {name: self._need(name, kind, dims) for name, kind, dims in (UPRIGHT, UPRIGHT_SCALE)}
        inputs |= self.name_model(model) | {REGION_BOXES[0]: self.region_boxes(model.region.of)}
        self.add_step(REGIONS, inputs, {"ROWS": model.name})
        self.add_output(model.name, pb.TYPE_FP32, [-1, *shape])

    def name_model(self, model: Model) -> dict[str, str]:
        """The input that tells a step which model it works for."""
        if model.name not in self.named:
            self.named.append(model.name)
        return {MODEL[0]: self._need(f"{model.name}_MODEL", *MODEL[1:])}

    def need_transform(self, model: Model) -> str:
        """How the pixels of the model lie in the upright original."""
        return self._need(f"{geometry_of(model).tensor}_TRANSFORM", pb.TYPE_FP32, [6])

    def region_boxes(self, detector: str) -> str:
        return f"{detector}_{REGION_BOXES[0]}"

    def is_looked_at(self, detector: Model) -> bool:
        """Whether some model looks at the detector's boxes."""
        return any(model.region and model.region.of == detector.name for model, _, _ in self.served)

    def _need(self, tensor: str, kind: int, dims: list[int]) -> str:
        self.preprocessed[tensor] = (tensor, kind, dims)
        return tensor
