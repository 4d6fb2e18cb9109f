"""Case 20: photos that go straight to Triton, in ways that people have tried."""

import base64
import threading
from collections.abc import Iterator, Mapping
from types import MappingProxyType

import numpy as np
from PIL import Image
from tritonclient.grpc import InferenceServerClient, InferInput, InferRequestedOutput
from tritonclient.utils import InferenceServerException

from tests.cases.check import Check, near, says
from tests.cases.workplace import SAMPLE, Workplace
from tests.pictures import encode

SECONDS = 60
NONE: Mapping[str, str] = MappingProxyType({})


def rows(*files: bytes) -> np.ndarray:
    """BYTES [N,1]."""
    return np.array([[file] for file in files], dtype=object)


def ask(
    client: InferenceServerClient,
    array: np.ndarray,
    kind: str = "BYTES",
    outputs: tuple[str, ...] = ("smiling",),
    parameters: Mapping[str, str] = NONE,
) -> dict[str, np.ndarray] | str:
    """The named outputs, or Triton's message."""
    tensor = InferInput("IMAGE", array.shape, kind)
    tensor.set_data_from_numpy(array)
    wanted = [InferRequestedOutput(name) for name in outputs]
    try:
        result = client.infer("analyze", [tensor], outputs=wanted, client_timeout=SECONDS, parameters=dict(parameters))
    except InferenceServerException as error:
        return str(error)
    return {name: result.as_numpy(name) for name in outputs}


def try_clients(workplace: Workplace) -> Iterator[Check]:
    photo, small = SAMPLE.read_bytes(), encode(Image.new("RGB", (64, 48)), "BMP")
    with InferenceServerClient(workplace.triton) as client:
        right = smiling(ask(client, rows(photo)))
        yield Check("one photo", "a probability", str(right), right is not None)
        if right is None:
            return
        yield from try_forms(client, photo, small, right)
        yield from try_messages(client, photo)
        yield from try_company(client, photo, right)
        yield near("after all that", right, smiling(ask(client, rows(photo))), 1e-5)


def smiling(answer: dict[str, np.ndarray] | str) -> float | None:
    """Of the first photo's largest face."""
    return None if isinstance(answer, str) else float(answer["smiling"][0, 0, 1])


def try_forms(client: InferenceServerClient, photo: bytes, small: bytes, right: float) -> Iterator[Check]:
    """Forms of a photo that are taken, or refused in words that tell of the shape."""
    yield near("two photos", right, smiling(ask(client, rows(photo, small))), 1e-5)
    yield near("numpy's S type", right, smiling(ask(client, np.array([[photo]]))), 1e-5)
    ends_in_zeros = ask(client, np.array([[small]]))
    taken = not isinstance(ends_in_zeros, str) or "decode" in ends_in_zeros
    yield Check("numpy's S type, which drops zeros at the end", "an answer or words", str(ends_in_zeros)[:120], taken)
    shapes = {"no batch dimension": np.array([photo], dtype=object), "two columns": np.array([[photo] * 2], object)}
    for what, array in shapes.items():
        yield says(what, str(ask(client, array)), "shape", "expected")
    eight = ask(client, rows(*[small] * 8))
    yield Check(
        "eight photos", "eight answers", str(eight)[:120], not isinstance(eight, str) and len(eight["smiling"]) == 8
    )
    yield says("nine photos", str(ask(client, rows(*[photo] * 9))), "batch-size must be <= 8")


def try_messages(client: InferenceServerClient, photo: bytes) -> Iterator[Check]:
    """What is no photo, or asks for what is not there."""
    yield says("pixels", str(ask(client, np.zeros((1, 64, 64, 3), np.uint8), "UINT8")), "BYTES")
    base64_text = rows(base64.b64encode(photo))
    yield says("base64 text", str(ask(client, base64_text)), "cannot decode image")
    yield says("no bytes", str(ask(client, rows(b""))), "cannot decode image")
    yield says("a bad photo beside a good one", str(ask(client, rows(photo, b"x"))), "cannot decode image")
    few = ask(client, rows(photo), outputs=("smiling", "caption"), parameters={"outputs": "smiling"})
    yield Check("outputs parameter too small", "an answer or words", str(few)[:160], "DEADLINE" not in str(few))
    unknown = ask(client, rows(photo), parameters={"outputs": "nothing"})
    yield says("outputs parameter unknown", str(unknown), "missing required input")


def try_company(client: InferenceServerClient, photo: bytes, right: float) -> Iterator[Check]:
    """While one client sends what is no photo, the answers of others stay right."""
    noise = threading.Thread(target=lambda: [ask(client, rows(b"rubbish")) for _ in range(40)])
    noise.start()
    seen = {smiling(ask(client, rows(photo))) for _ in range(40)}
    noise.join()
    worst = max(abs(each - right) if each is not None else 1.0 for each in seen)
    yield near("40 answers beside 40 bad photos differ by", 0.0, worst, 1e-5)
