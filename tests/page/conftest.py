"""One Chromium for all tests of the pages."""

import pytest

from tests.canned import CannedTriton
from tests.page.browsing import OwnGateway, open_browser, visit


@pytest.fixture(scope="session")
def browser(tmp_path_factory):
    with open_browser(tmp_path_factory.mktemp("chromium")) as browser:
        yield browser


@pytest.fixture
def page(browser, gateway_url):
    return visit(browser, gateway_url)


@pytest.fixture
def start_gateway(triton_url):
    started = []

    def start(**settings):
        started.append(OwnGateway(**{"triton_url": triton_url, **settings}))
        return started[-1]

    yield start
    for gateway in started:
        gateway.stop()


@pytest.fixture
def canned(start_gateway):
    """A gateway that serves several models of every task."""
    return start_gateway(triton=CannedTriton())
