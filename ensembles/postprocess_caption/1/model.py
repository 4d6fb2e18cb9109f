"""postprocess_caption: token ids to a sentence.

Inputs MODEL BYTES [1], whose vocabulary it is, TOKENS INT32 [T], SCORE FP32 [1].
Outputs SENTENCE BYTES [1] (UTF-8), SENTENCE_SCORE FP32 [1] (log-probability).
"""

import sys
from pathlib import Path

import numpy as np
import triton_python_backend_utils as pb_utils

sys.path.insert(0, str(Path(__file__).parent))
from sentence import read_vocabularies, to_sentence


class TritonPythonModel:
    def initialize(self, args):
        self.vocabularies = read_vocabularies(Path(__file__).with_name("vocabularies.json"))

    def execute(self, requests):
        return [self.respond(request) for request in requests]

    def respond(self, request):
        models, tokens, score = (
            pb_utils.get_input_tensor_by_name(request, name).as_numpy() for name in ("MODEL", "TOKENS", "SCORE")
        )
        vocabulary = self.vocabularies[models[0, 0].decode()]
        sentences = [[to_sentence(ids, vocabulary).encode()] for ids in tokens]
        return pb_utils.InferenceResponse(
            [
                pb_utils.Tensor("SENTENCE", np.array(sentences, dtype=np.object_)),
                pb_utils.Tensor("SENTENCE_SCORE", score),
            ]
        )
