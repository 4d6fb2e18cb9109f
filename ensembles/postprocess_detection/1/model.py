"""postprocess_detection: a detector's predictions to the best 300 boxes on the upright original.

Inputs MODEL BYTES [1], whose head it is, PREDICTIONS FP32, TRANSFORM FP32 [6] of preprocess.
Outputs BOXES FP32 [300,4] xyxy, SCORES FP32 [300] best first, LABELS INT32 [300]; rows beyond the last box have
score 0, label -1. REGION_BOXES FP32 [300,6] has all three in one row: x1, y1, x2, y2, score, label.
"""

import json
import sys
from pathlib import Path

import numpy as np
import triton_python_backend_utils as pb_utils

sys.path.insert(0, str(Path(__file__).parent))
from boxes import read_end_to_end, read_raw, to_original


class TritonPythonModel:
    def initialize(self, args):
        config = json.loads(args["model_config"])
        self.heads = json.loads(config["parameters"]["heads"]["string_value"])
        self.most = int(config["output"][0]["dims"][0])

    def execute(self, requests):
        return [self.respond(request) for request in requests]

    def respond(self, request):
        models, predictions, transforms = (
            pb_utils.get_input_tensor_by_name(request, name).as_numpy()
            for name in ("MODEL", "PREDICTIONS", "TRANSFORM")
        )
        head = self.heads[models[0, 0].decode()]
        rows = np.zeros((len(predictions), self.most, 6), dtype=np.float32)
        rows[..., 5] = -1
        for row, prediction, transform in zip(rows, predictions, transforms, strict=True):
            found = self.read(prediction, head)
            count = len(found.scores)
            row[:count, :4] = to_original(found.boxes, transform)
            row[:count, 4], row[:count, 5] = found.scores, found.labels
        tensors = {
            "BOXES": np.ascontiguousarray(rows[..., :4]),
            "SCORES": np.ascontiguousarray(rows[..., 4]),
            "LABELS": rows[..., 5].astype(np.int32),
            "REGION_BOXES": rows,
        }
        wanted = request.requested_output_names()
        return pb_utils.InferenceResponse([pb_utils.Tensor(name, tensors[name]) for name in wanted])

    def read(self, prediction, head):
        if head["end_to_end"]:
            return read_end_to_end(prediction, head["score_floor"], self.most)
        return read_raw(prediction, head["score_floor"], head["iou"], self.most)
