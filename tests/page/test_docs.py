"""The viewer of the API, in a real Chromium."""

import pytest
from axe_core_python.selenium import Axe
from selenium.webdriver.common.by import By

from gateway.operations.keys import create_key
from tests.page.browsing import SAMPLE, find, wait

# Swagger UI's own markup: links within buttons, headings that skip a level, a label with its field's id, examples that
# only a mouse scrolls, an introduction outside of its main part.
OF_THE_VIEWER = {
    "nested-interactive",
    "heading-order",
    "duplicate-id-active",
    "scrollable-region-focusable",
    "region",
}


def open_docs(browser, url, *operations):
    """The viewer with these operations open, by their ids."""
    browser.get_log("browser")
    browser.get(f"{url}/docs")
    wait(browser, lambda: find(browser, ".opblock"))
    for operation in operations:
        browser.find_element(By.CSS_SELECTOR, f"[id$='-{operation}'] .opblock-summary-control").click()
        wait(browser, lambda name=operation: find(browser, f"[id$='-{name}'] .opblock-body"))
    return browser.find_element(By.ID, "viewer").text


def test_routes_are_shown_with_the_types_of_their_parameters(browser, gateway_url):
    text = open_docs(browser, gateway_url, "analyze")
    assert "/v1/annotate" in text
    assert "missing" not in text
    types = {row.text.splitlines()[0]: row.text for row in find(browser, "tr[data-param-name]")}
    assert types.keys() == {"features", "labels", "max_objects", "min_score"}
    assert "integer" in types["max_objects"]
    assert "number" in types["min_score"]
    assert browser.get_log("browser") == []


def test_everything_comes_from_the_service(browser, gateway_url):
    open_docs(browser, gateway_url)
    loaded = browser.execute_script("return performance.getEntriesByType('resource').map((entry) => entry.name)")
    assert [address for address in loaded if not address.startswith((gateway_url, "data:"))] == []
    assert any(address.endswith("/icon.svg") for address in loaded)


@pytest.mark.parametrize("prefix", ["", "/photos"])
def test_a_route_can_be_tried(browser, start_gateway, prefix):
    open_docs(browser, f"{start_gateway(prefix=prefix).url}{prefix}", "listModels")
    browser.find_element(By.CSS_SELECTOR, ".try-out__btn").click()
    wait(browser, lambda: find(browser, ".execute"))[0].click()
    wait(browser, lambda: "file_types" in "".join(each.text for each in find(browser, ".live-responses-table")))


def test_a_photo_can_be_tried(browser, gateway_url):
    open_docs(browser, gateway_url, "analyze")
    browser.find_element(By.CSS_SELECTOR, ".try-out__btn").click()
    wait(browser, lambda: find(browser, "input[type=file]"))[0].send_keys(str(SAMPLE))
    browser.find_element(By.CSS_SELECTOR, ".execute").click()
    wait(browser, lambda: "caption" in "".join(each.text for each in find(browser, ".live-responses-table .response")))


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_accessibility(browser, gateway_url, scheme):
    media = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", media)
    open_docs(browser, gateway_url, "analyze")
    violations = [each for each in Axe().run(browser)["violations"] if each["id"] not in OF_THE_VIEWER]
    assert [(each["id"], [node["html"] for node in each["nodes"]]) for each in violations] == []


@pytest.mark.parametrize("has_keys", [False, True])
def test_keys_are_spoken_of_where_there_are_some(browser, start_gateway, has_keys):
    gateway = start_gateway(api_keys=create_key("ana")[1] if has_keys else "")
    text = open_docs(browser, gateway.url)
    assert ("Authorize" in text) == has_keys
    assert "Authentication" not in text
    assert (len(find(browser, ".authorization__btn")) > 0) == has_keys


def test_a_way_back_to_the_page(browser, gateway_url):
    open_docs(browser, gateway_url)
    browser.find_element(By.LINK_TEXT, "What is in this photo?").click()
    wait(browser, lambda: find(browser, "#drop"))
