"""A step that computes nothing, for Triton's Python backend: zeros of the shapes that its config promises."""

import json

import numpy as np
import triton_python_backend_utils as pb_utils


class TritonPythonModel:
    """Stands in for any step of `analyze`; as preprocess it makes only what the wanted outputs need."""

    def initialize(self, args):
        config = json.loads(args["model_config"])
        self.outputs = {
            output["name"]: ([int(size) for size in output["dims"]], choose_type(output["data_type"]))
            for output in config["output"]
        }
        self.needs = json.loads(config["parameters"].get("needs", {"string_value": "{}"})["string_value"])

    def execute(self, requests):
        return [self.respond(request) for request in requests]

    def respond(self, request):
        count = len(request.inputs()[0].as_numpy())
        names = set(request.requested_output_names()) - self.find_idle(request)
        return pb_utils.InferenceResponse([pb_utils.Tensor(name, self.make(name, count)) for name in names])

    def find_idle(self, request):
        """The pixels that no wanted output needs."""
        wanted = json.loads(request.parameters() or "{}").get("outputs", ",".join(self.needs)).split(",")
        idle = set(self.needs.values()) - {self.needs[name] for name in wanted if name in self.needs}
        return idle | {f"{name}_TRANSFORM" for name in idle}

    def make(self, name, count):
        dims, kind = self.outputs[name]
        return np.full((count, *dims), b"", object) if kind is object else np.zeros((count, *dims), kind)


def choose_type(name):
    """numpy's type of a config's."""
    return object if name == "TYPE_STRING" else pb_utils.triton_string_to_numpy(name)
