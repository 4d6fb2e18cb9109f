"""gunicorn's worker of threads, which at its end answers whoever has connected to it."""

from gunicorn.workers.gthread import ThreadWorker


class DrainingWorker(ThreadWorker):
    """gunicorn keeps its listening sockets open until the last request is answered. Meanwhile the kernel goes on taking
    connections, and resets them when the sockets close."""

    def set_accept_enabled(self, enabled: bool) -> None:
        super().set_accept_enabled(enabled)
        if self.alive or enabled:
            return
        for listener in self.sockets:
            taken = -1
            while taken != self.nr_conns:
                taken = self.nr_conns
                self.accept(listener)
            # Other workers may still have it: those of a reload. After the last one new connections are refused.
            listener.close()
