"""LitServe: a worker per core, without batches, which its documents advise for models that gain nothing from them."""

import os

import litserve
from fastapi import Request

from bench.pipeline import Pipeline


class Analyze(litserve.LitAPI):
    def setup(self, device: str) -> None:
        self.pipeline = Pipeline.from_environment()

    def decode_request(self, request: Request) -> bytes:
        return request["file"].file.read()  # LitServe has read the form

    def predict(self, photo: bytes) -> dict:
        return self.pipeline.answer(photo)

    def encode_response(self, output: dict) -> dict:
        return output


if __name__ == "__main__":
    cores = len(os.sched_getaffinity(0))
    server = litserve.LitServer(Analyze(api_path="/"), accelerator="cpu", workers_per_device=cores, timeout=False)
    server.run(port=int(os.environ["PORT"]), generate_client_file=False, num_api_servers=1)
