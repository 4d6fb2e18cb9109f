"""gunicorn's settings for the gateway: `gunicorn -c python:gateway.gunicorn_config 'gateway.app:create_app()'`.

Command-line flags and GUNICORN_CMD_ARGS win over what stands here.
"""

import ctypes
import os
import shutil
import tempfile
from functools import partial
from typing import Any

from gunicorn.sock import BaseSocket

# Workers add up their metrics through files in a folder, which must be known before prometheus_client is imported.
METRICS = "PROMETHEUS_MULTIPROC_DIR"
own_folder = "" if os.environ.get(METRICS) else tempfile.mkdtemp(prefix="gateway-metrics-")
os.environ[METRICS] = os.environ.get(METRICS) or own_folder

# glibc gives freed blocks of a photo's size back to the kernel and asks for them again with the next request; keeping
# them halves the processor time of a photo of 3 MB. See mallopt(3); other C libraries have no such call.
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD, KEPT_BYTES = -1, -3, 16 << 20
if hasattr(libc := ctypes.CDLL(None), "mallopt"):
    libc.mallopt(M_TRIM_THRESHOLD, KEPT_BYTES)
    libc.mallopt(M_MMAP_THRESHOLD, KEPT_BYTES)

worker_class = "gateway.operations.draining_worker.DrainingWorker"
logger_class = "gateway.operations.access_log.GunicornLogger"
workers = max(1, (os.cpu_count() or 1) // 2)
# More than travel to Triton at a time (MAX_CONCURRENT groups of eight) and wait for it (MAX_WAITING), so that health
# checks and refusals never wait behind photos.
threads = 128
# It would lie in the home folder, which may be read-only or another gateway's too.
control_socket_disable = True


def when_ready(server: Any) -> None:
    """Told to stop, gunicorn closes its sockets before it tells its workers. Those close theirs in a reload too."""
    from gateway.operations.draining_worker import accept_new_clients, refuse_new_clients

    def close(listener: BaseSocket) -> None:
        if os.getpid() == server.pid:
            refuse_new_clients(listener.sock)
        BaseSocket.close(listener)

    for listener in server.LISTENERS:
        accept_new_clients(listener.sock)
        listener.close = partial(close, listener)


def child_exit(server: object, worker: object) -> None:
    """A worker that is gone has no requests in flight."""
    from prometheus_client import multiprocess

    multiprocess.mark_process_dead(worker.pid)  # type: ignore[attr-defined]


def on_exit(server: object) -> None:
    """The metrics end with the gateway."""
    if own_folder:
        shutil.rmtree(own_folder, ignore_errors=True)
