"""MLServer: a custom runtime, a worker per core, asked by gRPC in the protocol that Triton speaks too."""

import json

from mlserver import MLModel
from mlserver.codecs import StringCodec
from mlserver.types import InferenceRequest, InferenceResponse, ResponseOutput

from bench.pipeline import Pipeline


class Analyze(MLModel):
    async def load(self) -> bool:
        self.pipeline = Pipeline.from_environment()
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        photo = payload.inputs[0].data[0]
        answer = json.dumps(self.pipeline.answer(photo))
        output: ResponseOutput = StringCodec.encode_output("ANSWER", [answer])
        return InferenceResponse(model_name=self.name, outputs=[output])
