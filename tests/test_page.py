"""The page in a real Chromium, in front of the real server."""

import io
import json
import os
import re
import shutil
import subprocess
import threading
from urllib.parse import urlsplit

import httpx
import pytest
from axe_core_python.selenium import Axe
from PIL import Image
from selenium import webdriver
from selenium.webdriver import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import WebDriverWait
from werkzeug.exceptions import NotFound
from werkzeug.middleware.dispatcher import DispatcherMiddleware
from werkzeug.serving import make_server

from gateway.app import create_app
from gateway.operations.keys import create_key
from gateway.settings import Settings
from tests.canned import CannedTriton
from tests.conftest import ROOT
from tests.pictures import encode, gradient

SAMPLE = ROOT / "examples" / "sample.jpg"
PAGE = ROOT / "gateway" / "page"
FLAGS = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"]
QUIET = ["--disable-background-networking", "--disable-component-update", "--disable-sync"]
COPY_PICTURE = """
const done = arguments[arguments.length - 1];
const canvas = Object.assign(document.createElement("canvas"), {width: 40, height: 30});
canvas.getContext("2d").fillRect(5, 5, 20, 20);
const write = (png) => navigator.clipboard.write([new ClipboardItem({"image/png": png})]);
canvas.toBlob((png) => write(png).then(() => done("copied"), done));
"""


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if not chromium or not driver:
        pytest.skip("Chromium is not installed (Debian: apt-get install chromium chromium-driver)")
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for flag in [*FLAGS, *QUIET, f"--user-data-dir={tmp_path_factory.mktemp('chromium')}", "--window-size=1200,900"]:
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    browser = webdriver.Chrome(options, webdriver.ChromeService(driver))
    yield browser
    browser.quit()


@pytest.fixture
def page(browser, gateway_url):
    return visit(browser, gateway_url)


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


@pytest.fixture
def start_gateway(triton_url):
    started = []

    def start(**settings):
        started.append(OwnGateway(**{"triton_url": triton_url, **settings}))
        return started[-1]

    yield start
    for gateway in started:
        gateway.stop()


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


def test_dropped_photo(page, tmp_path):
    # The bytes behind the picture make it new to the gateway's cache, so that Triton's part of the time is told.
    (tmp_path / SAMPLE.name).write_bytes(SAMPLE.read_bytes() + os.urandom(8))
    drop(page, tmp_path / SAMPLE.name)
    wait_for_status(page, "1 of 1 photo analysed")
    (card,) = find(page, "article")
    assert card.find_element(By.TAG_NAME, "h2").text == "sample.jpg"
    assert len(card.find_element(By.TAG_NAME, "figcaption").text.split()) > 2
    meters = card.find_elements(By.CSS_SELECTOR, ".attributes [role=meter]")
    bars = {bar.get_attribute("aria-label"): bar for bar in meters}
    assert set(bars) >= {"smiling: smiling", "sunglasses: sunglasses"}
    assert 0 < float(bars["smiling: smiling"].get_attribute("aria-valuenow")) < 1
    timings = card.find_element(By.CSS_SELECTOR, ".timings").text
    assert re.search(r"ms in all · upload \d+ ms · queue \d+ ms · inference \d+ ms · request \w{32}", timings)


def test_dropped_folder(page, tmp_path):
    (tmp_path / "below").mkdir()
    shutil.copy(SAMPLE, tmp_path / "below" / "b.jpg")
    (tmp_path / "a.png").write_bytes(encode(gradient()))
    (tmp_path / "notes.txt").write_text("no picture")
    drop(page, tmp_path)
    wait_for_status(page, "2 of 2 photos analysed")
    assert [heading.text for heading in find(page, "h2")] == ["a.png", "b.jpg"]


def test_pasted_picture(page, gateway_url):
    permissions = {"origin": gateway_url, "permissions": ["clipboardReadWrite", "clipboardSanitizedWrite"]}
    page.execute_cdp_cmd("Browser.grantPermissions", permissions)
    assert page.execute_async_script(COPY_PICTURE) == "copied"
    ActionChains(page).key_down(Keys.CONTROL).send_keys("v").key_up(Keys.CONTROL).perform()
    wait_for_status(page, "1 of 1 photo analysed")
    assert page.execute_script("return document.querySelector('article img').naturalWidth") == 40


def test_slider_filters_without_a_request(page):
    choose(page, SAMPLE)
    wait_for_status(page, "1 of 1 photo analysed")
    requests = list_requests(page)
    set_slider(page, 0.05)
    many = len(find(page, "rect.box"))
    assert len(find(page, ".objects li")) == many > 0
    set_slider(page, 0.95)
    assert find(page, "rect.box") == []
    assert page.find_element(By.CSS_SELECTOR, ".objects li").text == "none at this score"
    assert list_requests(page) == requests


def test_boxes_lie_where_the_answer_says(page):
    choose(page, SAMPLE)
    wait_for_status(page, "1 of 1 photo analysed")
    set_slider(page, 0.05)
    image = json.loads(read(page, ".json pre"))["images"][0]
    picture, drawn = page.find_element(By.CSS_SELECTOR, "article img").rect, find(page, "rect.box")
    scale = picture["width"] / image["width"]
    for box in (image["faces"][0]["box"], image["objects"][0]["box"]):
        left, width = picture["x"] + box["x"] * scale, box["width"] * scale
        assert any(abs(each.rect["x"] - left) < 3 and abs(each.rect["width"] - width) < 5 for each in drawn)


def test_curl_line_gives_the_json_that_is_shown(page):
    choose(page, SAMPLE)
    wait_for_status(page, "1 of 1 photo analysed")
    set_slider(page, 0.1)
    answer = subprocess.check_output(["bash", "-c", f"{read(page, '.curl pre')} -s"], cwd=SAMPLE.parent)
    assert json.loads(answer) == json.loads(read(page, ".json pre"))


def test_names_are_quoted_for_the_shell(page, tmp_path):
    name = """it's a "photo"; $(x).jpg"""
    shutil.copy(SAMPLE, tmp_path / name)
    drop(page, tmp_path / name)
    wait_for_status(page, "1 of 1 photo analysed")
    answer = subprocess.check_output(["bash", "-c", f"{read(page, '.curl pre')} -s"], cwd=tmp_path)
    assert json.loads(answer)["images"][0]["width"] == 512


def test_several_photos_and_a_broken_one(page, tmp_path):
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"no picture")
    choose(page, SAMPLE, broken)
    wait_for_status(page, "1 of 2 photos analysed, 1 failed")
    (card,) = find(page, "article.failed")
    assert card.find_element(By.TAG_NAME, "h2").text == "broken.jpg"
    assert "accepted formats" in card.find_element(By.CSS_SELECTOR, "[role=alert]").text
    assert not card.find_element(By.CSS_SELECTOR, ".again").is_displayed()


def test_a_format_that_the_browser_cannot_show(page, tmp_path):
    photo = tmp_path / "a.ppm"
    photo.write_bytes(encode(gradient(), "PPM"))
    choose(page, photo)
    wait_for_status(page, "1 of 1 photo analysed")
    width = "return document.querySelector('article img').naturalWidth"
    wait(page, lambda: page.execute_script(width) == 96)


@pytest.mark.parametrize("container", ["WEBP", "TIFF", "JPEG"])
def test_a_photo_is_upright_under_its_boxes(page, tmp_path, container):
    """Browsers leave out the orientation of some formats."""
    exif = Image.Exif()
    exif[0x0112] = 6
    photo = tmp_path / "turned"
    photo.write_bytes(encode(gradient(96, 64), container, exif=exif))
    choose(page, photo.rename(tmp_path / f"turned.{container.lower()}"))
    wait_for_status(page, "1 of 1 photo analysed")
    size = "const image = document.querySelector('article img'); return [image.naturalWidth, image.naturalHeight]"
    wait(page, lambda: page.execute_script(size) == [64, 96])
    assert page.find_element(By.CSS_SELECTOR, ".picture svg").get_dom_attribute("viewBox") == "0 0 64 96"


@pytest.fixture
def canned(start_gateway):
    """A gateway that serves several models of every task."""
    return start_gateway(triton=CannedTriton())


def test_every_model_is_on_the_card(browser, canned):
    page = visit(browser, canned.url)
    choose(page, SAMPLE)
    wait_for_status(page, "1 of 1 photo analysed")
    assert [each.text for each in find(page, "figcaption p")] == ["a cup", "eine schöne Tasse"]
    assert [each.text for each in find(page, ".objects h3")] == ["faces", "objects"]
    assert [each.text for each in find(page, ".attribute h3")] == ["glad", "smiling", "vector"]
    rows = [each.text.splitlines()[0] for each in find(page, ".objects li")]
    assert rows == ["face, no 90 %", "face, yes 80 %", "dog", "cup"]  # each model has its own lowest score
    assert len(find(page, "rect.box")) == 4
    set_slider(page, 0.55)
    assert [len(each.find_elements(By.CSS_SELECTOR, ".bar")) for each in find(page, ".objects ul")] == [2, 0]


def test_a_task_that_the_page_does_not_know_is_named(browser, canned):
    page = visit(browser, canned.url)
    page.execute_async_script(
        "const done = arguments[0]; import('/page/tasks.js').then(({TASKS}) => { delete TASKS.embedding; done(); })"
    )
    choose(page, SAMPLE)
    wait_for_status(page, "1 of 1 photo analysed")
    assert "does not know how to show the task “embedding”" in find(page, ".attributes")[0].text


def test_server_away_and_back(browser, start_gateway):
    gateway = start_gateway()
    page = visit(browser, gateway.url)
    gateway.stop()
    choose(page, SAMPLE)
    wait_for_status(page, "0 of 1 photo analysed, 1 failed")
    assert page.find_element(By.CSS_SELECTOR, ".problem p").text == "The service does not answer."
    gateway.start()
    page.find_element(By.CSS_SELECTOR, ".again").click()
    wait_for_status(page, "1 of 1 photo analysed")


def test_triton_away(browser, start_gateway):
    away = "the inference server is busy or away; try again soon"
    page = visit(browser, start_gateway(triton_url="127.0.0.1:9").url, away)
    choose(page, SAMPLE)
    wait(page, lambda: page.find_element(By.CSS_SELECTOR, ".waiting").text == f"{away} …")
    wait_for_status(page, "0 of 1 photo analysed, 1 failed")
    assert page.find_element(By.CSS_SELECTOR, ".problem p").text == away
    assert page.find_element(By.CSS_SELECTOR, ".again").is_displayed()


def test_a_busy_service_is_asked_again(browser, start_gateway, tmp_path):
    page = visit(browser, start_gateway(rate_limit="2 per 3 seconds").url)
    photos = [shutil.copy(SAMPLE, tmp_path / f"{number}.jpg") for number in range(2)]
    choose(page, *photos)
    wait_for_status(page, "2 of 2 photos analysed")
    assert 429 in list_requests(page)


def test_a_path_prefix_of_a_proxy(browser, start_gateway):
    gateway = start_gateway(prefix="/photos")
    page = visit(browser, f"{gateway.url}/photos/")
    choose(page, SAMPLE)
    wait_for_status(page, "1 of 1 photo analysed")
    assert f"{gateway.url}/photos/v1/analyze?" in read(page, ".curl pre")
    assert httpx.get(f"{gateway.url}/photos/openapi.json").json()["servers"] == [{"url": "/photos"}]
    browser.get(f"{gateway.url}/photos/docs")
    script = "return document.querySelector('rapi-doc').shadowRoot?.textContent ?? ''"
    wait(browser, lambda: "/v1/analyze" in browser.execute_script(script))


def test_key_is_asked_for(browser, start_gateway):
    key, entry = create_key("ana")
    page = visit(browser, start_gateway(api_keys=entry).url, "a key is needed")
    assert page.switch_to.active_element.get_attribute("id") == "key"
    press(page, "guess", Keys.ENTER)
    wait(page, lambda: page.find_element(By.ID, "models").text == "this key is not known")
    page.find_element(By.ID, "key").clear()
    page.find_element(By.ID, "key").send_keys(key, Keys.ENTER)
    wait(page, lambda: page.find_element(By.ID, "models").text.startswith("Models:"))
    choose(page, SAMPLE)
    wait_for_status(page, "1 of 1 photo analysed")
    assert '-H "Authorization: Bearer $API_KEY"' in read(page, ".curl pre")
    assert key not in page.page_source


def test_keyboard_reaches_and_works_everything(page):
    choose(page, SAMPLE)
    wait_for_status(page, "1 of 1 photo analysed")
    page.execute_script("document.activeElement.blur()")
    reached = []
    while "JSON" not in reached and len(reached) < 12:
        press(page, Keys.TAB)
        reached.append(page.switch_to.active_element.get_attribute("id") or page.switch_to.active_element.text)
        if reached[-1] == "threshold":
            press(page, Keys.ARROW_RIGHT)
    assert reached == ["API", "files", "camera", "threshold", "clear", "The same with curl", "JSON"]
    assert page.find_element(By.ID, "threshold-value").text == "26 %"
    press(page, Keys.ENTER)
    assert '"images"' in page.find_element(By.CSS_SELECTOR, ".json pre").text
    page.find_element(By.ID, "clear").send_keys(Keys.ENTER)
    assert find(page, "article") == []
    assert page.switch_to.active_element.get_attribute("id") == "files"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_accessibility(browser, gateway_url, tmp_path, scheme):
    media = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", media)
    page = visit(browser, gateway_url)
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"no picture")
    choose(page, SAMPLE, broken)
    wait_for_status(page, "1 of 2 photos analysed, 1 failed")
    for summary in find(page, "summary"):
        if summary.is_displayed():
            summary.click()
    violations = Axe().run(page)["violations"]
    assert [(each["id"], [node["html"] for node in each["nodes"]]) for each in violations] == []


def test_nothing_sticks_out_on_a_narrow_phone(page):
    phone = {"width": 320, "height": 700, "deviceScaleFactor": 2, "mobile": True}
    page.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", phone)
    choose(page, SAMPLE)
    wait_for_status(page, "1 of 1 photo analysed")
    width = page.execute_script("return document.documentElement.scrollWidth")
    page.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    assert width == 320


def test_nothing_is_refused_or_broken(page):
    choose(page, SAMPLE)
    wait_for_status(page, "1 of 1 photo analysed")
    page.get_log("browser")
    page.refresh()
    choose(page, SAMPLE)
    wait_for_status(page, "1 of 1 photo analysed")
    assert page.get_log("browser") == []


def test_docs_show_the_routes(browser, gateway_url):
    browser.get(f"{gateway_url}/docs")
    script = "return document.querySelector('rapi-doc').shadowRoot?.textContent ?? ''"
    wait(browser, lambda: "/v1/analyze" in browser.execute_script(script))
    font = "return getComputedStyle(document.querySelector('rapi-doc')).getPropertyValue('--font-regular')"
    assert browser.execute_script(font).startswith("system-ui")  # its styles are in force
    loaded = browser.execute_script("return performance.getEntriesByType('resource').map((entry) => entry.name)")
    assert {urlsplit(address).netloc for address in loaded} == {urlsplit(gateway_url).netloc}


@pytest.mark.parametrize("path", ["/", "/page/main.js", "/page/style.css", "/page/icon.svg"])
def test_files_are_cached_and_checked(gateway_url, path):
    first = httpx.get(gateway_url + path)
    assert first.status_code == 200
    assert "no-cache" in first.headers["Cache-Control"]
    assert "default-src 'self'" in first.headers["Content-Security-Policy"]
    assert httpx.get(gateway_url + path, headers={"If-None-Match": first.headers["ETag"]}).status_code == 304


def test_page_is_small_and_brings_everything():
    files = [path for path in PAGE.iterdir() if path.is_file()]
    assert "index.html" in {path.name for path in files}
    assert sum(path.stat().st_size for path in files) < 100_000
    for path in files:
        text = path.read_text().replace("http://www.w3.org/", "")
        assert "http://" not in text
        assert "https://" not in text
        assert "style=" not in text
