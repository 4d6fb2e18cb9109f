"""gRPC channels to Triton."""

import grpc

CHANNEL_OPTIONS = [
    # Every address behind a name takes its turn; one that does not answer is left out until it does.
    ("grpc.lb_policy_name", "round_robin"),
    ("grpc.max_send_message_length", -1),
    ("grpc.max_receive_message_length", -1),
    # Connections of its own: another channel's to the same address may just be waiting before it tries again.
    ("grpc.use_local_subchannel_pool", 1),
    # A server that comes back is found again within a second.
    ("grpc.initial_reconnect_backoff_ms", 200),
    ("grpc.min_reconnect_backoff_ms", 200),
    ("grpc.max_reconnect_backoff_ms", 1000),
    # With these gRPC sets TCP_USER_TIMEOUT: a machine that vanishes without a word is noticed after 20 s. Triton
    # takes pings more often than every 5 minutes for an attack.
    ("grpc.keepalive_time_ms", 300_000),
    ("grpc.keepalive_timeout_ms", 20_000),
]
# At the deadline Triton itself ends the wait in its queues. What it computes by then gets this time to end, as Triton
# 24.10 may crash when a request is cut off while it is computed (server issues 7368, 8034).
GRACE_SECONDS = 2.0


def open_channel(target: str) -> grpc.Channel:
    """A channel to `host:port`, or to any other target that gRPC knows. Open it after a fork, not before."""
    return grpc.insecure_channel(target, options=CHANNEL_OPTIONS)
