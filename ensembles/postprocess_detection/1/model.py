"""postprocess_detection: a detector's predictions to the best 300 boxes on the upright original.

Inputs PREDICTIONS FP32, TRANSFORM FP32 [6] of preprocess. Outputs DETECTION_BOXES FP32 [300,4] xyxy,
DETECTION_SCORES FP32 [300] best first, DETECTION_LABELS INT32 [300]; rows beyond the last box have score 0, label -1.
"""

import json
import sys
from pathlib import Path

import numpy as np
import triton_python_backend_utils as pb_utils

sys.path.insert(0, str(Path(__file__).parent))
from boxes import MAX_DETECTIONS, read_end_to_end, read_raw, to_original


class TritonPythonModel:
    def initialize(self, args):
        parameters = json.loads(args["model_config"])["parameters"]
        self.head = parameters["head"]["string_value"]
        self.score_floor = float(parameters["score_floor"]["string_value"])
        self.iou = float(parameters["iou"]["string_value"])

    def execute(self, requests):
        return [self.respond(request) for request in requests]

    def respond(self, request):
        predictions = pb_utils.get_input_tensor_by_name(request, "PREDICTIONS").as_numpy()
        transforms = pb_utils.get_input_tensor_by_name(request, "TRANSFORM").as_numpy()
        boxes = np.zeros((len(predictions), MAX_DETECTIONS, 4), dtype=np.float32)
        scores = np.zeros((len(predictions), MAX_DETECTIONS), dtype=np.float32)
        labels = np.full((len(predictions), MAX_DETECTIONS), -1, dtype=np.int32)
        for row, (prediction, transform) in enumerate(zip(predictions, transforms, strict=True)):
            found = self.read(prediction)
            count = len(found.scores)
            boxes[row, :count] = to_original(found.boxes, transform)
            scores[row, :count], labels[row, :count] = found.scores, found.labels
        return pb_utils.InferenceResponse(
            [
                pb_utils.Tensor("DETECTION_BOXES", boxes),
                pb_utils.Tensor("DETECTION_SCORES", scores),
                pb_utils.Tensor("DETECTION_LABELS", labels),
            ]
        )

    def read(self, prediction):
        if self.head == "raw":
            return read_raw(prediction, self.score_floor, self.iou)
        return read_end_to_end(prediction, self.score_floor)
