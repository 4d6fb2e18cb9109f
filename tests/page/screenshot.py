"""python -m tests.page.screenshot: README's picture of the page, from the service at http://127.0.0.1:8080.

GATEWAY_URL may name another one.
"""

import io
import os
import tempfile
from pathlib import Path

from PIL import Image

from tests.conftest import ROOT
from tests.page.browsing import SAMPLE, choose, open_browser, visit, wait_for_status
from tests.readme import ADDRESS

SCREENSHOT = ROOT / "gateway" / "screenshot.jpg"


def main() -> None:
    with tempfile.TemporaryDirectory() as profile, open_browser(Path(profile), "--hide-scrollbars") as browser:
        browser.set_window_size(1200, 1010)
        page = visit(browser, os.environ.get("GATEWAY_URL", ADDRESS))
        choose(page, SAMPLE)
        wait_for_status(page, "1 of 1 photo analysed")
        picture = Image.open(io.BytesIO(page.get_screenshot_as_png()))
    picture.convert("RGB").save(SCREENSHOT, quality=88)


if __name__ == "__main__":
    main()
