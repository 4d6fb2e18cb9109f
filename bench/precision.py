"""What half precision and 8 bits do to the bundled networks on the CPU: `python -m bench.precision`.

Reduces each served network, asks for the same answers as fp32, and times ONNX Runtime on one thread, precisions
in turns. Writes the table into export/README.md, or prints it with `--print`. The repository stays as it is.
"""

import argparse
import time
from pathlib import Path
from statistics import median

import numpy as np
import onnx
import onnxruntime

from bench.report import describe_machine, make_table, write_section
from export.certificate import Certificate
from export.entry import ROOT, Model, Precision
from export.manifest import load_manifest
from export.parity import SAMPLE, list_pictures
from export.precision import measure, reduce
from export.preprocessing import load_pixels
from export.repository import Repository
from export.session import open_session

README = ROOT / "export" / "README.md"
FACES = ROOT.parent / "shared" / "data" / "faces"
PICTURES = 48
BATCHES = (1, 8)
HEAD = (
    "",
    "MB",
    *(f"CPU ms per picture, batch {batch}" for batch in BATCHES),
    *(f"of fp32's time, batch {batch}" for batch in BATCHES),
    "answers as in fp32",
)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.precision", description=__doc__)
    parser.add_argument("--pictures", type=Path, default=FACES, help="folder to calibrate on; default the CMU faces")
    parser.add_argument("--rounds", type=int, default=25, help="default %(default)s")
    parser.add_argument("--print", action="store_true", help="print the table and leave export/README.md as it is")
    options = parser.parse_args()
    machine = describe_machine()
    found = list_pictures(options.pictures)
    pictures = found[:: max(1, len(found) // PICTURES)][:PICTURES]
    rows = [row for model in load_manifest().models for row in measure_model(model, pictures, options.rounds)]
    text = (
        f"{make_table(HEAD, rows)}\n\nCalibrated and judged on {len(pictures)} pictures of `{options.pictures.name}`; "
        f"processor time of one thread, median of {options.rounds} rounds. {machine}"
    )
    if options.print:
        print(text)
    else:
        write_section("precision", text, README)


def find_served(model: Model) -> tuple[Path, Certificate]:
    """Folder and certificate of the version that is served."""
    repository = Repository()
    version = repository.served_version(model)
    certificate = repository.certificate(model.name, version)
    if version is None or certificate is None:
        raise SystemExit(f"{model.name} is not exported yet; run `make export`")
    return repository.folder(model.name, version), certificate


def measure_model(model: Model, pictures: list[Path], rounds: int) -> list[list[object]]:
    """One row per precision."""
    folder, certificate = find_served(model)
    full = (folder / "model.onnx").read_bytes()
    networks, same = {Precision.FP32: full}, {Precision.FP32: "–"}
    for precision in (Precision.FP16, Precision.INT8):
        print(f"{model.name}: {precision} …", flush=True)
        lower = model.model_copy(update={"precision": precision, "max_loss": 0.99})
        network = reduce(onnx.load_model_from_string(full), lower, pictures).SerializeToString()
        networks[precision] = network
        same[precision] = f"{measure(full, network, lower, certificate.end_to_end, pictures).after:.1%}"
    sessions = {precision: open_session(network, threads=1) for precision, network in networks.items()}
    image = load_pixels(SAMPLE.read_bytes(), model)
    timed = [time_sessions(sessions, np.repeat(image[None], batch, axis=0), rounds) for batch in BATCHES]
    return [
        [
            f"{model.name}, {name}",
            len(network) / 1e6,
            *(times[name] for times in timed),
            *(times[name] / times[Precision.FP32] for times in timed),
            same[name],
        ]
        for name, network in networks.items()
    ]


def time_sessions(
    sessions: dict[Precision, onnxruntime.InferenceSession], images: np.ndarray, rounds: int
) -> dict[Precision, float]:
    """Median milliseconds of processor time per picture, the sessions in turns; what else runs here counts little."""
    times: dict[Precision, list[float]] = {name: [] for name in sessions}
    for _ in range(rounds + 2):
        for name, session in sessions.items():
            began = time.thread_time()
            session.run(None, {"IMAGES": images})
            times[name].append((time.thread_time() - began) * 1000 / len(images))
    return {name: median(each[2:]) for name, each in times.items()}  # the first two warm up


if __name__ == "__main__":
    main()
