"""What half precision and 8 bits do to the bundled networks on the CPU: `python -m bench.precision`.

Converts each checkpoint in every precision, asks for the same answers as fp32, and times ONNX Runtime with one
thread, precisions in turns. Writes the table into export/README.md, or prints it with `--print`. The repository of
networks stays as it is.
"""

import argparse
import time
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import numpy as np
import onnxruntime

from bench.report import describe_machine, make_table, write_section
from export.build import convert
from export.manifest import ROOT, Model, Precision, load_manifest
from export.parity import SAMPLE, list_pictures
from export.preprocessing import load_pixels
from export.session import open_session

README = ROOT / "export" / "README.md"
FACES = ROOT.parent / "shared" / "data" / "faces"
PICTURES = 48
BATCHES = (1, 8)
HEAD = (
    "",
    "MB",
    *(f"ms per picture, batch {batch}" for batch in BATCHES),
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
    with TemporaryDirectory() as folder:
        link_pictures(options.pictures, Path(folder))
        rows = [row for model in load_manifest().models for row in measure_model(model, Path(folder), options.rounds)]
    text = (
        f"{make_table(HEAD, rows)}\n\nCalibrated and judged on {PICTURES} pictures of `{options.pictures.name}`; "
        f"one thread, median of {options.rounds} rounds. {machine}"
    )
    if options.print:
        print(text)
    else:
        write_section("precision", text, README)


def link_pictures(source: Path, folder: Path) -> None:
    """PICTURES of them, spread evenly."""
    found = list_pictures(source)
    for path in found[:: max(1, len(found) // PICTURES)][:PICTURES]:
        (folder / path.name).symlink_to(path.resolve())


def measure_model(model: Model, pictures: Path, rounds: int) -> list[list[object]]:
    """One row per precision."""
    networks, same = {}, {}
    for precision in Precision:
        lower = model.model_copy(update={"precision": precision, "calibration": pictures, "max_loss": 0.99})
        converted = convert(lower, [SAMPLE], False, lambda text: print(f"{text} …", flush=True))
        networks[precision] = converted.network.SerializeToString()
        same[precision] = f"{converted.reduction.after:.1%}" if converted.reduction else "–"
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
    """Median milliseconds per picture, the sessions in turns so that what else runs here meets them all."""
    times: dict[Precision, list[float]] = {name: [] for name in sessions}
    for _ in range(rounds + 2):
        for name, session in sessions.items():
            began = time.perf_counter()
            session.run(None, {"IMAGES": images})
            times[name].append((time.perf_counter() - began) * 1000 / len(images))
    return {name: median(each[2:]) for name, each in times.items()}  # the first two warm up


if __name__ == "__main__":
    main()
