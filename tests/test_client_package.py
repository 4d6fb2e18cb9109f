"""The Python client is installed by itself, as a user without a checkout does, and works."""

import csv
import shutil
import subprocess
import sys
import sysconfig

import pytest

from tests.conftest import ROOT
from tests.pictures import encode, gradient
from tests.readme import list_blocks


@pytest.fixture(scope="module")
def python(tmp_path_factory):
    """The interpreter of an environment with the client's wheel, and with what this one has of other packages."""
    folder = tmp_path_factory.mktemp("client")
    shutil.copytree(ROOT / "client", folder / "client", ignore=shutil.ignore_patterns("__pycache__"))
    build = ["wheel", "--no-deps", "--no-build-isolation", "--no-index", f"--wheel-dir={folder}", folder / "client"]
    run(sys.executable, "-m", "pip", *build)
    (wheel,) = folder.glob("*.whl")
    run(sys.executable, "-m", "venv", "--without-pip", folder / "venv")
    python = folder / "venv" / "bin" / "python"
    run(sys.executable, "-m", "pip", f"--python={python}", "install", "--no-deps", "--no-index", wheel)
    (packages,) = (folder / "venv" / "lib").glob("python*/site-packages")
    (packages / "others.pth").write_text(sysconfig.get_path("purelib"))
    return python


def run(*command, **options):
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=120, **options)
    assert done.returncode == 0, done.stdout + done.stderr
    return done


@pytest.fixture
def photos(tmp_path):
    folder = tmp_path / "photos"
    (folder / "below").mkdir(parents=True)
    shutil.copy(ROOT / "examples" / "sample.jpg", folder / "below")
    (folder / "plain.png").write_bytes(encode(gradient()))
    (folder / "broken.jpg").write_bytes(b"no picture")
    return folder


def test_folder_to_csv(python, photos, gateway_url, tmp_path):
    flags = (f"--url={gateway_url}", "--boxes=faces.csv", "--features=smiling,caption")
    done = run(python, "-m", "image_detection", "photos", *flags, cwd=tmp_path)
    rows = list(csv.DictReader(done.stdout.splitlines()))
    assert [row["name"] for row in rows] == ["below/sample.jpg", "broken.jpg", "plain.png"]
    assert [row["faces"] for row in rows] == ["1", "", "0"]
    assert "cannot decode" in rows[1]["error"]
    assert [row["width"] for row in rows] == ["512", "", "96"]
    assert "1 of 3 photos failed" in done.stderr
    (face,) = csv.DictReader((tmp_path / "faces.csv").open(newline=""))
    assert (face["name"], face["model"], face["smiling: smiling"]) == (
        "below/sample.jpg",
        "faces",
        rows[0]["smiling: smiling"],
    )


def test_it_needs_nothing_of_the_service(python):
    loaded = run(python, "-c", "import image_detection, sys; print(*sys.modules)", cwd=python.parent).stdout.split()
    assert not {"contract", "gateway", "tritonclient", "flask"} & set(loaded)
    assert "image_detection.frames" in loaded


def test_it_fails_where_every_photo_did(python, photos, gateway_url, tmp_path):
    command = [python, "-m", "image_detection", "photos", f"--url={gateway_url}", "--features=nope"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert "3 of 3 photos failed" in done.stderr
    assert all("nope" in row["error"] for row in csv.DictReader(done.stdout.splitlines()))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["missing"], "there is no folder missing"),
        (["."], "holds no photo"),
        (["notes.txt"], "notes.txt is a file"),
        ([".", "--url=localhost:8080"], "write http://localhost:8080"),
    ],
)
def test_what_cannot_be_done_is_one_line(python, gateway_url, tmp_path, arguments, words):
    (tmp_path / "notes.txt").write_text("none")
    command = [python, "-m", "image_detection", f"--url={gateway_url}", *arguments]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert words in line


def test_its_readme_is_true(python, photos, gateway_url, tmp_path):
    shutil.copy(photos / "below" / "sample.jpg", tmp_path / "photo.jpg")
    (code,) = list_blocks(ROOT / "client" / "README.md", "python")
    code = code.replace("http://127.0.0.1:8080", gateway_url) + "\nprint(result.width, len(photos), len(faces))\n"
    assert run(python, "-c", code, cwd=tmp_path).stdout.splitlines()[-1] == "512 3 1"
