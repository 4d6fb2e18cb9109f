"""Measures models with NVIDIA's perf_analyzer and real photos: `python -m bench.perf` or `make perf`.

Without --url a server of its own is started and stopped. perf_analyzer comes with the tritonclient wheel; its table
says requests per second, latencies, and where the server spent the time (queue, input, inference, output).
"""

import argparse
import subprocess
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

from tritonclient.grpc import InferenceServerClient
from tritonclient.utils import InferenceServerException

from bench.input_data import write_input_data
from bench.perf_analyzer import make_command, make_environment
from bench.service import SAMPLE, start_service
from contract.card import Catalog
from contract.tasks import ENSEMBLE


def main(arguments: Sequence[str]) -> int:
    """Measure every model asked for; exit status 1 when perf_analyzer fails."""
    options = make_parser().parse_args(arguments)
    try:
        with ExitStack() as stack:
            url = options.url or stack.enter_context(start_service("--no-gateway")).grpc
            client = stack.enter_context(InferenceServerClient(url))
            directory = Path(stack.enter_context(TemporaryDirectory(prefix="perf-")))
            for model in options.model or choose_models(client):
                print(f"\n=== {model} ===", flush=True)
                measure(model, client, url, options, directory)
    except (InferenceServerException, OSError, ValueError) as error:
        print(f"perf: {error}", file=sys.stderr)
        return 1
    return 0


def make_parser() -> argparse.ArgumentParser:
    """The flags, each with a default that gives a table within a minute."""
    parser = argparse.ArgumentParser(prog="python -m bench.perf", description=__doc__)
    add = parser.add_argument
    add("--model", action="append", help="model to measure, repeatable (default: analyze and a network)")
    add("--url", help="gRPC address of a running Triton (default: start one)")
    add("--photo", action="append", type=Path, help=f"photo to send, repeatable (default: {SAMPLE.name})")
    add("--concurrency", default="1:4:3", help="requests in flight, start:end:step (default: 1:4:3)")
    add("--batch-size", type=int, default=1, help="photos per request (default: 1)")
    add("--window", type=int, default=2000, help="milliseconds that are measured at a time (default: 2000)")
    return parser


def choose_models(client: InferenceServerClient) -> list[str]:
    """`analyze` and the first network of "everything"."""
    catalog = Catalog.from_config(client.get_model_config(ENSEMBLE).config)
    return [ENSEMBLE, *(card.name for card in catalog.select()[:1])]


def measure(model: str, client: InferenceServerClient, url: str, options: argparse.Namespace, directory: Path) -> None:
    """Let perf_analyzer print its table for one model. Raises OSError when it fails."""
    (tensor,) = client.get_model_config(model).config.input
    data = write_input_data(tensor, options.photo or [SAMPLE], directory / f"{model}.json")
    load = ["-b", str(options.batch_size), "--concurrency-range", options.concurrency]
    command = [*make_command(model, url, data), *load, "--measurement-interval", str(options.window)]
    command += ["--percentile", "95"]
    status = subprocess.run(command, env=make_environment(directory), check=False).returncode
    if status:
        raise OSError(f"perf_analyzer failed for {model} with exit status {status}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
