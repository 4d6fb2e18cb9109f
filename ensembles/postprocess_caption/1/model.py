"""postprocess_caption: token ids to a sentence.

Inputs TOKENS INT32 [T], SCORE FP32 [1]. Outputs CAPTION BYTES [1] (UTF-8), CAPTION_SCORE FP32 [1] (log-probability).
"""

import sys
from pathlib import Path

import numpy as np
import triton_python_backend_utils as pb_utils

sys.path.insert(0, str(Path(__file__).parent))
from sentence import read_vocabulary, to_sentence


class TritonPythonModel:
    def initialize(self, args):
        self.vocabulary = read_vocabulary(Path(__file__).with_name("vocabulary.json"))

    def execute(self, requests):
        return [self.respond(request) for request in requests]

    def respond(self, request):
        tokens = pb_utils.get_input_tensor_by_name(request, "TOKENS").as_numpy()
        score = pb_utils.get_input_tensor_by_name(request, "SCORE").as_numpy()
        sentences = [[to_sentence(ids, self.vocabulary).encode()] for ids in tokens]
        return pb_utils.InferenceResponse(
            [
                pb_utils.Tensor("CAPTION", np.array(sentences, dtype=np.object_)),
                pb_utils.Tensor("CAPTION_SCORE", score),
            ]
        )
