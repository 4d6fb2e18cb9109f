"""The report in Chromium: nothing is loaded, nothing is refused, it fits a narrow window, and it has light and dark."""

import pytest
from selenium.webdriver.common.by import By

from report.__main__ import main
from tests.page.browsing import open_browser
from tests.scored_runs import make_columns, write_run


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    folder = tmp_path_factory.mktemp("page")
    with open_browser(folder / "profile") as browser:
        run = write_run(folder / "run", make_columns(400, 30, effect=8))
        assert main([str(run), "--by", "user", "--outcome", "likes", "--compare", str(run), "--thumbnails"]) == 0
        browser.get(f"file://{run}/_report/report.html")
        yield browser


def test_nothing_is_loaded_and_nothing_refused(browser):
    assert browser.get_log("browser") == []
    assert browser.execute_script("return performance.getEntriesByType('resource').length") == 0


def test_plots_have_size_and_words(browser):
    plots = browser.find_elements(By.CSS_SELECTOR, ".plots img")
    assert len(plots) >= 5
    for plot in plots:
        assert plot.size["width"] > 200
        assert plot.size["height"] > 40
        assert plot.accessible_name


@pytest.mark.parametrize("width", [1200, 520])
def test_the_page_fits_the_window(browser, width):
    browser.set_window_size(width, 900)
    overflow = "const page = document.documentElement; return page.scrollWidth - page.clientWidth"
    assert browser.execute_script(overflow) <= 0


def test_light_and_dark(browser):
    looks = []
    for scheme in ("light", "dark"):
        media = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", media)
        style = "const of = (name) => getComputedStyle(document.querySelector(name));"
        script = f"{style} return [of('body').backgroundColor, of('body').color, of('figure img').filter]"
        looks += browser.execute_script(script)
    assert len(set(looks)) == 6
