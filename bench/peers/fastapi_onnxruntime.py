"""FastAPI and ONNX Runtime: `uvicorn bench.peers.fastapi_onnxruntime:app`, a worker per core."""

from typing import Annotated

from fastapi import Body, FastAPI

from bench.pipeline import Pipeline

app = FastAPI()
pipeline = Pipeline.from_environment()


# Not async: FastAPI runs it in its thread pool, so that the loop stays free, as its documents advise for blocking work.
@app.post("/")
def analyze(photo: Annotated[bytes, Body(media_type="image/jpeg")]) -> dict:
    return pipeline.answer(photo)
