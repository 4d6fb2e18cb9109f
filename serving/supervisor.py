"""Starts Triton, then the gateway; watches both, reloads on SIGHUP, and stops everything at the end."""

import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from serving.child import Child
from serving.errors import ModelsUnavailable, ServingError
from serving.gateway import GatewayLaunch, gateway_url, is_gateway_ready, prepare_gateway, triton_url
from serving.installation import find_installation
from serving.model_control import connect
from serving.ports import claim_ports
from serving.repositories import list_models
from serving.settings import Settings
from serving.triton import TritonLaunch, prepare_triton, remove_shared_memory
from serving.triton_log import TritonLogFilter

POLL_SECONDS = 0.1


class StopRequested(BaseException):
    """SIGTERM or SIGINT arrived. No error, so nothing that handles errors may swallow it."""


class Supervisor:
    """One Triton server and one gateway."""

    def __init__(self, settings: Settings, announce: Callable[[str], None]) -> None:
        self._settings = settings
        self._announce = announce
        self._children: list[Child] = []
        self._triton = ExitStack()
        self._models: list[str] = []
        self._reload_requested = False
        self._secret = ""

    def run(self) -> None:
        """Serve until SIGTERM or SIGINT. Raises ServingError when something ends that should not."""
        with ExitStack() as stack, self._signals():
            try:
                self._start(stack)
                self._watch()
            except StopRequested:
                self._announce("serving: stopping")
            finally:
                ignore_stop_signals()
                stack.close()

    def _start(self, stack: ExitStack) -> None:
        started = time.monotonic()
        self._settings = claim_ports(self._settings)
        self._models = list_models(self._settings.model_repository)
        self._start_triton(stack.enter_context(self._triton))
        if self._settings.gateway:
            self._start_gateway(stack)
        self._announce(describe_endpoints(self._settings))
        self._announce(f"serving: ready with {len(self._models)} models after {time.monotonic() - started:.1f} s")

    def _start_triton(self, stack: ExitStack) -> None:
        installation = find_installation(self._settings.triton_directory)
        directory = Path(stack.enter_context(TemporaryDirectory(prefix="serving-")))
        launch = prepare_triton(self._settings, installation, directory)
        self._secret = launch.secret
        stack.callback(remove_shared_memory, launch.shm_prefix)
        self._announce(f"serving: loading {len(self._models)} models")
        self._supervise(stack, "Triton", launch, TritonLogFilter())
        with connect(triton_url(self._settings), self._secret) as control:
            self._wait_until(lambda: control.is_ready(self._models), "models")

    def _start_gateway(self, stack: ExitStack) -> None:
        launch = prepare_gateway(self._settings)
        self._supervise(stack, "the gateway", launch, lambda line: True)
        self._wait_until(lambda: is_gateway_ready(self._settings), "gateway")

    def _supervise(
        self, stack: ExitStack, name: str, launch: TritonLaunch | GatewayLaunch, is_notable: Callable[[str], bool]
    ) -> None:
        child = Child(name, launch.command, launch.environment, is_notable, verbose=self._settings.verbose)
        self._children.append(child)
        stack.callback(child.stop, self._settings.stop_timeout)

    def _wait_until(self, is_ready: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + self._settings.ready_timeout
        while not is_ready():
            self._require_children()
            if time.monotonic() > deadline:
                raise ModelsUnavailable(
                    f"the {what} did not become ready within {self._settings.ready_timeout:g} s",
                    "Raise --ready-timeout, or see the whole log with --verbose.",
                )
            time.sleep(POLL_SECONDS)

    def _watch(self) -> None:
        while True:
            if self._children[0].has_crashed():
                self._restart_triton()
            self._require_children()
            if self._reload_requested:
                self._reload_requested = False
                self._reload()
            time.sleep(POLL_SECONDS)

    def _restart_triton(self) -> None:
        """Triton before 25.03 may crash when a client is killed, or stops waiting, in the middle of a request.

        https://github.com/triton-inference-server/server/issues/7368 and 8034
        """
        started = time.monotonic()
        self._announce("serving: Triton crashed (SIGSEGV) and is started again")
        self._children.pop(0)
        self._triton.close()
        self._start_triton(self._triton)
        self._children.insert(0, self._children.pop())
        self._announce(f"serving: ready again after {time.monotonic() - started:.1f} s")

    def _require_children(self) -> None:
        for child in self._children:
            child.require_alive()

    def _reload(self) -> None:
        """Models first, then the gateway, which learns from Triton what there is."""
        try:
            models = list_models(self._settings.model_repository)
            gone = [name for name in reversed(self._models) if name not in models]
            # Triton's own index forgets a model once its folder is gone, loaded or not.
            self._models = models + gone
            with connect(triton_url(self._settings), self._secret) as control:
                control.reload(models, gone)
            self._models = models
        except ServingError as error:
            print(f"serving: {error}", file=sys.stderr, flush=True)
            return
        for gateway in self._children[1:]:
            self._replace_workers(gateway)
        self._announce(f"serving: reloaded {len(models)} models")

    def _replace_workers(self, gateway: Child) -> None:
        """Have gunicorn start new workers, and wait until the old ones have answered their last requests."""
        old_workers = gateway.list_children()
        gateway.send(signal.SIGHUP)
        deadline = time.monotonic() + self._settings.stop_timeout + 1
        while gateway.list_children() & old_workers and time.monotonic() < deadline:
            time.sleep(POLL_SECONDS)

    @contextmanager
    def _signals(self) -> Iterator[None]:
        def stop(number: int, frame: object) -> None:
            ignore_stop_signals()
            raise StopRequested

        def reload(number: int, frame: object) -> None:
            self._reload_requested = True

        handlers = {signal.SIGTERM: stop, signal.SIGINT: stop, signal.SIGHUP: reload}
        former = {number: signal.signal(number, handler) for number, handler in handlers.items()}
        try:
            yield
        finally:
            for number, handler in former.items():
                signal.signal(number, handler)


def ignore_stop_signals() -> None:
    """While everything is being stopped, a second Ctrl-C must not leave half of it behind."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)


def describe_endpoints(settings: Settings) -> str:
    """The URLs, one a line."""
    endpoints = {"Triton gRPC": triton_url(settings)}
    host = triton_url(settings).rpartition(":")[0]
    if settings.http:
        endpoints["Triton HTTP"] = f"http://{host}:{settings.http_port}"
    endpoints["Metrics"] = f"http://{host}:{settings.metrics_port}/metrics"
    if settings.gateway:
        endpoints["Gateway"] = gateway_url(settings)
    return "\n".join(f"  {name:<12} {url}" for name, url in endpoints.items())
