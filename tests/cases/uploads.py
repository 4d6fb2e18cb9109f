"""Cases 03, 04 and 22: the ways in which photos arrive at the gateway."""

import io
import os
import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
from PIL import Image, ImageOps

from image_detection import Client
from image_detection.client import ServiceError
from tests.cases.check import Check, same, says
from tests.cases.workplace import SAMPLE, Workplace
from tests.pictures import encode, store

ORIENTATION = 0x0112
# What `try.sh` calls each way, and the statuses that are right. `curl -T` asks for /sample.jpg; the unicode filename is
# tried apart, as curl splits it at its semicolon.
WAYS = {
    "multipart file": 200,
    "multipart image": 400,
    "multipart files[]": 400,
    "multipart no filename": 200,
    "curl -T (PUT, no type)": 404,
    "curl --data-binary (form type)": 415,
    "wget style octet": 200,
    "image/* wildcard type": 200,
    "type with params, caps": 200,
    "binary/octet-stream (S3)": 200,
    "chunked raw": 200,
    "chunked multipart": 200,
    "chunked, no type": 404,
    "HTTP/1.0": 200,
    "Expect 100": 200,
    "gzip content-encoding": 422,
    "json plain": 200,
    "json wrapped": 200,
    "json crlf": 200,
    "json urlsafe": 400,
    "json nopad": 400,
    "json dataurl": 200,
    "json dataurl_upper": 200,
    "json dataurl_wrapped": 200,
    "json trailing_newline": 200,
    "json pyrepr": 400,
    "json type w/ charset": 200,
    "json with BOM": 200,
    "empty file input": 422,
    "trailing slash": 404,
}


def try_pil_client(workplace: Workplace) -> Iterator[Check]:
    """A photo as a path, as bytes and as an opened PIL image."""
    sample = workplace.scratch / "sample_turned.jpg"
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    sample.write_bytes(encode(store(Image.open(SAMPLE), 6), "JPEG", quality=95, exif=exif))
    with Client(workplace.url, retries=0) as client:
        for photo in (workplace.find("03") / "turned6.jpg", sample):
            yield from compare_forms(client, photo)
        yield from try_modes(client, ImageOps.exif_transpose(Image.open(workplace.find("03") / "turned6.jpg")))


def compare_forms(client: Client, path: Path) -> Iterator[Check]:
    """The three forms of one file give one answer."""
    upright = ImageOps.exif_transpose(Image.open(path)).size
    expected = summarise(client, path)
    yield same(f"{path.name}: size by path", upright, expected[:2])
    yield same(f"{path.name}: as bytes", expected, summarise(client, path.read_bytes()))
    yield same(f"{path.name}: as a PIL image", expected, summarise(client, Image.open(path)))


def summarise(client: Client, photo: object) -> tuple:
    """Size, what the face shows, and the best object."""
    result = client.analyze(photo, features="smiling,objects", max_objects=1, min_score=0.05)
    smiling = result.attributes.get("smiling")
    objects = [(box.label, round(box.score, 3)) for boxes in result.objects.values() for box in boxes]
    return result.width, result.height, smiling and round(smiling.probabilities["smiling"], 3), objects


def try_modes(client: Client, upright: Image.Image) -> Iterator[Check]:
    """Modes that PNG lacks: an answer, or the service's own words."""
    cmyk = encode(upright.convert("CMYK"), "JPEG", quality=95)
    photos = {"CMYK bytes": cmyk, "CMYK": Image.open(io.BytesIO(cmyk)), "F": upright.convert("F")}
    for mode, photo in {**photos, "YCbCr": upright.convert("YCbCr")}.items():
        try:
            result = client.analyze(photo, features="smiling")
            yield same(f"PIL image {mode}", upright.size, (result.width, result.height))
        except ServiceError as error:
            yield says(f"PIL image {mode}", str(error), "accepted")


def try_upload_shapes(workplace: Workplace) -> Iterator[Check]:
    """The case's own script says what curl got."""
    script = workplace.copy("04") / "try.sh"
    # Its Python part stands in quotes, where the shell puts nothing in.
    script.write_text(script.read_text().replace('open("$APP/', 'open("' + str(SAMPLE.parents[1]) + "/"))
    printed = workplace.execute("bash", script, U=workplace.url)
    seen = {}
    for line in printed.splitlines():
        if found := re.search(r"\[(\d{3})\]$", line.strip()):
            seen[line[:34].strip()] = int(found[1]), line[34:].strip()
    for way, status in WAYS.items():
        got, answer = seen.get(way, (0, "nothing"))
        yield Check(way, str(status), f"{got} {answer[-160:-6] if got != 200 else ''}".strip(), got == status)
    name = 'été 猫 a;b"c.jpg'
    answer = httpx.post(f"{workplace.url}/v1/analyze", files={"file": (name, SAMPLE.read_bytes())}, timeout=60)
    yield same("unicode filename", name, answer.json()["images"][0]["filename"])


def try_too_large(workplace: Workplace) -> Iterator[Check]:
    """40 MB where 32 are accepted."""
    photo = workplace.scratch / "large.jpg"
    photo.write_bytes(b"\xff\xd8" + os.urandom(40_000_000))
    url = f"{workplace.url}/v1/analyze"
    curl = ["curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", "-F", f"file=@{photo}", url]
    headers = {"Content-Type": "image/jpeg"}
    ways: dict[str, Callable[[], int]] = {
        "curl": lambda: int(subprocess.run(curl, capture_output=True, text=True, timeout=60).stdout),
        "httpx": lambda: httpx.post(url, content=photo.read_bytes(), headers=headers, timeout=60).status_code,
        "the Python client": lambda: refusal(workplace.url, photo),
    }
    for name, way in ways.items():
        yield same(f"40 MB by {name}, three times", [413] * 3, [way() for _ in range(3)])


def refusal(url: str, photo: Path) -> int:
    with Client(url, retries=2) as client:
        try:
            client.analyze(photo)
        except ServiceError as error:
            return error.status
    return 200
