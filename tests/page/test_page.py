"""Photos into the page, in a real Chromium in front of the real server; and the page's files."""

import json
import os
import re
import shutil
import subprocess

import httpx
import pytest
from selenium.webdriver import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from tests.conftest import ROOT
from tests.page.browsing import SAMPLE, choose, drop, find, list_requests, read, wait_for_status
from tests.pictures import encode, gradient

PAGE = ROOT / "gateway" / "page"
COPY_PICTURE = """
const done = arguments[arguments.length - 1];
const canvas = Object.assign(document.createElement("canvas"), {width: 40, height: 30});
canvas.getContext("2d").fillRect(5, 5, 20, 20);
const write = (png) => navigator.clipboard.write([new ClipboardItem({"image/png": png})]);
canvas.toBlob((png) => write(png).then(() => done("copied"), done));
"""


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
    assert [heading.text for heading in find(page, "article h2")] == ["a.png", "b.jpg"]
    assert page.find_element(By.ID, "left-out").text == "Not sent, as no photo is called so: notes.txt"
    page.find_element(By.ID, "clear").click()
    assert page.find_element(By.ID, "left-out").text == ""


def test_what_is_no_photo_is_named_and_not_sent(page, tmp_path):
    files = [tmp_path / f"{number}.mp4" for number in range(7)]
    for file in files:
        file.write_bytes(b"video")
    requests = list_requests(page)
    choose(page, *files)
    left_out = page.find_element(By.ID, "left-out").text
    assert left_out.endswith("0.mp4, 1.mp4, 2.mp4, 3.mp4, 4.mp4 and 2 more")
    assert find(page, "article") == []
    assert list_requests(page) == requests


def test_models_are_described(page):
    described = {name.text: line for name, line in zip(find(page, "dt"), find(page, "dd"), strict=True)}
    assert described.keys() >= {"caption", "faces", "objects", "smiling"}
    assert re.search(r"^Whether a face smiles.*", described["smiling"].text)
    assert "MIT" not in described["smiling"].text
    described["smiling"].find_element(By.TAG_NAME, "summary").click()
    assert re.search(r"AUC .* · MIT", described["smiling"].text)


def test_a_link_is_one_only_where_it_is_a_web_address(page):
    shown = page.execute_async_script("""
        const done = arguments[0];
        import("/page/tasks.js").then(({ describeModel }) => done(
            ["https://example.org/card", "javascript:alert(1)", "zoo/README.md", ""].map((link) => {
                const line = describeModel({ name: "hat", task: "classification", scores: "AUC 0.9", link })[1];
                return [line.textContent, line.querySelector("a")?.href ?? null];
            })));
    """)
    assert shown == [
        ["classificationAUC 0.9 · more about hat", "https://example.org/card"],
        ["classificationAUC 0.9", None],
        ["classificationAUC 0.9", None],
        ["classificationAUC 0.9", None],
    ]


def test_pasted_picture(page, gateway_url):
    permissions = {"origin": gateway_url, "permissions": ["clipboardReadWrite", "clipboardSanitizedWrite"]}
    page.execute_cdp_cmd("Browser.grantPermissions", permissions)
    assert page.execute_async_script(COPY_PICTURE) == "copied"
    ActionChains(page).key_down(Keys.CONTROL).send_keys("v").key_up(Keys.CONTROL).perform()
    wait_for_status(page, "1 of 1 photo analysed")
    assert page.execute_script("return document.querySelector('article img').naturalWidth") == 40


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


def test_nothing_is_refused_or_broken(page):
    choose(page, SAMPLE)
    wait_for_status(page, "1 of 1 photo analysed")
    page.get_log("browser")
    page.refresh()
    choose(page, SAMPLE)
    wait_for_status(page, "1 of 1 photo analysed")
    assert page.get_log("browser") == []


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
        assert "://" not in text
        assert "style=" not in text
