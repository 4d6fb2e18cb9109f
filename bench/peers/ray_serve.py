"""Ray Serve: a replica per core."""

import os
import signal

from ray import serve
from starlette.requests import Request

from bench.pipeline import Pipeline


@serve.deployment(
    num_replicas=len(os.sched_getaffinity(0)), ray_actor_options={"num_cpus": 0}, max_ongoing_requests=100
)
class Analyze:
    def __init__(self) -> None:
        self.pipeline = Pipeline.from_environment()

    async def __call__(self, request: Request) -> dict:
        return self.pipeline.answer(await request.body())


if __name__ == "__main__":
    serve.start(http_options={"port": int(os.environ["PORT"])}, proxy_location="HeadOnly")
    serve.run(Analyze.bind())
    signal.pause()
