"""README's lines for front ends, in a page of another origin."""

import http.server
import threading
from functools import partial

import pytest

from tests.page.browsing import SAMPLE, find, wait
from tests.readme import ADDRESS, README, list_blocks


@pytest.fixture
def page_elsewhere(tmp_path):
    """Address of a page that another server, with another origin, gives."""
    (tmp_path / "index.html").write_text('<!doctype html><link rel="icon" href="data:,"><input type="file">')
    handler = partial(http.server.SimpleHTTPRequestHandler, directory=tmp_path)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://localhost:{server.server_port}"
    server.shutdown()


@pytest.mark.parametrize("is_let_in", [True, False])
def test_a_page_of_another_origin(browser, start_gateway, page_elsewhere, is_let_in):
    gateway = start_gateway(cors_origins=page_elsewhere if is_let_in else "http://localhost:3000")
    (lines,) = list_blocks(README, "js")
    browser.get(page_elsewhere)
    wait(browser, lambda: find(browser, "input"))[0].send_keys(str(SAMPLE))
    printed = browser.execute_async_script(f"""
        const done = arguments[0], printed = [], input = document.querySelector("input");
        const console = {{ log: (text) => printed.push(text) }};
        const show = async () => {{ {lines.replace(ADDRESS, gateway.url)} }};
        show().then(() => done(printed), (error) => done(error.name));
    """)
    if is_let_in:
        assert len(printed[0].split()) > 3
    else:
        assert printed == "TypeError"
