"""The Python client against the real gateway, and against a small server that refuses first."""

import http.server
import io
import json
import struct
import threading
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import numpy as np
import pytest
from PIL import Image

from contract.pixels import picture
from contract.request import FILE_TYPES
from image_detection import Client, Result, ServiceError, to_box_frame, to_frame
from image_detection.answers import parse_image
from image_detection.client import read_wait
from image_detection.photos import read_photo
from tests.conftest import ROOT
from tests.pictures import encode, exif, gradient, short, store, tag

SAMPLE = ROOT / "examples" / "sample.jpg"


@pytest.fixture
def client(gateway_url):
    with Client(gateway_url, retries=0) as client:
        yield client


def test_one_photo_in_every_form(client):
    results = [client.analyze(SAMPLE), client.analyze(str(SAMPLE)), client.analyze(SAMPLE.read_bytes())]
    assert {result.captions["caption"].text for result in results} == {results[0].captions["caption"].text}
    assert results[0].name == str(SAMPLE)
    assert (results[0].width, results[0].height) == (512, 512)
    assert set(results[0].attributes["smiling"].probabilities) == {"smiling", "not smiling"}
    assert client.analyze(Image.open(SAMPLE)).width == 512


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("container", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF", "MPO"])
def test_an_opened_picture_is_seen_as_its_file_is(container, orientation):
    stored, tags = store(gradient(80, 48), orientation), exif(short(0x0112, orientation))
    data = encode(stored, container, exif=tags)
    opened = Image.open(io.BytesIO(data))
    sent = picture.open_upright(read_photo(opened), 10_000)
    assert sent.size == (80, 48)
    assert np.array_equal(np.asarray(sent), np.asarray(picture.open_upright(data, 10_000)))
    resized = picture.open_upright(read_photo(opened.resize((opened.width // 2, opened.height // 2))), 10_000)
    assert resized.size == (40, 24)


def test_a_turned_photo_gives_one_answer_in_every_form(client, tmp_path):
    upright = Image.open(SAMPLE).crop((0, 0, 512, 256))
    path = tmp_path / "turned.jpg"
    path.write_bytes(encode(store(upright, 6), "JPEG", exif=exif(short(0x0112, 6)), quality=95))
    results = [client.analyze(form) for form in (path, path.read_bytes(), Image.open(path))]
    assert {(result.width, result.height) for result in results} == {(512, 256)}
    smiling = [result.attributes["smiling"].probabilities["smiling"] for result in results]
    assert smiling == pytest.approx([smiling[0]] * 3, abs=0.01)


def test_an_odd_tag_does_not_cost_an_opened_picture():
    tags = exif(tag(0x100, 11, struct.pack("<f", 1.5)), short(0x0112, 6))
    opened = Image.open(io.BytesIO(encode(gradient(48, 80), "JPEG", exif=tags)))
    assert picture.open_upright(read_photo(opened), 10_000).size == (80, 48)


MODES = ["1", "L", "LA", "La", "P", "PA", "RGB", "RGBA", "RGBa", "RGBX", "CMYK", "YCbCr", "I", "F", "LAB", "HSV"]


@pytest.mark.parametrize("mode", [*MODES, "I;16", "I;16B", "I;16L"])
def test_a_picture_of_any_mode_arrives_as_it_is(mode):
    steps = {"La": ["LA", "La"], "PA": ["P", "PA"], "RGBa": ["RGBA", "RGBa"]}
    made = gradient()
    for step in steps.get(mode, ["I", mode] if mode.startswith("I;") else [mode]):
        made = made.convert(step)
    sent = picture.open_upright(read_photo(made), 10_000)
    assert np.array_equal(np.asarray(sent), np.asarray(picture.to_rgb(made)))


def test_numbers_of_32_bits_are_not_cut_to_16():
    wide = np.asarray(gradient(mode="L")).astype(np.int32) * 1_000_000
    sent = picture.open_upright(read_photo(Image.fromarray(wide)), 10_000)
    assert np.array_equal(np.asarray(sent), np.asarray(picture.to_rgb(Image.fromarray(wide))))


def test_transparency_goes_along():
    clear = gradient(mode="P")
    clear.info["transparency"] = clear.getpixel((0, 0))
    assert picture.open_upright(read_photo(clear), 10_000).getpixel((0, 0)) == (255, 255, 255)


def test_annotated_picture(client):
    drawn, plain = client.annotate(SAMPLE), client.annotate(SAMPLE, features="")
    assert drawn.size == plain.size == (512, 512)
    assert not np.array_equal(np.asarray(drawn), np.asarray(plain))


def test_options_select(client):
    result = client.analyze(SAMPLE, features="objects", min_score=0, max_objects=2)
    assert len(result.objects["objects"]) == 2
    assert result.captions == {}


@pytest.mark.parametrize("features", ["smiling,objects", ["smiling", "objects"]])
def test_models_are_named_in_a_list_or_a_text(client, features):
    result = client.analyze(SAMPLE, features=features)
    assert (set(result.attributes), set(result.captions)) == ({"smiling"}, set())
    assert "objects" in result.objects


def test_any_number_of_models_by_name():
    face = {"label": "face", "score": 0.9, "box": {"x": 1.0, "y": 2.0, "width": 3.0, "height": 4.0}}
    smiling = {"label": "yes", "probability": 0.8, "probabilities": {"no": 0.2, "yes": 0.8}}
    image = {
        "filename": None,
        "width": 96,
        "height": 64,
        "attributes": {"smiling": smiling, "glad": None},
        "faces": [face | {"attributes": {"smiling": smiling, "glad": None}}],
        "objects": [],
        "caption": {"text": "a cup", "score": -1.0},
        "title": {"text": "cup", "score": -2.0},
        "embeddings": {"vector": [0.5, 0.25]},
    }
    result = parse_image("a.jpg", image, 0.1)
    assert {name: len(found) for name, found in result.objects.items()} == {"faces": 1, "objects": 0}
    assert result.objects["faces"][0].attributes["smiling"].probability == 0.8
    assert result.objects["faces"][0].box == (1.0, 2.0, 3.0, 4.0)
    assert result.attributes["glad"] is None
    assert [caption.text for caption in result.captions.values()] == ["a cup", "cup"]
    row = to_frame([result]).iloc[0]
    assert (row["faces"], row["faces: face"], row["objects"], row["title"]) == (1, 1, 0, "cup")
    assert row["vector"] == [0.5, 0.25]
    assert row["smiling: yes"] == 0.8
    (box,) = to_box_frame([result]).to_dict("records")
    assert (box["name"], box["model"], box["label"], box["x"], box["height"]) == ("a.jpg", "faces", "face", 1.0, 4.0)
    assert box["smiling: yes"] == 0.8


def test_frames_without_photos_have_their_columns():
    assert list(to_frame([]).columns) == ["name", "width", "height", "error", "seconds"]
    assert list(to_box_frame([]).columns) == ["name", "model", "label", "score", "x", "y", "width", "height"]


def test_numbers_of_boxes_and_pixels_are_whole_and_those_of_a_failed_photo_missing():
    dog = {"label": "dog", "score": 0.9, "box": {"x": 1.0, "y": 2.0, "width": 3.0, "height": 4.0}}
    found = [parse_image("a", {"width": 9, "height": 8, "objects": objects}, 0.5) for objects in ([dog, dog], [])]
    lines = to_frame([*found, Result("c", error="422")]).to_csv(index=False).splitlines()
    assert lines == [
        "name,width,height,objects,objects: dog,error,seconds",
        "a,9,8,2,2,,0.5",
        "a,9,8,0,0,,0.5",
        "c,,,,,422,",
    ]


def test_a_frame_of_failed_photos_alone():
    frame = to_frame([Result("a", error="422"), Result("b", error="422")])
    assert frame.drop(columns=["name", "error"]).isna().all(axis=None)
    assert frame.dtypes[["width", "height", "seconds"]].astype(str).tolist() == ["Int64", "Int64", "float64"]


def test_no_boxes_of_a_label_are_zero_where_the_detector_looked():
    dog = {"label": "dog", "score": 0.9, "box": {"x": 1.0, "y": 2.0, "width": 3.0, "height": 4.0}}
    found = [parse_image("a", {"width": 9, "height": 9, "objects": objects}, 0) for objects in ([dog], [])]
    frame = to_frame([*found, Result("c", error="422")])
    assert list(frame.columns) == ["name", "width", "height", "objects", "objects: dog", "error", "seconds"]
    assert frame["objects: dog"].tolist()[:2] == [1, 0]
    assert frame["objects: dog"].isna().tolist() == [False, False, True]


def test_many_photos_keep_their_order_and_their_errors(client):
    good, bad = encode(gradient()), b"no picture"
    results = client.analyze([good, bad, SAMPLE])
    assert [result.width for result in results] == [96, 0, 512]
    assert results[1].error.startswith("422: cannot decode image")


def test_one_bad_photo_raises(client):
    with pytest.raises(ServiceError, match="422: cannot decode") as raised:
        client.analyze(b"no picture")
    assert raised.value.status == 422


def test_an_open_file_is_a_photo_not_lines(client):
    with SAMPLE.open("rb") as file:
        result = client.analyze(file)
    assert result.width == 512
    assert client.analyze(io.BytesIO(SAMPLE.read_bytes())).width == 512


def test_a_picture_that_cannot_be_sent_loses_no_other(client):
    empty, good = client.analyze([Image.new("RGB", (0, 0)), SAMPLE])
    assert empty.error
    assert good.error is None


def test_what_is_no_photo_is_named(client):
    with pytest.raises(TypeError, match="not int"):
        client.analyze([5])


def test_folder_becomes_a_frame(client, tmp_path, capsys):
    for number in range(2):
        (tmp_path / f"{number}.png").write_bytes(encode(gradient()))
    (tmp_path / "2.jpg").write_bytes(SAMPLE.read_bytes())
    (tmp_path / "4.jpg").write_bytes(b"no picture")
    (tmp_path / "notes.txt").write_text("none")
    (tmp_path / "._0.png").write_text("a companion of macOS")
    frame = to_frame(client.analyze_folder(tmp_path))
    assert frame["name"].tolist() == ["0.png", "1.png", "2.jpg", "4.jpg"]
    assert frame["error"].notna().tolist() == [False, False, False, True]
    assert {"smiling: smiling", "caption", "objects", "seconds"} <= set(frame.columns)
    assert "4/4" in capsys.readouterr().err


def test_sub_folders_keep_their_names(client, tmp_path):
    for folder, suffix in (("ana", "TIFF"), ("ben/2026", "ppm")):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / f"1.{suffix}").write_bytes(encode(gradient(), suffix.upper()))
    results = client.analyze_folder(tmp_path, features="", progress=False)
    assert [(result.name, result.error) for result in results] == [("ana/1.TIFF", None), ("ben/2026/1.ppm", None)]


def test_a_folder_that_is_missing_or_holds_no_photo_raises(client, tmp_path):
    (tmp_path / "notes.txt").write_text("none")
    with pytest.raises(FileNotFoundError, match=r"holds no photo; accepted are .*\.heic"):
        client.analyze_folder(tmp_path)
    with pytest.raises(NotADirectoryError, match="there is no folder"):
        client.analyze_folder(tmp_path / "missing")
    with pytest.raises(NotADirectoryError, match=r"notes.txt is a file; give the folder that holds it"):
        client.analyze_folder(tmp_path / "notes.txt")


def test_file_types_are_those_of_the_accepted_formats():
    formats = {*picture.FORMATS, "MPO"}  # which Pillow opens as JPEG
    assert {suffix for suffix, name in Image.registered_extensions().items() if name in formats} == FILE_TYPES


class Reluctant(http.server.BaseHTTPRequestHandler):
    """Refuses twice, then answers; notes the key it was shown."""

    refusals = 2

    def do_GET(self):
        self.server.seen.append(self.headers["Authorization"])
        refused = len(self.server.seen) <= self.refusals
        self.send_response(503 if refused else 200)
        self.send_header("Retry-After", self.server.retry_after)
        self.end_headers()
        self.wfile.write(json.dumps({"detail": "busy"} if refused else {"models": []}).encode())

    def log_message(self, *arguments):
        pass


@pytest.fixture
def reluctant():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Reluctant)
    server.seen, server.retry_after = [], "0"
    server.url = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()


@pytest.mark.parametrize("retry_after", ["0", "Sun, 06 Nov 1994 08:49:37 GMT"])
def test_refused_requests_are_sent_again(reluctant, retry_after):
    reluctant.retry_after = retry_after
    assert Client(reluctant.url, api_key="k").models() == []
    assert reluctant.seen == ["Bearer k"] * 3


@pytest.mark.parametrize(("retries", "retry_after"), [(1, "0"), (5, "86400")])
def test_a_service_that_stays_busy_raises(reluctant, retries, retry_after):
    reluctant.retry_after = retry_after
    with pytest.raises(ServiceError, match="503: busy"):
        Client(reluctant.url, retries=retries).models()
    assert len(reluctant.seen) == (2 if retry_after == "0" else 1)


@pytest.mark.parametrize(
    ("retry_after", "seconds"),
    [("7", 7), ("", 0.5), ("soon", 0.5), ("nan", 0.5), ("Sun, 06 Nov 1994 08:49:37 GMT", 0)],
)
def test_retry_after_is_a_number_or_a_date(retry_after, seconds):
    assert read_wait(retry_after, otherwise=0.5) == seconds


def test_a_date_to_come_is_waited_for():
    soon = format_datetime(datetime.now(UTC) + timedelta(seconds=100), usegmt=True)
    assert 90 < read_wait(soon, otherwise=0.5) <= 100


@pytest.mark.parametrize("url", ["http://127.0.0.1:9", "http://somebody:secret@127.0.0.1:9/"])
def test_nobody_there(url):
    with pytest.raises(ServiceError, match=r"^http://127\.0\.0\.1:9 does not answer: .*refused"):
        Client(url, retries=0).models()


def test_another_service_is_named(reluctant):
    reluctant.retry_after = "0"
    with Client(reluctant.url) as client, pytest.raises(ServiceError, match="is another service: its answer has no fi"):
        client.analyze_folder(".")


@pytest.mark.parametrize(
    ("url", "advice"),
    [
        ("localhost:8080", "'localhost:8080' is no address of a service; write http://localhost:8080"),
        ("127.0.0.1:8080", "write http://127.0.0.1:8080"),
        ("gateway", "write http://gateway"),
        ("ftp://gateway/", "write http://gateway/"),
        ("http:/gateway", "write http://gateway"),
        ("http://gateway:port", "Invalid port: 'port'; write http://127.0.0.1:8080"),
        ("http://", "write http://127.0.0.1:8080"),
        ("", "write http://127.0.0.1:8080"),
    ],
)
def test_an_address_is_refused_with_the_right_one(url, advice):
    with pytest.raises(ValueError, match="is no address of a service") as raised:
        Client(url)
    assert str(raised.value).endswith(advice)
