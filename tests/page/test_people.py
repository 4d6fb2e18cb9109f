"""The page for everybody: keyboard, screen reader, narrow phones."""

import pytest
from axe_core_python.selenium import Axe
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from tests.page.browsing import SAMPLE, choose, find, press, visit, wait_for_status


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
    lists = [each for each in reached if each.startswith(("face", "person"))]
    assert len(lists) == 2  # one stop in each, the arrows do the rest
    others = [each for each in reached if each not in lists]
    assert others == ["API", "files", "camera", "threshold", "clear", "The same with curl", "JSON"]
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
