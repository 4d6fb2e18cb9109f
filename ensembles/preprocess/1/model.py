"""preprocess: one encoded file in, its pixels in every geometry that the networks need out.

Input IMAGE BYTES [1]. Outputs IMAGE_SIZE INT32 [2] (width, height of the upright original), one UINT8 [H,W,3]
tensor per geometry, and `<tensor>_TRANSFORM` FP32 [6] where the config declares it.

The request parameter `outputs` names the ensemble's outputs that the caller wants, with commas between. Geometries that
none of them needs are left out then, and a JPEG is decoded no larger than the others need. Without it all are made.
"""

import json
import math
import os
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import triton_python_backend_utils as pb_utils

sys.path.insert(0, str(Path(__file__).parent))
from picture import BadImage, Geometry, decode


class TritonPythonModel:
    def initialize(self, args):
        config = json.loads(args["model_config"])
        self.max_pixels = int(config["parameters"]["max_pixels"]["string_value"])
        geometries = [Geometry(**each) for each in json.loads(config["parameters"]["geometries"]["string_value"])]
        self.geometries = {geometry.tensor: geometry for geometry in geometries}
        self.needs = json.loads(config["parameters"]["needs"]["string_value"])
        self.outputs = {output["name"] for output in config["output"]}

        # The instances share the cores; decoders leave Python's lock while they work.
        instances = sum(group["count"] for group in config["instance_group"])
        self.threads = math.ceil(len(os.sched_getaffinity(0)) / instances)
        self.pool = ThreadPoolExecutor(self.threads)

    def execute(self, requests):
        if self.threads == 1 or len(requests) == 1:
            return [self.respond(request) for request in requests]
        return list(self.pool.map(self.respond, requests))

    def finalize(self):
        self.pool.shutdown()

    def respond(self, request):
        files = pb_utils.get_input_tensor_by_name(request, "IMAGE").as_numpy()
        geometries = self.choose_geometries(request)
        try:
            rows = [self.analyze(data, geometries) for data in files.reshape(-1)]
        except BadImage as error:
            return failure(f"preprocess: {error}")
        names = rows[0].keys()
        return pb_utils.InferenceResponse([pb_utils.Tensor(name, stack([row[name] for row in rows])) for name in names])

    def choose_geometries(self, request):
        """The geometries that the wanted outputs need; Triton prunes the steps that would miss the others."""
        wanted = json.loads(request.parameters() or "{}").get("outputs")
        if not isinstance(wanted, str):
            return list(self.geometries.values())
        tensors = {self.needs[name] for name in wanted.split(",") if name in self.needs}
        return [geometry for tensor, geometry in self.geometries.items() if tensor in tensors]

    def analyze(self, data, geometries):
        """The output tensors of one file, without the batch dimension."""
        picture = decode(data, geometries, self.max_pixels)
        row = {"IMAGE_SIZE": np.array(picture.size, dtype=np.int32)}
        for geometry in geometries:
            row[geometry.tensor] = picture.fit(geometry)
            if f"{geometry.tensor}_TRANSFORM" in self.outputs:
                row[f"{geometry.tensor}_TRANSFORM"] = geometry.transform(*picture.size)
        return row


def stack(rows):
    """Batch of rows; a single row is not copied."""
    return rows[0][np.newaxis] if len(rows) == 1 else np.stack(rows)


def failure(message):
    return pb_utils.InferenceResponse(error=pb_utils.TritonError(message, pb_utils.TritonError.INVALID_ARG))
