"""BentoML: `bentoml serve bench.peers.bentoml_service:Analyze`, a worker per core."""

from pathlib import Path

import bentoml

from bench.pipeline import Pipeline


@bentoml.service(workers="cpu_count", traffic={"timeout": 60})
class Analyze:
    def __init__(self) -> None:
        self.pipeline = Pipeline.from_environment()

    @bentoml.api(route="/")
    def analyze(self, file: Path) -> dict:
        return self.pipeline.answer(file.read_bytes())
