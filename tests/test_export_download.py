"""Checkpoints from an address, from a real server on this machine."""

import threading
from functools import partial
from hashlib import sha256
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tests import checkpoints
from tests.test_export import run
from tests.test_export_files import READY, write_onnx


class Counting(SimpleHTTPRequestHandler):
    asked: list[str] = []

    def do_GET(self):
        self.asked.append(self.path)
        super().do_GET()

    def log_message(self, *_):
        """Nothing."""


@pytest.fixture
def address(tmp_path, monkeypatch):
    """Of a folder with a checkpoint in it; what is downloaded goes to a cache of its own."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "remote").mkdir()
    write_onnx(tmp_path / "remote" / "ready.onnx")
    Counting.asked.clear()
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Counting, directory=tmp_path / "remote")) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def write_entry(folder, address, *lines):
    checkpoints.write_manifest(folder, READY.replace("ready.onnx", f"{address}/ready.onnx"), *lines)


def checksum_of(folder):
    return sha256((folder / "remote/ready.onnx").read_bytes()).hexdigest()


def test_an_address_is_downloaded_once_and_exported(tmp_path, address):
    write_entry(tmp_path, address, f'sha256 = "{checksum_of(tmp_path)}"')
    assert run(tmp_path) == 0
    assert run(tmp_path, "--force") == 0
    assert Counting.asked == ["/ready.onnx"]
    assert (tmp_path / "networks/smiling/2/model.onnx").is_file()
    assert list((tmp_path / "cache").rglob("ready.onnx"))


def test_another_file_than_was_meant_is_refused_and_not_kept(tmp_path, address, capsys):
    write_entry(tmp_path, address, f'sha256 = "{"0" * 64}"')
    assert run(tmp_path) == 2
    message = capsys.readouterr().err
    assert "does not match the known hash" in message
    assert "correct sha256 of smiling" in message
    assert message.count("\n") == 1
    assert not list((tmp_path / "cache").rglob("*.onnx"))
    assert not (tmp_path / "networks/smiling").exists()


@pytest.mark.parametrize(
    ("path", "lines", "words"),
    [
        ("", [], "sha256 is needed for a checkpoint that is downloaded"),
        ("", ['sha256 = "abc"'], "sha256: String should match pattern"),
        ("/nothing", [f'sha256 = "{"0" * 64}"'], "cannot be downloaded: 404"),
    ],
)
def test_what_cannot_be_had_is_told_in_one_line(tmp_path, address, capsys, path, lines, words):
    write_entry(tmp_path, address + path, *lines)
    assert run(tmp_path) == 2
    message = capsys.readouterr().err
    assert words in message
    assert message.count("\n") == 1


def test_a_file_on_disk_must_have_its_sum_too(tmp_path, capsys):
    write_onnx(tmp_path / "ready.onnx")
    checkpoints.write_manifest(tmp_path, READY, f'sha256 = "{"0" * 64}"')
    assert run(tmp_path) == 2
    assert "ready.onnx: is not the file of sha256 0000" in capsys.readouterr().err
