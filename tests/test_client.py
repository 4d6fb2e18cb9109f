"""The Python client against the real gateway, and against a small server that refuses first."""

import http.server
import json
import threading

import pytest
from PIL import Image

from gateway.client import Client, ServiceError, to_frame
from tests.conftest import ROOT
from tests.pictures import encode, gradient

SAMPLE = ROOT / "examples" / "sample.jpg"


@pytest.fixture
def client(gateway_url):
    with Client(gateway_url, retries=0) as client:
        yield client


def test_one_photo_in_every_form(client):
    results = [client.analyze(SAMPLE), client.analyze(str(SAMPLE)), client.analyze(SAMPLE.read_bytes())]
    assert {result.caption for result in results} == {results[0].caption}
    assert results[0].name == str(SAMPLE)
    assert (results[0].width, results[0].height) == (512, 512)
    assert set(results[0].attributes["smiling"].probabilities) == {"smiling", "not smiling"}
    assert client.analyze(Image.open(SAMPLE)).width == 512


def test_options_select(client):
    result = client.analyze(SAMPLE, features="objects", min_score=0, max_objects=2)
    assert len(result.objects) == 2
    assert result.caption is None


def test_many_photos_keep_their_order_and_their_errors(client):
    good, bad = encode(gradient()), b"no picture"
    results = client.analyze([good, bad, SAMPLE])
    assert [result.width for result in results] == [96, 0, 512]
    assert results[1].error.startswith("422: cannot decode image")


def test_one_bad_photo_raises(client):
    with pytest.raises(ServiceError, match="422: cannot decode") as raised:
        client.analyze(b"no picture")
    assert raised.value.status == 422


def test_what_is_no_photo_is_named(client):
    with pytest.raises(TypeError, match="not int"):
        client.analyze([5])


def test_folder_becomes_a_frame(client, tmp_path, capsys):
    for number in range(3):
        (tmp_path / f"{number}.png").write_bytes(encode(gradient()))
    (tmp_path / "4.jpg").write_bytes(b"no picture")
    (tmp_path / "notes.txt").write_text("none")
    frame = to_frame(client.analyze_folder(tmp_path))
    assert len(frame) == 4
    assert frame["error"].notna().tolist() == [False, False, False, True]
    assert {"smiling: smiling", "caption", "objects", "seconds"} <= set(frame.columns)
    assert "4/4" in capsys.readouterr().err


class Reluctant(http.server.BaseHTTPRequestHandler):
    """Refuses twice, then answers; notes the key it was shown."""

    refusals = 2

    def do_GET(self):
        self.server.seen.append(self.headers["Authorization"])
        refused = len(self.server.seen) <= self.refusals
        self.send_response(503 if refused else 200)
        self.send_header("Retry-After", "0.01")
        self.end_headers()
        self.wfile.write(json.dumps({"detail": "busy"} if refused else {"models": []}).encode())

    def log_message(self, *arguments):
        pass


@pytest.fixture
def reluctant():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Reluctant)
    server.seen = []
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()


def test_refused_requests_are_sent_again(reluctant):
    url = f"http://127.0.0.1:{reluctant.server_port}"
    assert Client(url, api_key="k").models() == []
    assert reluctant.seen == ["Bearer k"] * 3
    reluctant.seen.clear()
    with pytest.raises(ServiceError, match="503: busy"):
        Client(url, retries=1).models()


def test_nobody_there():
    with pytest.raises(ServiceError, match="does not answer"):
        Client("http://127.0.0.1:9", retries=0).models()
