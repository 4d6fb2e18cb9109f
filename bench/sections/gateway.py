"""The gateway's own processor time, and what it goes to."""

import cProfile
import logging
import pstats
import time
from collections import Counter
from io import StringIO
from statistics import median
from typing import Any

from werkzeug.test import create_environ, run_wsgi_app

from bench.client import Plan, cycle_photos, read_photos
from bench.context import SATURATION, Context, Run, run_together
from bench.peers.running import start_peer
from bench.peers.table import WEB_SERVER_ALONE
from bench.report import make_table
from bench.sections.speed import measure_web_server
from bench.sections.steps import measure_shares
from bench.work import ATTRIBUTES
from gateway.app import create_app
from gateway.settings import Settings

AIM = 1.0
WARM_UP, PROFILED = 50, 300
# By what a function's file, or the name of one in C, contains; the first that fits.
PARTS = {
    "gRPC and its messages": ("/grpc/", "protobuf", "upb", "/contract/request.py", "/gateway/triton.py"),
    "tensors to JSON": ("/contract/", "/gateway/answers.py", "numpy", "/json/", "/gateway/inference.py"),
    "remembering answers, SHA-256": ("cachetools", "/gateway/operations/cache.py", "_hashlib"),
    "log line": ("/logging/", "/gateway/operations/access_log.py"),
    "metrics": ("prometheus_client", "/gateway/operations/metrics.py"),
    "parameters": ("flask_openapi", "pydantic", "/gateway/schemas.py", "/gateway/selection.py"),
    "Flask and Werkzeug": ("/flask/", "werkzeug", "blinker", "flask_cors"),
    "the rest of the gateway": ("/gateway/",),
}
REST = "Python's own functions, for all of them"


def measure_gateway(context: Context) -> str:
    """Under load, beside a Flask that does nothing; then each part's share, of requests one after the other."""
    run = context.ask("gateway", ATTRIBUTES, SATURATION)
    own = median(measure_shares(run, context)["gateway"] for _ in range(context.rounds))
    context.expect_at_most("gateway's own processor time, ms per photo", AIM, own)
    text = (
        f"{ATTRIBUTES.capitalize()}, {SATURATION} clients: the gateway takes {own:.2f} ms of a photo's processor time."
    )
    text += describe_web_server(context, run)
    head = ("part, one request after the other", "% by Python's profiler")
    return f"{text}\n\n{make_table(head, profile_parts(context).most_common())}"


def describe_web_server(context: Context, run: Run) -> str:
    """What a Flask that does nothing takes: alone, and beside the service at half its rate. Nothing without one."""
    alone = measure_web_server(context)
    if alone is None:
        return ""
    with start_peer(WEB_SERVER_ALONE, context.work(ATTRIBUTES)) as (url, process):
        half = context.load("raw", url, SATURATION, pid=process.pid, rate=run().rate / 2)
        beside = median(run_together(run, half)[1].cpu for _ in range(context.rounds))
    return (
        f" A Flask with gunicorn that answers with a constant takes {alone:.2f} ms with the processor's caches for "
        f"itself, and {beside:.2f} ms where the service runs beside it and it is asked half as often."
    )


def profile_parts(context: Context) -> Counter[str]:
    """Each part's share in percent of the processor time of a request's thread."""
    plan = Plan("raw", "", context.photos, 1, 0.0)
    take, profiler = cycle_photos(plan, read_photos(context.photos), 0), cProfile.Profile(time.thread_time)
    app = create_app(Settings(triton_url=context.service.grpc))
    query = {"features": ",".join(card.name for card in context.cards(ATTRIBUTES))}
    for handler in logging.getLogger("gateway").handlers:
        handler.setStream(StringIO())  # type: ignore[attr-defined]
    for number in range(WARM_UP + PROFILED):
        environ = create_environ("/v1/analyze", query_string=query, method="POST", data=take()[0])
        environ["CONTENT_TYPE"] = "image/jpeg"
        if number >= WARM_UP:
            profiler.enable()
        _, status, _ = run_wsgi_app(app, environ)
        profiler.disable()
        if status != "200 OK":
            raise RuntimeError(f"the gateway answered {status}")
    return share_out(pstats.Stats(profiler))


def share_out(stats: Any) -> Counter[str]:
    """Percent of the whole time that the functions of each part took by themselves."""
    seconds: Counter[str] = Counter()
    for (file, _, name), (_, _, own, _, _) in stats.stats.items():
        seconds[find_part(f"{file} {name}")] += own
    return Counter({part: 100 * each / seconds.total() for part, each in seconds.items()})


def find_part(function: str) -> str:
    return next((part for part, marks in PARTS.items() if any(mark in function for mark in marks)), REST)
