"""What a photo's card shows, in a real Chromium in front of the real server."""

import json
import subprocess

import pytest
from PIL import Image
from selenium.webdriver import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from tests.page.browsing import SAMPLE, choose, find, list_requests, read, set_slider, visit, wait, wait_for_status
from tests.pictures import encode, gradient


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


def test_every_model_is_on_the_card(browser, canned):
    page = visit(browser, canned.url)
    choose(page, SAMPLE)
    wait_for_status(page, "1 of 1 photo analysed")
    assert [each.text for each in find(page, "figcaption p")] == ["a cup", "eine schöne Tasse"]
    assert [each.text for each in find(page, ".objects h3")] == ["faces", "objects"]
    assert [each.text for each in find(page, ".attribute h3")] == ["glad, largest of faces", "smiling", "vector"]
    rows = [each.text.splitlines() for each in find(page, ".objects li")]
    assert [row[0] for row in rows] == ["face", "face", "dog", "cup"]  # each model has its own lowest score
    assert [row[-1] for row in rows[:2]] == ["no 90 %", "yes 80 %"]
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


def list_seen(page):
    """Numbers of the boxes that are not dimmed, and of the rows that are marked."""
    boxes, rows = find(page, ".picture g:not(.dim)"), find(page, ".objects li.pointed")
    return [sorted(int(each.get_attribute("data-number")) for each in some) for some in (boxes, rows)]


def test_a_face_is_shown_in_the_photo_and_in_the_list(browser, canned):
    page = visit(browser, canned.url)
    choose(page, SAMPLE)
    wait_for_status(page, "1 of 1 photo analysed")
    assert list_seen(page) == [[0, 1, 2, 3], []]
    rows = find(page, ".objects li")
    ActionChains(page).move_to_element(rows[0]).perform()
    assert list_seen(page) == [[0], [0]]
    # The first face and the cup are one box, and smaller boxes lie on top.
    ActionChains(page).move_to_element(find(page, ".picture g[data-number='0'] .box")[0]).perform()
    (boxes, marked) = list_seen(page)
    assert boxes == marked
    assert boxes[0] in (0, 3)
    ActionChains(page).move_to_element(find(page, "h1")[0]).perform()
    assert list_seen(page) == [[0, 1, 2, 3], []]
    rows[0].send_keys(Keys.ARROW_DOWN)
    assert list_seen(page) == [[1], [1]]
    page.switch_to.active_element.send_keys(Keys.ARROW_UP)
    assert list_seen(page) == [[0], [0]]


def test_a_photo_without_any_finding_says_so(page, tmp_path):
    (tmp_path / "plain.png").write_bytes(encode(Image.new("RGB", (96, 64), (90, 140, 190))))
    choose(page, SAMPLE, tmp_path / "plain.png")
    wait_for_status(page, "2 of 2 photos analysed")
    sample, plain = (each.text for each in find(page, ".facts"))
    assert "Nothing found" not in sample
    assert "Nothing found: no faces, no objects at this score." in plain
    assert "none" not in plain
