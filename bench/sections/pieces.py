"""Single pieces of work in process, one way and the other: decoding, and what computes the networks."""

import json
from pathlib import Path
from statistics import median

from bench.context import Context
from bench.inprocess import decode_milliseconds, network_milliseconds
from bench.photos import write_photo
from bench.report import make_table
from bench.work import ENSEMBLES, NETWORKS, list_networks, read_config
from contract.pixels import Geometry

BATCHES = (1, 8)


def measure_pieces(context: Context) -> str:
    return f"{compare_decoding(context.folder)}\n\n{compare_providers(context)}"


def compare_decoding(folder: Path) -> str:
    """JPEG at reduced scale: a geometry as large as the photo makes the decoder work in full."""
    rows = []
    described = json.loads(read_config(ENSEMBLES / "preprocess").parameters["geometries"].string_value)
    geometries = [Geometry(**each) for each in described]
    for width, height in ((1280, 720), (4000, 3000)):
        photo = write_photo(folder / f"{width}.jpg", width, height)
        full = decode_milliseconds(photo, [Geometry("stretch", width, height)])
        reduced = decode_milliseconds(photo, geometries)
        rows.append([f"{width}×{height}", full, reduced, reduced / full])
    return make_table(["CPU ms to decode", "in full", "at reduced scale", "ratio"], rows)


def compare_providers(context: Context) -> str:
    """A row for each network; one that OpenVINO does not run says so."""
    rows: list[list[object]] = []
    for name in list_networks():
        path = max((NETWORKS / name).glob("*/model.onnx"), key=lambda path: int(path.parent.name))
        try:
            cells = [cell for batch in BATCHES for cell in compare_networks(path, batch, context.rounds)]
        except RuntimeError as error:
            cells = [f"OpenVINO does not run it: {error}", *["–"] * (3 * len(BATCHES) - 1)]
        rows.append([name, *cells])
    head = [f"{title}, batch {batch}" for batch in BATCHES for title in ("ONNX Runtime", "OpenVINO", "ratio")]
    return make_table(["CPU ms per image, one thread", *head], rows)


def compare_networks(path: Path, batch: int, rounds: int) -> list[object]:
    """Milliseconds per image of ONNX Runtime and of OpenVINO, in turns, and the ratio."""
    times = [[network_milliseconds(path, batch, accelerated) for accelerated in (False, True)] for _ in range(rounds)]
    own, other = (median(each) for each in zip(*times, strict=True))
    return [own, other, other / own]
