"""preprocess: one encoded file in, its pixels in every geometry that the networks need out.

Input IMAGE BYTES [1]. Outputs, as many as the config declares:

IMAGE_SIZE INT32 [2]           width and height of the upright original
<geometry> UINT8 [H,W,3]       pixels for the networks
<geometry>_TRANSFORM FP32 [6]  how they lie in the original, as `Geometry.transform` says
<model>_MODEL BYTES [1]        the model's name, for steps that serve several models
UPRIGHT UINT8 [h,w,3]          the upright photo to cut regions from: its longer side has `upright_side` pixels or more
                               (less than twice as many), or all that the photo has
UPRIGHT_SCALE FP32 [4]         its scale to the original in x and y, and its width and height

The request parameter `outputs` names the ensemble's outputs that the caller wants, with commas between. Tensors that
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
from geometry import Geometry
from picture import BadImage, decode


class TritonPythonModel:
    def initialize(self, args):
        config = json.loads(args["model_config"])
        self.max_pixels = int(config["parameters"]["max_pixels"]["string_value"])
        self.upright_side = int(config["parameters"]["upright_side"]["string_value"])
        geometries = [Geometry(**each) for each in json.loads(config["parameters"]["geometries"]["string_value"])]
        self.geometries = {geometry.tensor: geometry for geometry in geometries}
        self.needs = json.loads(config["parameters"]["needs"]["string_value"])
        self.tensors = [output["name"] for output in config["output"] if output["name"] != "IMAGE_SIZE"]

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
        tensors = self.choose_tensors(request)
        try:
            rows = [self.analyze(data, tensors) for data in files.reshape(-1)]
        except BadImage as error:
            return failure(f"preprocess: {error}")
        names = rows[0].keys()
        return pb_utils.InferenceResponse([pb_utils.Tensor(name, stack([row[name] for row in rows])) for name in names])

    def choose_tensors(self, request):
        """The tensors behind the wanted outputs; Triton prunes the steps that would miss the others."""
        wanted = json.loads(request.parameters() or "{}").get("outputs")
        if not isinstance(wanted, str):
            return self.tensors
        needed = {tensor for name in wanted.split(",") for tensor in self.needs.get(name, [])}
        return [tensor for tensor in self.tensors if tensor in needed]

    def analyze(self, data, tensors):
        """The output tensors of one file, without the batch dimension."""
        geometries = [self.geometries[tensor] for tensor in tensors if tensor in self.geometries]
        longest = self.upright_side if "UPRIGHT" in tensors else 0
        picture = decode(data, geometries, self.max_pixels, longest)
        row = {"IMAGE_SIZE": np.array(picture.size, dtype=np.int32)}
        for tensor in tensors:
            row |= self.make_tensor(tensor, picture)
        return row

    def make_tensor(self, tensor, picture):
        if tensor in self.geometries:
            return {tensor: picture.fit(self.geometries[tensor])}
        name, _, kind = tensor.rpartition("_")
        if kind == "TRANSFORM":
            return {tensor: self.geometries[name].transform(*picture.size)}
        if kind == "MODEL":
            return {tensor: np.array([name.encode()], dtype=np.object_)}
        if tensor == "UPRIGHT":
            pixels = picture.reduce(self.upright_side)
            scale = pixels.shape[1] / picture.size[0], pixels.shape[0] / picture.size[1]
            size = np.array([*scale, pixels.shape[1], pixels.shape[0]], dtype=np.float32)
            return {tensor: pixels, "UPRIGHT_SCALE": size}
        return {}  # UPRIGHT_SCALE comes along with UPRIGHT


def stack(rows):
    """Batch of rows; a single row is not copied. Pictures of different sizes lie at the left top of equal canvases."""
    if len(rows) == 1:
        return rows[0][np.newaxis]
    if len({row.shape for row in rows}) == 1:
        return np.stack(rows)
    canvas = np.zeros((len(rows), *np.max([row.shape for row in rows], axis=0)), dtype=rows[0].dtype)
    for place, row in zip(canvas, rows, strict=True):
        place[: row.shape[0], : row.shape[1]] = row
    return canvas


def failure(message):
    return pb_utils.InferenceResponse(error=pb_utils.TritonError(message, pb_utils.TritonError.INVALID_ARG))
