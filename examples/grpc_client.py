"""A direct Triton gRPC client: one photo or up to eight at a time, any subset of the outputs of `analyze`.

python examples/grpc_client.py examples/sample.jpg --outputs smiling CAPTION
"""

import argparse
import json
from pathlib import Path

import numpy as np
import tritonclient.grpc as triton


def main() -> None:
    options = parse()
    client = triton.InferenceServerClient(options.url)
    # Several photos in one request cost Triton less than one request for each; one that is broken fails them all.
    images = triton.InferInput("IMAGE", [len(options.photos), 1], "BYTES")
    images.set_data_from_numpy(np.array([[photo.read_bytes()] for photo in options.photos], dtype=np.object_))
    wanted = [triton.InferRequestedOutput(name) for name in options.outputs] or None
    # Triton runs only the steps of the wanted outputs; this tells the first step what it need not prepare.
    parameters = {"outputs": ",".join(options.outputs)} if options.outputs else None
    result = client.infer("analyze", [images], outputs=wanted, parameters=parameters, client_timeout=30)
    labels = read_labels(client)
    for place, photo in enumerate(options.photos):
        if len(options.photos) > 1:
            print(f"{photo}:")
        for name in sorted(output.name for output in result.get_response().outputs):
            print(f"{name}: {describe(name, result.as_numpy(name)[place], labels)}")


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", type=Path, nargs="+", metavar="photo")
    parser.add_argument("--outputs", nargs="*", default=[], help="default: all; only the steps of these run")
    parser.add_argument("--url", default="127.0.0.1:8001", help="host:port of Triton's gRPC endpoint")
    return parser.parse_args()


def read_labels(client: triton.InferenceServerClient) -> dict[str, list[str]]:
    """Class names by output, as the ensemble's own config tells them."""
    parameters = client.get_model_config("analyze").config.parameters
    cards = [json.loads(parameter.string_value) for parameter in parameters.values()]
    return {output: card["labels"] for card in cards for output in card["outputs"]}


def describe(name: str, values: np.ndarray, labels: dict[str, list[str]]) -> str:
    """Probabilities with their labels, boxes of the first five detections, everything else as it is."""
    if name == "CAPTION":
        return values[0].decode()
    if name == "DETECTION_LABELS":
        return str([labels[name][index] for index in values[:5] if index >= 0])
    if name.startswith("DETECTION_"):
        return str(values[:5].round(2).tolist())
    if len(labels.get(name, [])) == len(values):
        return str({label: round(float(value), 4) for label, value in zip(labels[name], values, strict=True)})
    return str(values.tolist())


if __name__ == "__main__":
    main()
