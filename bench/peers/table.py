"""The peers: what each needs installed, and how its documents say it is run in production."""

import os
from dataclasses import dataclass, replace

PIPELINE = ("numpy==1.26.4", "onnxruntime==1.32.0", "Pillow==13.0.0", "pi-heif==1.4.0")
CORES = str(len(os.sched_getaffinity(0)))


@dataclass(frozen=True)
class Peer:
    """`command` runs with the environment's `bin/` in front and PORT in its place. `way`: how it is asked.

    `small_only`: it has one classifier and nothing else.
    """

    name: str
    title: str
    requirements: tuple[str, ...]
    command: tuple[str, ...]
    way: str = "raw"
    small_only: bool = False


PEERS = (
    Peer(
        "flask_keras",
        "Flask's own server, Keras `predict`, TensorFlow",
        ("numpy==1.26.4", "Pillow==13.0.0", "flask==3.1.3", "keras==3.15.1", "tensorflow-cpu==2.21.0"),
        ("python", "-m", "bench.peers.flask_keras"),
        small_only=True,
    ),
    Peer(
        "flask_onnxruntime",
        "Flask, ONNX Runtime, gunicorn",
        (*PIPELINE, "flask==3.1.3", "gunicorn==27.0.1"),
        ("gunicorn", "--workers", CORES, "--bind", "127.0.0.1:PORT", "bench.peers.flask_onnxruntime:app"),
    ),
    Peer(
        "fastapi_onnxruntime",
        "FastAPI, ONNX Runtime, uvicorn",
        (*PIPELINE, "fastapi==0.165.0", "uvicorn==0.54.0", "uvloop==0.21.0", "httptools==0.6.4"),
        ("uvicorn", "--workers", CORES, "--port", "PORT", "--no-access-log", "bench.peers.fastapi_onnxruntime:app"),
    ),
    Peer(
        "litserve",
        "LitServe",
        (*PIPELINE, "litserve==0.2.19", "python-multipart==0.0.20"),
        ("python", "-m", "bench.peers.litserve_service"),
        way="multipart",
    ),
    Peer(
        "mlserver",
        "MLServer, by gRPC",
        (*PIPELINE, "mlserver==1.7.1", "uvloop==0.21.0"),
        ("mlserver", "start", "FOLDER"),
        way="grpc",
    ),
)

(_FLASK,) = [peer for peer in PEERS if peer.name == "flask_onnxruntime"]
# The same server and the same environment without the work.
WEB_SERVER_ALONE = replace(
    _FLASK, title="Flask and gunicorn alone", command=(*_FLASK.command[:-1], "bench.peers.flask_alone:app")
)
