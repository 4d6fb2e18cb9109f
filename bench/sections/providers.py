"""ONNX Runtime's own CPU provider against OpenVINO's, which comes in another wheel."""

import json
import subprocess
import sys
from pathlib import Path
from statistics import median

from bench.context import Context
from bench.inprocess import network_file
from bench.peers.running import install
from bench.report import make_table
from bench.service import ROOT
from bench.work import list_networks

CPU, OPENVINO = "CPUExecutionProvider", "OpenVINOExecutionProvider"
REQUIREMENTS = ("numpy==1.26.4", "onnxruntime-openvino==1.24.1", "openvino==2026.4.1")
HEAD = (
    "CPU ms per image, one thread",
    "ONNX Runtime",
    "OpenVINO",
    "ratio",
    "ONNX Runtime, batches of 8",
    "OpenVINO",
    "ratio",
)

Times = dict[str, list[float] | str]


def measure_providers(context: Context) -> str:
    """A row for each network; one that OpenVINO does not run says so."""
    pythons = {CPU: Path(sys.executable), OPENVINO: install("openvino", REQUIREMENTS) / "python"}
    rounds = [{name: run(python, name) for name, python in pythons.items()} for _ in range(context.rounds)]
    rows: list[list[object]] = []
    for name in list_networks():
        file = str(network_file(name))
        failed = next((each[OPENVINO][file] for each in rounds if isinstance(each[OPENVINO][file], str)), None)
        cells = [f"does not run: {failed}"] if failed else compare(rounds, file)
        rows.append([name, *cells])
    return make_table(HEAD, [row + ["–"] * (len(HEAD) - len(row)) for row in rows])


def compare(rounds: list[dict[str, Times]], file: str) -> list[object]:
    cells: list[object] = []
    for place in (0, 1):
        own, other = (median(float(each[name][file][place]) for each in rounds) for name in (CPU, OPENVINO))
        cells += [own, other, other / own]
    return cells


def run(python: Path, provider: str) -> Times:
    command = [python, "-m", "bench.providers", provider, *(str(network_file(name)) for name in list_networks())]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])
