"""regions: a network looks at each box of a detector, in place of the whole photo.

Inputs MODEL BYTES [1], the network's name, UPRIGHT UINT8 [h,w,3] and UPRIGHT_SCALE FP32 [4] of preprocess, and
REGION_BOXES FP32 [300,6] of postprocess_detection. Output ROWS FP32 [K,D]: row k is what the network says about box k,
-1 in all of its numbers where it did not look. K is one more than the last box that was looked at, in the photo of the
request that has most. Only real boxes are computed, those of all photos in as few calls as the network's batch allows.
"""

import json
import sys
from pathlib import Path

import numpy as np
import triton_python_backend_utils as pb_utils

sys.path.insert(0, str(Path(__file__).parent))
from regions import Region


class TritonPythonModel:
    def initialize(self, args):
        parameters = json.loads(args["model_config"])["parameters"]
        models = json.loads(parameters["models"]["string_value"])
        self.not_looked = float(parameters["not_looked"]["string_value"])
        self.networks = {name: Network(name, model) for name, model in models.items()}

    def execute(self, requests):
        return [self.respond(request) for request in requests]

    def respond(self, request):
        models, pixels, scales, boxes = (
            pb_utils.get_input_tensor_by_name(request, name).as_numpy()
            for name in ("MODEL", "UPRIGHT", "UPRIGHT_SCALE", "REGION_BOXES")
        )
        network = self.networks[models[0, 0].decode()]
        chosen = [network.region.choose(rows) for rows in boxes]
        crops = [crop for photo in zip(pixels, scales, boxes, chosen, strict=True) for crop in network.cut(*photo)]
        try:
            found = network.look(crops)
        except pb_utils.TritonModelException as error:
            return pb_utils.InferenceResponse(error=pb_utils.TritonError(f"regions: {network.name}: {error}"))
        rows = np.full((len(boxes), count_rows(chosen), network.size), self.not_looked, dtype=np.float32)
        photos = np.repeat(np.arange(len(boxes)), [len(indices) for indices in chosen])
        rows[photos, np.concatenate(chosen)] = found
        return pb_utils.InferenceResponse([pb_utils.Tensor("ROWS", rows)])


def count_rows(chosen):
    """Rows that hold every chosen index; one at least, as Triton sends no tensors without elements."""
    return max([1, *(int(indices[-1]) + 1 for indices in chosen if len(indices))])


class Network:
    """A network of Triton's that looks at regions."""

    def __init__(self, name, model):
        geometry = model["geometry"]
        self.name, self.output, self.size = name, model["output"], model["size"]
        self.max_batch_size = model["max_batch_size"]
        self.region = Region(
            **{key: model[key] for key in ("margin", "most", "min_score", "label")},
            width=geometry["width"],
            height=geometry["height"],
        )

    def cut(self, pixels, scale, boxes, chosen):
        """The crops of one photo; `scale` is its UPRIGHT_SCALE."""
        width, height = scale[2:].astype(int)
        inside = pixels[:height, :width]
        return [self.region.crop(inside, boxes[index, :4] * np.tile(scale[:2], 2)) for index in chosen]

    def look(self, crops):
        """FP32 [crops,D]: what the network says about each."""
        found = [np.empty((0, self.size), dtype=np.float32)]
        for start in range(0, len(crops), self.max_batch_size):
            images = pb_utils.Tensor("IMAGES", np.stack(crops[start : start + self.max_batch_size]))
            request = pb_utils.InferenceRequest(
                model_name=self.name, requested_output_names=[self.output], inputs=[images]
            )
            response = request.exec()
            if response.has_error():
                raise pb_utils.TritonModelException(response.error().message())
            found.append(pb_utils.get_output_tensor_by_name(response, self.output).as_numpy())
        return np.concatenate(found)
