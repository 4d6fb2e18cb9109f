"""`make demo`, without the installation."""

import re
import signal
import subprocess
import sys
from pathlib import Path
from urllib.parse import unquote, urlsplit
from urllib.request import urlopen

from examples.demo import PHOTOS
from tests.conftest import ROOT
from tests.serving_process import FREE_PORTS


def test_demo_serves_scores_reports_and_says_where():
    command = [sys.executable, "-m", "examples.demo", *FREE_PORTS]
    demo = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    try:
        addresses = {}
        for line in demo.stdout:
            if match := re.fullmatch(r"  (Page|API|Report)\s+(\S+)\n", line):
                addresses[match[1]] = match[2]
            if "Report" in addresses:
                break
        assert "What is in this photo?" in urlopen(addresses["Page"]).read().decode()
        assert "swagger-ui" in urlopen(addresses["API"]).read().decode()
        report = Path(unquote(urlsplit(addresses["Report"]).path)).read_text()
        assert "4 photos" in report
    finally:
        demo.send_signal(signal.SIGINT)
        assert demo.wait(120) == 0


def test_demo_ends_with_the_reason_why_it_cannot_serve():
    command = [sys.executable, "-m", "examples.demo", "--grpc-port=none"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert "serving: " in done.stderr
    assert "Traceback" not in done.stderr


def test_every_sample_photo_has_its_source_and_licence():
    table = (ROOT / "examples" / "README.md").read_text()
    photos = [path.relative_to(PHOTOS).as_posix() for path in PHOTOS.rglob("*.jpg")]
    assert len(photos) == 4
    for photo in photos:
        assert re.search(rf"\| `{re.escape(photo)}` \| .+ \| .*(public domain|CC0) \|", table)
