"""Photos as a request to the ensemble `analyze`, and by which names files are photos."""

from collections.abc import Sequence

from tritonclient.grpc import service_pb2 as messages

from contract.tasks import ENSEMBLE, IMAGE

# Of files in the formats that the preprocess step accepts, for those who choose files by name: it goes by content.
JPEG = (".jpg", ".jpeg", ".jpe", ".jfif", ".mpo", ".jp2", ".j2k", ".j2c", ".jpc", ".jpf", ".jpx")
HEIF = (".heic", ".heics", ".heif", ".heifs", ".hif", ".avif", ".avifs")
NETPBM = (".pbm", ".pgm", ".ppm", ".pnm", ".pfm")
FILE_TYPES = frozenset([*JPEG, *HEIF, *NETPBM, ".png", ".apng", ".webp", ".gif", ".bmp", ".tif", ".tiff"])


def make_request(
    images: Sequence[bytes], outputs: Sequence[str] = (), seconds: float | None = None
) -> messages.ModelInferRequest:
    """One request for all `images`, encoded files; they are answered or refused together.

    `outputs` of the ensemble, all without names. Triton gives up waiting in its queues after `seconds`.
    """
    request = messages.ModelInferRequest(model_name=ENSEMBLE)
    request.inputs.add(name=IMAGE, datatype="BYTES", shape=[len(images), 1])
    for name in outputs:
        request.outputs.add(name=name)
    if outputs:
        # Tells the preprocess step what it can leave out; Triton prunes by the outputs themselves.
        request.parameters["outputs"].string_param = ",".join(outputs)
    if seconds is not None:
        request.parameters["timeout"].int64_param = max(1, int(seconds * 1e6))  # 0 would mean no end
    elements = (part for image in images for part in (len(image).to_bytes(4, "little"), image))
    request.raw_input_contents.append(b"".join(elements))
    return request
