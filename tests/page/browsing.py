"""Working the page in Chromium, and gateways of a test's own."""

import io
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from selenium import webdriver
from selenium.webdriver import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait
from werkzeug.exceptions import NotFound
from werkzeug.middleware.dispatcher import DispatcherMiddleware
from werkzeug.serving import make_server

from gateway.app import create_app
from gateway.settings import Settings
from tests.conftest import ROOT

SAMPLE = ROOT / "examples" / "sample.jpg"
FLAGS = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"]
QUIET = ["--disable-background-networking", "--disable-component-update", "--disable-sync"]


@contextmanager
def open_browser(profile: Path, *flags: str) -> Iterator[webdriver.Chrome]:
    """Chromium with a profile of its own; skips the test where it is not installed."""
    chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if not chromium or not driver:
        pytest.skip("Chromium is not installed (Debian: apt-get install chromium chromium-driver)")
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for flag in [*FLAGS, *QUIET, f"--user-data-dir={profile}", "--window-size=1200,900", *flags]:
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    browser = webdriver.Chrome(options, webdriver.ChromeService(driver))
    try:
        yield browser
    finally:
        browser.quit()


def read_body_first(app):
    """werkzeug's server resets the connection of a body that was not read, so that browsers miss the answer;
    gunicorn reads it off."""

    def call(environ, start_response):
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        return app({**environ, "wsgi.input": io.BytesIO(body)}, start_response)

    return call


class OwnGateway:
    """A gateway of a test's own, in this process, that can go away and come back at the same address."""

    def __init__(self, prefix="", triton=None, **settings):
        self.app, self._server = create_app(Settings(**settings), triton), None
        self._mounted = DispatcherMiddleware(NotFound(), {prefix: read_body_first(self.app)})
        self.start()
        self.port = self._server.server_port
        self.url = f"http://127.0.0.1:{self.port}"

    def start(self):
        port = self.port if self._server else 0
        self._server = make_server("127.0.0.1", port, self._mounted, threaded=True)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def stop(self):
        self._server.shutdown()
        self._server.server_close()


def visit(browser, url, models="Models:"):
    browser.get(url)
    wait(browser, lambda: browser.find_element(By.ID, "models").text.startswith(models))
    return browser


def wait(browser, condition):
    return WebDriverWait(browser, 30).until(lambda _: condition())


def find(browser, selector):
    return browser.find_elements(By.CSS_SELECTOR, selector)


def read(browser, selector):
    """The text of the first match, shown or not."""
    return browser.find_element(By.CSS_SELECTOR, selector).get_attribute("textContent")


def choose(browser, *paths):
    browser.find_element(By.ID, "files").send_keys("\n".join(str(path) for path in paths))


def drop(browser, path):
    data = {"items": [], "files": [str(path)], "dragOperationsMask": 1}
    for kind in ("dragEnter", "dragOver", "drop"):
        browser.execute_cdp_cmd("Input.dispatchDragEvent", {"type": kind, "x": 300, "y": 200, "data": data})


def wait_for_status(browser, text):
    wait(browser, lambda: browser.find_element(By.ID, "status").text == text)


def set_slider(browser, value):
    browser.execute_script(
        "const slider = document.getElementById('threshold'); slider.value = arguments[0];"
        "slider.dispatchEvent(new Event('input', {bubbles: true}))",
        value,
    )


def list_requests(browser):
    """The status of every call of the API, in their order."""
    return browser.execute_script(
        "return performance.getEntriesByType('resource').filter((entry) => entry.name.includes('/v1/'))"
        ".map((entry) => entry.responseStatus)"
    )


def press(browser, *keys):
    ActionChains(browser).send_keys(*keys).perform()
