"""A Ray cluster of a head without cores and two nodes with one each, on the loopback interface."""

from __future__ import annotations

import os
import shutil
import tempfile
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

# Set before Ray is imported. It would take another of this machine's addresses for its own; and two busy cores must not make
# it believe that a node is dead, nor leave our workers nothing.
QUIET = {
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "RAY_worker_niceness": "0",
    "RAY_health_check_initial_delay_ms": "1000",
    "RAY_health_check_period_ms": "1000",
    "RAY_health_check_timeout_ms": "2000",
    "RAY_health_check_failure_threshold": "5",
}


class Nodes:
    """The cluster, to which nodes are added and from which they are taken."""

    def __init__(self, folder):
        from ray.cluster_utils import Cluster

        self.folder, self._small = folder, {
            "node_ip_address": "127.0.0.1", "object_store_memory": 80 * 2**20,
        }  # fmt: skip
        self._cluster = Cluster(
            initialize_head=True,
            head_node_args={"num_cpus": 0, "include_dashboard": False, **self._small},
        )
        self.address = self._cluster.address

    def add(self, name):
        node = self._cluster.add_node(
            num_cpus=1, env_vars={"REPRO_HOME": str(self.folder / name)}, **self._small
        )
        self._cluster.wait_for_nodes()
        return node

    def kill(self, node):
        self._cluster.remove_node(node, allow_graceful=False)

    def shutdown(self):
        self._cluster.shutdown()


@pytest.fixture(scope="session")
def nodes():
    """The cluster with nodes "a" and "b"."""
    if not find_spec("ray"):
        pytest.skip("needs Ray: `nox -s cluster` installs it")
    folder = Path(tempfile.mkdtemp(dir="/tmp"))  # sockets lie here, whose paths must be short
    with pytest.MonkeyPatch.context() as patch:
        for name, value in QUIET.items():
            patch.setenv(name, value)
        patch.setenv("RAY_TMPDIR", str(folder))
        patch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]))
        found = Nodes(folder)
        found.add("a"), found.add("b")
        yield found
        import ray

        ray.shutdown()
        found.shutdown()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def connect(nodes):
    """Makes an executor of the cluster."""
    import ray

    from repro.execution.ray_cluster import RayCluster

    def make(**settings):
        return RayCluster(nodes.address, **{"send_every_s": 0, **settings})

    yield make
    ray.shutdown()
