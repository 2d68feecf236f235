"""What a Ray cluster costs a run, and how runs share two nodes; all on this machine's loopback.

    python benchmarks/cluster.py [--rounds 3] [--dataset cifar10]

Prints a Markdown table. Each node has one core. Needs Ray, and nothing else running.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

# Before Ray is imported: stay on the loopback interface, and leave workers their share of the CPU.
os.environ |= {
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_worker_niceness": "0",
    "PYTHONPATH": str(ROOT),
}

from repro.execution.scheduler import Task, run  # noqa: E402
from repro.paths import home  # noqa: E402
from repro.spec import REPORT_RECIPES, DatasetName, RunSpec  # noqa: E402


def measure(tasks: list[Task], workers: int, executor: Any = None) -> float:
    """Seconds that `tasks` take into an empty store."""
    with tempfile.TemporaryDirectory() as store:
        began = time.monotonic()
        failures = run(
            tasks, store=Path(store), home=home(), workers=workers, on_event=lambda _: None,
            executor=executor,
        )  # fmt: skip
        seconds = time.monotonic() - began
    if failures:
        raise SystemExit(failures[0].message)
    return seconds


def main() -> None:
    """Measure in turn, so that what slows the machine down slows all of them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--runs", type=int, default=4)
    parser.add_argument("--epochs", type=int, default=1)
    parser.add_argument("--dataset", choices=["cifar10", "synthetic"], default="cifar10")
    given = parser.parse_args()
    dataset: DatasetName = given.dataset

    tasks = [
        Task(
            spec=RunSpec(recipe=REPORT_RECIPES["net-relu"], seed=seed, dataset=dataset),
            epochs=given.epochs,
        )
        for seed in range(given.runs)
    ]
    folder = tempfile.mkdtemp(dir="/tmp")  # short: Ray's sockets lie here
    os.environ["RAY_TMPDIR"] = folder
    from ray.cluster_utils import Cluster  # noqa: PLC0415 - after the environment

    from repro.execution.ray_cluster import RayCluster  # noqa: PLC0415

    small = {"node_ip_address": "127.0.0.1", "object_store_memory": 80 * 2**20}
    cluster = Cluster(
        initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False, **small}
    )
    seconds: dict[str, list[float]] = {}
    try:
        for nodes in (1, 2):
            cluster.add_node(num_cpus=1, **small)
            cluster.wait_for_nodes()
            if nodes == 1:
                executor = RayCluster(cluster.address)
            for _ in range(given.rounds):
                for name, where in (
                    (f"local, {nodes} at a time", None),
                    (f"Ray, {nodes} node{'s' * (nodes > 1)}", executor),
                ):
                    seconds.setdefault(name, []).append(measure(tasks, nodes, where))
    finally:
        import ray  # noqa: PLC0415

        ray.shutdown()
        cluster.shutdown()
        shutil.rmtree(folder, ignore_errors=True)
    print(f"\n{given.runs} runs of Net, {given.epochs} epoch, {dataset}; {given.rounds} rounds\n")
    print("| where | seconds, median | least | most | a run, one after another |")
    print("|---|---|---|---|---|")
    for name, each in seconds.items():
        middle = statistics.median(each)
        rest = f"{middle / given.runs:.2f}" if "1" in name else ""
        print(f"| {name} | {middle:.1f} | {min(each):.1f} | {max(each):.1f} | {rest} |")


if __name__ == "__main__":
    main()
