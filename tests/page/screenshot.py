"""python -m tests.page.screenshot: README's pictures of the page, from the service at http://127.0.0.1:8080, and of the
report that examples/impact.ipynb holds.

GATEWAY_URL may name another service.
"""

import html
import io
import json
import os
import re
import tempfile
from pathlib import Path

from PIL import Image
from selenium.webdriver.remote.webdriver import WebDriver

from tests.conftest import ROOT
from tests.page.browsing import SAMPLE, choose, open_browser, visit, wait_for_status
from tests.readme import ADDRESS

PAGE, REPORT = ROOT / "gateway" / "screenshot.jpg", ROOT / "report" / "screenshot.jpg"
REPORTED = re.compile(r'srcdoc="([^"]*)"')


def main() -> None:
    with tempfile.TemporaryDirectory() as profile, open_browser(Path(profile), "--hide-scrollbars") as browser:
        show_report(browser, Path(profile))
        browser.set_window_size(1000, 760)
        save(browser, REPORT)
        browser.set_window_size(1200, 1010)
        page = visit(browser, os.environ.get("GATEWAY_URL", ADDRESS))
        choose(page, SAMPLE)
        wait_for_status(page, "1 of 1 photo analysed")
        save(browser, PAGE)


def show_report(browser: WebDriver, folder: Path) -> None:
    """The report of the notebook, as it was run last."""
    cells = json.loads((ROOT / "examples" / "impact.ipynb").read_text())["cells"]
    outputs = [output for cell in cells for output in cell.get("outputs", [])]
    shown = ["".join(output.get("data", {}).get("text/html", "")) for output in outputs]
    (page,) = [match[1] for match in map(REPORTED.search, shown) if match]
    (folder / "report.html").write_text(html.unescape(page), encoding="utf-8")
    browser.get((folder / "report.html").as_uri())


def save(browser: WebDriver, path: Path) -> None:
    picture = Image.open(io.BytesIO(browser.get_screenshot_as_png()))
    picture.convert("RGB").save(path, quality=88)


if __name__ == "__main__":
    main()
