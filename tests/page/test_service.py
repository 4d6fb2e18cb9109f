"""The page and the service behind it: away, busy, behind a proxy, with keys."""

import shutil

import httpx
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from gateway.operations.keys import create_key
from tests.page.browsing import SAMPLE, choose, list_requests, press, read, visit, wait, wait_for_status


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
