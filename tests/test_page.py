"""The page in a real Chromium, in front of the real server."""

import base64
import shutil
from pathlib import Path

import pytest
from selenium import webdriver
from selenium.webdriver import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import WebDriverWait

from tests.conftest import ROOT

SAMPLE = ROOT / "examples" / "sample.jpg"
PAGE = ROOT / "gateway" / "page"
FLAGS = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"]
QUIET = ["--disable-background-networking", "--disable-component-update", "--disable-sync"]
# Gives the page a file as a drop or a paste does.
HAND_OVER = """
const [kind, name, base64] = arguments;
const bytes = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
const transfer = new DataTransfer();
transfer.items.add(new File([bytes], name, {type: "image/jpeg"}));
const event = kind === "drop" ? new DragEvent("drop", {dataTransfer: transfer, bubbles: true, cancelable: true})
  : new ClipboardEvent("paste", {clipboardData: transfer, bubbles: true});
document.body.dispatchEvent(event);
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
    browser.get(gateway_url)
    wait(browser, lambda: browser.find_element(By.ID, "models").text.startswith("Models:"))
    return browser


def wait(browser, condition):
    return WebDriverWait(browser, 30).until(lambda _: condition())


def find(browser, selector):
    return browser.find_elements(By.CSS_SELECTOR, selector)


def choose(browser, *paths):
    browser.find_element(By.ID, "files").send_keys("\n".join(str(path) for path in paths))


def wait_for_status(browser, text):
    wait(browser, lambda: browser.find_element(By.ID, "status").text == text)


def set_slider(browser, value):
    browser.execute_script(
        "const slider = document.getElementById('threshold'); slider.value = arguments[0];"
        "slider.dispatchEvent(new Event('input', {bubbles: true}))",
        value,
    )


def count_requests(browser):
    return browser.execute_script(
        "return performance.getEntriesByType('resource').filter((entry) => entry.name.includes('/v1/')).length"
    )


@pytest.fixture(scope="module")
def sample_base64():
    return base64.b64encode(SAMPLE.read_bytes()).decode()


@pytest.mark.parametrize("kind", ["drop", "paste"])
def test_drop_and_paste(page, sample_base64, kind):
    page.execute_script(HAND_OVER, kind, "mine.jpg", sample_base64)
    wait_for_status(page, "1 of 1 photos analysed")
    (card,) = find(page, "article")
    assert card.find_element(By.TAG_NAME, "h2").text == "mine.jpg"
    assert len(card.find_element(By.TAG_NAME, "figcaption").text.split()) > 2
    bars = card.find_elements(By.TAG_NAME, "meter")
    assert {bar.get_attribute("aria-label") for bar in bars} >= {"smiling: smiling", "sunglasses: sunglasses"}
    assert " ms (upload" in card.find_element(By.CSS_SELECTOR, ".timings").text


def test_slider_filters_without_a_request(page):
    choose(page, SAMPLE)
    wait_for_status(page, "1 of 1 photos analysed")
    requests = count_requests(page)
    set_slider(page, 0.05)
    many = len(find(page, "rect.box"))
    set_slider(page, 0.95)
    assert len(find(page, "rect.box")) == 0 < many
    assert page.find_element(By.CSS_SELECTOR, ".objects li").text == "none at this score"
    assert "min_score=0.95" in page.find_element(By.CSS_SELECTOR, ".curl pre").get_attribute("textContent")
    assert count_requests(page) == requests


def test_several_photos_and_a_broken_one(page, tmp_path):
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"no picture")
    choose(page, SAMPLE, broken)
    wait_for_status(page, "1 of 2 photos analysed")
    wait(page, lambda: any("accepted formats" in text.text for text in find(page, ".problem p")))
    (problem,) = [card for card in find(page, "article") if "broken.jpg" in card.text]
    assert problem.find_element(By.CSS_SELECTOR, "[role=alert]").is_displayed()
    assert not problem.find_element(By.CSS_SELECTOR, ".again").is_displayed()


def test_server_away_and_back(page):
    page.execute_cdp_cmd("Network.enable", {})
    offline = {"latency": 0, "downloadThroughput": -1, "uploadThroughput": -1}
    page.execute_cdp_cmd("Network.emulateNetworkConditions", {"offline": True, **offline})
    choose(page, SAMPLE)
    wait(page, lambda: find(page, ".problem p")[0].text == "The service does not answer.")
    page.execute_cdp_cmd("Network.emulateNetworkConditions", {"offline": False, **offline})
    page.find_element(By.CSS_SELECTOR, ".again").click()
    wait_for_status(page, "1 of 1 photos analysed")


def test_keyboard_reaches_everything(page):
    choose(page, SAMPLE)
    wait_for_status(page, "1 of 1 photos analysed")
    page.execute_script("document.activeElement.blur()")
    reached = []
    for _ in range(9):
        ActionChains(page).send_keys(Keys.TAB).perform()
        element = page.switch_to.active_element
        reached.append(element.get_attribute("id") or element.text)
    assert reached[:6] == ["API", "files", "camera", "threshold", "clear", "The same with curl"]


def test_every_control_has_a_name(page):
    choose(page, SAMPLE)
    wait_for_status(page, "1 of 1 photos analysed")
    for element in find(page, "input, button, meter, img"):
        if element.is_displayed():
            assert element.accessible_name, element.get_attribute("outerHTML")


def test_nothing_is_refused_or_broken(page):
    choose(page, SAMPLE)
    wait_for_status(page, "1 of 1 photos analysed")
    assert [entry for entry in page.get_log("browser") if "/page/" in entry["message"]] == []


def test_docs_show_the_routes(browser, gateway_url):
    browser.get(f"{gateway_url}/docs")
    script = "return document.querySelector('rapi-doc').shadowRoot?.textContent ?? ''"
    wait(browser, lambda: "/v1/analyze" in browser.execute_script(script))


def test_page_is_small_and_brings_everything(gateway_url):
    files = [path for path in PAGE.iterdir() if path.is_file()]
    assert sum(path.stat().st_size for path in files) < 100_000
    for path in files:
        text = path.read_text().replace("http://www.w3.org/", "")
        assert "http://" not in text
        assert "https://" not in text
        assert "style=" not in text
    assert Path(PAGE / "index.html").is_file()
