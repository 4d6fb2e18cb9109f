"""Flask and ONNX Runtime: `gunicorn bench.peers.flask_onnxruntime:app`, a worker per core, a thread per worker."""

from flask import Flask, request

from bench.pipeline import Pipeline

app = Flask(__name__)
pipeline = Pipeline.from_environment()


@app.post("/")
def analyze() -> dict:
    return pipeline.answer(request.get_data(cache=False))
