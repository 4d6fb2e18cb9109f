"""Cases 13, 17, 19 and 23: odd models, a clone in an odd place, browsers and proxies in front."""

import http.server
import json
import os
import re
import shutil
import signal
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
from pyarrow import parquet

from gateway.operations.keys import create_key
from tests.cases import ROOT
from tests.cases.check import Check, same, says
from tests.cases.workplace import SAMPLE, Workplace, post
from tests.gunicorn_process import GunicornProcess
from tests.page.browsing import open_browser

SHOP = "https://shop.example"
# Of case 13's a.toml: why each entry cannot be served; `odd` can.
ENTRIES = {
    "things": ("2", "3"),
    "source": ("source",),
    "width": ("width",),
    "error": ("error",),
    "mood": ("probabilities", "softmax"),
    "odd": (),
}


def try_edges(workplace: Workplace) -> Iterator[Check]:
    """What cannot be served is refused at export; what is served answers for every photo."""
    folder = workplace.copy("13")
    for name, entry in split_entries(folder / "a.toml").items():
        manifest = folder / f"a_{name}.toml"
        manifest.write_text(entry)
        ended = workplace.export(manifest)
        yield same(f"a.toml, {name}: status", 2 if ENTRIES[name] else 0, ended.status)
        yield says(f"a.toml, {name}: message", ended.printed, *ENTRIES[name])
    url = workplace.edges.urls["Gateway"].rstrip("/")
    answer = post(url, SAMPLE.read_bytes(), features="things", labels="cup, glass")
    yield same("c.toml: labels=cup, glass", (200, ["cup, glass"]), (answer.status_code, read_labels(answer)))
    answer = post(url, SAMPLE.read_bytes(), features="things", labels="dog")
    yield same("c.toml: labels=dog", (200, []), (answer.status_code, read_labels(answer)))


def split_entries(manifest: Path) -> dict[str, str]:
    """One manifest per model."""
    entries = re.split(r"(?m)^(?=\[models\.)", manifest.read_text())
    return {entry.split("]")[0].removeprefix("[models."): entry for entry in entries if entry.strip()}


def read_labels(answer: httpx.Response) -> list[str]:
    if not answer.is_success:
        return [answer.text[:200]]
    return [each["label"] for each in answer.json()["images"][0]["things"]]


def try_nan(workplace: Workplace) -> Iterator[Check]:
    """0/0 in the network: a problem for that photo, and JSON."""
    folder, serving = workplace.find("23"), workplace.edges
    url = serving.urls["Gateway"].rstrip("/")
    for name in ("black.png", "grey.png"):
        for path, query in (("/v1/analyze", {"features": "standard"}), ("/", {})):
            answer = post(url, (folder / name).read_bytes(), path, **query)
            yield Check(
                f"{name} by {path}", "JSON without NaN", f"{answer.status_code} {answer.text[:160]}", is_json(answer)
            )
    good = post(url, SAMPLE.read_bytes(), features="standard")
    yield same("sample.jpg", 200, good.status_code)
    ended, out = workplace.score(folder / "black.png", "--outputs", "standard", endpoint=serving.urls["Triton gRPC"])
    (row,) = parquet.read_table(out).to_pylist()
    yield same("dataset: status and value", (0, None), (ended.status, row["standard"]))
    yield Check("dataset: error", "words", str(row["error"]), bool(row["error"]))


def is_json(answer: httpx.Response) -> bool:
    """As RFC 8259 has it, which knows no NaN."""

    def refuse(constant: str) -> None:
        raise ValueError(constant)

    try:
        json.loads(answer.text, parse_constant=refuse)
    except ValueError:
        return False
    return True


def try_path_with_space(workplace: Workplace) -> Iterator[Check]:
    """`make serve` in a clone whose path a shell would read otherwise."""
    clone = workplace.scratch / "my photos & app" / "app"
    workplace.execute("git", "clone", "--quiet", ROOT, clone)
    (clone / ".venv").symlink_to(Path(os.path.realpath(ROOT / ".venv")))
    # What is installed is not installed again: a clone's requirements are newer than the folder's stamps.
    flags = "--gateway-port 0 --grpc-port 0 --metrics-port 0 --probe-interval 0 --ready-timeout 500"
    command = ["make", "--old-file", ".venv/.serve", "serve", f"ARGS={flags}"]
    with run_group(command, clone) as process:
        printed = []
        for line in process.stdout:
            printed.append(line)
            if line.startswith("serving: ready"):
                break
        ready = any(line.startswith("serving: ready") for line in printed)
        in_words = "has characters" in "".join(printed)
        yield Check("make serve", "ready, or words", "ready" if ready else "".join(printed)[-300:], ready or in_words)
        address = re.search(r"http://\S+", next((line for line in printed if "Gateway" in line), ""))
        if address:
            answer = post(address[0].rstrip("/"), SAMPLE.read_bytes(), features="smiling")
            yield same("a photo", 200, answer.status_code)


@contextmanager
def run_group(command: list[str], folder: Path) -> Iterator[subprocess.Popen[str]]:
    """A process and all that it starts, which end with the block."""
    process = subprocess.Popen(
        command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGTERM)
        process.communicate(timeout=60)


def try_proxy_and_cors(workplace: Workplace) -> Iterator[Check]:
    key, entry = create_key("shop")
    with serve_page() as origin:
        settings = {"API_KEYS": entry, "CORS_ORIGINS": f"{SHOP},{origin}", "TRITON_URL": workplace.triton}
        with GunicornProcess(**settings) as gateway:
            yield from try_preflights(gateway.url, key)
            yield from try_browser(workplace, origin, gateway.url, key)
    yield from try_clients_behind_a_proxy(workplace)


def try_preflights(url: str, key: str) -> Iterator[Check]:
    for asked in ("authorization,content-type", "x-api-key"):
        headers = {"Origin": SHOP, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": asked}
        answer = httpx.options(f"{url}/v1/analyze", headers=headers)
        yield Check(f"preflight for {asked}", "200 or 204", str(answer.status_code), answer.status_code in (200, 204))
        allowed = answer.headers.get("Access-Control-Allow-Headers", "").lower()
        yield says(f"preflight for {asked}: allowed", allowed, *asked.split(","))
    for headers, status in (({"Authorization": f"Bearer {key}"}, 200), ({}, 401)):
        answer = httpx.post(
            f"{url}/v1/analyze?features=smiling",
            files={"file": SAMPLE.read_bytes()},
            headers={"Origin": SHOP, **headers},
            timeout=60,
        )
        seen = answer.status_code, answer.headers.get("Access-Control-Allow-Origin")
        yield same(f"a photo {'with' if headers else 'without'} a key", (status, SHOP), seen)


def try_browser(workplace: Workplace, origin: str, url: str, key: str) -> Iterator[Check]:
    """A page of another origin, in Chromium."""
    if not shutil.which("chromium") or not shutil.which("chromedriver"):
        yield same("Chromium", "installed", "not here")
        return
    fetch = f"""const done = arguments[0];
        fetch('{url}/v1/models', {{headers: {{Authorization: 'Bearer {key}'}}}})
            .then((answer) => done(answer.status), (error) => done(String(error)))"""
    with open_browser(workplace.scratch / "shop") as browser:
        browser.get(origin)
        yield same("fetch from another origin, with a key", 200, browser.execute_async_script(fetch))


class Page(http.server.BaseHTTPRequestHandler):
    """A page without anything on it."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"<h1>shop</h1>")

    def log_message(self, *arguments: object) -> None:
        """Says nothing."""


@contextmanager
def serve_page() -> Iterator[str]:
    """The origin of another web site."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Page) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://localhost:{server.server_port}"
        server.shutdown()


def try_clients_behind_a_proxy(workplace: Workplace) -> Iterator[Check]:
    settings = {"RATE_LIMIT": "2 per minute", "TRUSTED_PROXIES": "1", "LOG_FORMAT": "json"}
    settings["TRITON_URL"] = workplace.triton
    with GunicornProcess(**settings) as gateway:
        for what, addresses, statuses in (
            ("three clients", ["203.0.113.1", "203.0.113.2", "203.0.113.3"], [200, 200, 200]),
            ("one client", ["203.0.113.4"] * 3, [200, 200, 429]),
        ):
            seen = [ask_as(gateway.url, address) for address in addresses]
            yield same(f"{what} behind a proxy, 2 per minute each", statuses, seen)
        lines = [json.loads(line) for line in gateway.stop()]
    clients = sorted({line["client"] for line in lines if line.get("path") == "/v1/analyze"})
    yield same("clients in the log", [f"203.0.113.{number}" for number in range(1, 5)], clients)


def ask_as(url: str, address: str) -> int:
    headers = {"X-Forwarded-For": address, "Content-Type": "image/jpeg"}
    query = {"features": "smiling"}
    return httpx.post(
        f"{url}/v1/analyze", content=SAMPLE.read_bytes(), params=query, headers=headers, timeout=60
    ).status_code
