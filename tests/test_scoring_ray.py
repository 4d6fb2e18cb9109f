"""`--engine ray` on a cluster of two nodes, one of which is killed."""

import threading
import time

import pytest
from ray.cluster_utils import Cluster

from tests.scored import list_parts, read_rows, score, write_photos

NODE = {"num_cpus": 1, "object_store_memory": 80_000_000}


@pytest.fixture
def cluster():
    cluster = Cluster(initialize_head=True, head_node_args=NODE | {"include_dashboard": False})
    second = cluster.add_node(**NODE)
    cluster.wait_for_nodes()
    yield cluster, second
    cluster.shutdown()


def kill_node(cluster, node, out):
    """Once the first part is there, and so others are under way."""
    while not list_parts(out):
        time.sleep(0.02)
    cluster.remove_node(node, allow_graceful=False)


def test_node_that_dies_costs_no_row(triton_url, cluster, tmp_path):
    photos = write_photos(tmp_path / "photos", 300)
    photos[7].write_bytes(b"no picture")
    arguments = (tmp_path / "photos", "--outputs", "smiling", "--endpoint", triton_url)
    cluster, second = cluster
    killer = threading.Thread(target=kill_node, args=(cluster, second, tmp_path / "ray"))
    killer.start()
    ray = ("--engine", "ray", "--address", cluster.address, "--in-flight", 1)
    assert score(*arguments, "--out", tmp_path / "ray", *ray) == 0
    killer.join()
    assert second not in cluster.list_all_nodes()
    assert score(*arguments, "--out", tmp_path / "local") == 0
    assert drop_times(read_rows(tmp_path / "ray")) == drop_times(read_rows(tmp_path / "local"))
    assert [row["source"] for row in read_rows(tmp_path / "ray")] == [str(photo) for photo in photos]


def drop_times(rows):
    return [{name: value for name, value in row.items() if name != "seconds"} for row in rows]


def test_no_cluster(triton_url, tmp_path, capsys):
    photo = write_photos(tmp_path, 1)[0]
    ray = ("--engine", "ray", "--address", "127.0.0.1:9")
    assert score(photo, "--out", tmp_path / "out", "--endpoint", triton_url, *ray) == 1
    assert "no Ray cluster at 127.0.0.1:9" in capsys.readouterr().err
