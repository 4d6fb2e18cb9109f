"""A step that computes nothing, for Triton's Python backend: zeros of the shapes that its config promises."""

import json

import numpy as np
import triton_python_backend_utils as pb_utils


class TritonPythonModel:
    """Stands in for any step of `analyze`; as preprocess it makes only what the wanted outputs need."""

    def initialize(self, args):
        config = json.loads(args["model_config"])
        self.outputs = {output["name"]: make_row(output) for output in config["output"]}
        self.needs = json.loads(config["parameters"].get("needs", {"string_value": "{}"})["string_value"])

    def execute(self, requests):
        return [self.respond(request) for request in requests]

    def respond(self, request):
        count = len(request.inputs()[0].as_numpy())
        names = set(request.requested_output_names()) - self.find_idle(request)
        tensors = [pb_utils.Tensor(name, np.stack([self.outputs[name]] * count)) for name in names]
        return pb_utils.InferenceResponse(tensors)

    def find_idle(self, request):
        """The tensors that only outputs need which nobody wants."""
        wanted = json.loads(request.parameters() or "{}").get("outputs", ",".join(self.needs)).split(",")
        needed = {tensor for name in wanted for tensor in self.needs.get(name, [])}
        return {tensor for tensors in self.needs.values() for tensor in tensors} - needed


def make_row(output):
    """One row of an output; dimensions that the config leaves open are 1."""
    dims = [max(1, int(size)) for size in output["dims"]]
    if output["data_type"] == "TYPE_STRING":
        return np.full(dims, b"", object)
    return np.zeros(dims, pb_utils.triton_string_to_numpy(output["data_type"]))
