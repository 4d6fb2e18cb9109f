"""A proxy between the gateway and the real Triton."""

import threading
from concurrent.futures import ThreadPoolExecutor

import grpc


class Between(grpc.GenericRpcHandler):
    """Notes the metadata of every call and passes it on, or fails inferences with `failure`. Inferences wait while
    `gate` is not set."""

    def __init__(self, url, port=0):
        self._channel, self.seen, self.failure = grpc.insecure_channel(url), [], None
        self.gate = threading.Event()
        self.gate.set()
        self._inferred = []
        self._pool = ThreadPoolExecutor(16)
        self._server = grpc.server(self._pool, handlers=[self])
        self.port = self._server.add_insecure_port(f"127.0.0.1:{port}")
        self.url = f"127.0.0.1:{self.port}"
        self._server.start()

    def service(self, details):
        def answer(request, context):
            self.seen.append(dict(context.invocation_metadata()))
            if details.method.endswith("/ModelInfer"):
                self._inferred.append(request)
                self.gate.wait(30)
                if self.failure:
                    context.abort(*self.failure)
            try:
                return self._channel.unary_unary(details.method)(request)
            except grpc.RpcError as error:
                context.abort(error.code(), error.details())

        return grpc.unary_unary_rpc_method_handler(answer)

    @property
    def inferences(self):
        """How many came so far."""
        return len(self._inferred)

    def stop(self):
        self.gate.set()
        self._server.stop(None).wait()
        # Calls that the gateway has given up still run; Triton 24.10 may crash when they are cut off.
        self._pool.shutdown()
        self._channel.close()
