"""A direct Triton gRPC client: one photo or up to eight at a time, any of the models of `analyze`.

python examples/grpc_client.py examples/sample.jpg --models smiling caption
"""

import argparse
import sys
from pathlib import Path

import grpc
from tritonclient.grpc import service_pb2 as messages
from tritonclient.grpc.service_pb2_grpc import GRPCInferenceServiceStub

sys.path.insert(0, str(Path(__file__).parents[1]))
from contract.answer import Classification, Detections, Embedding, Result, Sentence, read_result, read_rows
from contract.card import Catalog, list_outputs
from contract.channel import open_channel
from contract.failure import ContractError, classify_failure
from contract.request import make_request
from contract.tasks import ENSEMBLE

SECONDS = 30.0


def main() -> None:
    options = parse()
    stub = GRPCInferenceServiceStub(open_channel(options.url))
    try:
        show(stub, options)
    except grpc.RpcError as error:
        sys.exit(f"{options.url}: {classify_failure(error)}")
    except ContractError as error:
        sys.exit(str(error))


def show(stub: GRPCInferenceServiceStub, options: argparse.Namespace) -> None:
    """Print what the wanted models say about each photo."""
    config = stub.ModelConfig(messages.ModelConfigRequest(name=ENSEMBLE), timeout=SECONDS).config
    cards = Catalog.from_config(config).select(options.models)
    # Several photos in one request cost Triton less than one request for each; one that is broken fails them all.
    request = make_request([photo.read_bytes() for photo in options.photos], list_outputs(cards), SECONDS)
    for photo, row in zip(options.photos, read_rows(stub.ModelInfer(request, timeout=SECONDS)), strict=True):
        if len(options.photos) > 1:
            print(f"{photo}:")
        for card in cards:
            print(f"{card.name}: {describe(read_result(card, row))}")


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", type=Path, nargs="+", metavar="photo")
    parser.add_argument("--models", nargs="+", metavar="NAME", help="default: everything; only the steps of these run")
    parser.add_argument("--url", default="127.0.0.1:8001", help="host:port of Triton's gRPC endpoint")
    return parser.parse_args()


def describe(result: Result | list) -> str:
    """One line."""
    match result:
        case Classification():
            pairs = zip(result.card.labels, result.probabilities.tolist(), strict=True)
            return ", ".join(f"{label} {value:.4f}" for label, value in pairs)
        case Sentence():
            return f"{result.text} ({result.score:.2f})"
        case Detections():
            return "; ".join(
                f"{found.label} {found.score:.2f} at {[round(side) for side in found.box]}" for found in result.keep()
            )
        case Embedding():
            return f"{len(result.values)} numbers, {result.values[:4].round(4).tolist()} …"
        case list():
            return " | ".join("not looked at" if each is None else describe(each) for each in result)


if __name__ == "__main__":
    main()
