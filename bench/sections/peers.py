"""What people would use instead, against the service, in turns."""

from bench.context import SATURATION, Context
from bench.peers.running import PeerUnavailable, start_peer
from bench.peers.table import PEERS, Peer
from bench.photos import write_photo
from bench.report import compare, make_table, summarise
from bench.work import ATTRIBUTES, EVERYTHING, WORKLOADS

HEAD = ("", "workload", "clients", "peer photos/s", "peer p99 ms", "peer CPU ms", "our rate to its", "our p99 to its")
CLASSIC_GAIN = 5.0
ROUNDS, SECONDS = 3, 2.0
PHONE, AGAIN = "12 megapixels, attributes", "the same photo again, everything"


def measure_peers(context: Context) -> str:
    """A table with a row for each peer, workload and number of clients."""
    large = str(write_photo(context.folder / "large.jpg", 4000, 3000))
    rows = [row for peer in PEERS for row in measure_peer(peer, context, large)]
    judge(rows, context)
    return make_table(HEAD, rows)


def measure_peer(peer: Peer, context: Context, large: str) -> list[list[object]]:
    """The rows of one peer; one that says why, where it does not run."""
    rows: list[list[object]] = []
    for workload in (ATTRIBUTES,) if peer.attributes_only else WORKLOADS:
        try:
            with start_peer(peer, context.work(workload)) as (url, process):
                for clients in (SATURATION, 64):
                    rows.append(compare_with(peer, url, process.pid, workload, workload, clients, context))
                extra, name = ({"photos": (large,)}, PHONE) if workload == ATTRIBUTES else ({"distinct": False}, AGAIN)
                rows.append(compare_with(peer, url, process.pid, workload, name, SATURATION, context, **extra))
        except PeerUnavailable as error:
            rows.append([peer.title, workload, *["–"] * 5, f"not run: {str(error)[:120]}".replace("|", "/")])
    return rows


def compare_with(
    peer: Peer, url: str, pid: int, workload: str, name: str, clients: int, context: Context, **changes
) -> list[object]:
    """One row of the table. Raises PeerUnavailable for a peer that breaks under load, which is a result."""
    changes = {"seconds": SECONDS} | changes
    theirs = context.load(peer.way, url, clients, pid=pid, **changes)
    if peer.way == "grpc" and name != AGAIN:  # the gateway knows what it has answered, Triton does not
        ours = context.grpc(workload, clients, **changes)
    else:
        ours = context.gateway("multipart" if peer.way == "multipart" else "raw", workload, clients, **changes)
    try:
        measured = context.measure_in_turns({"peer": theirs, "ours": ours}, ROUNDS)
    except Exception as error:
        raise PeerUnavailable(f"{name}, {clients} clients: {type(error).__name__}") from error
    base, own = measured["peer"], measured["ours"]
    rate, _, p99, cpu, _ = summarise(base)
    return [peer.title, name, clients, rate, p99, cpu, compare(own, base), compare(own, base, "p99")]


def judge(rows: list[list[object]], context: Context) -> None:
    """Note the smallest lead over the peers by workload, and the classic service's."""
    for row in rows:
        if row[0] == PEERS[0].title and isinstance(row[6], float):
            aim = f"{row[1]}: our rate to the classic service's, {row[2]} clients"
            context.expect_at_least(aim, CLASSIC_GAIN, row[6])
    for name in (ATTRIBUTES, EVERYTHING, PHONE, AGAIN):
        measured = [row for row in rows if row[1] == name and isinstance(row[6], float)]
        if measured:
            slowest = min(measured, key=lambda row: float(str(row[6])))
            latest = max(measured, key=lambda row: float(str(row[7])))
            context.expect_at_least(f"{name}: our rate to the best peer's ({slowest[0]})", 1.0, float(str(slowest[6])))
            context.expect_at_most(f"{name}: our p99 to the best peer's ({latest[0]})", 1.0, float(str(latest[7])))
