"""What an NVIDIA GPU makes of the kernels, found out in minutes, each finding written at once.

    python benchmarks/first_ten_minutes.py OUT.jsonl [--small] [PART ...]

It takes made-up images of CIFAR-10's number and size, which cost the same time. A part that fails
says so, and the next one goes on. `--small` tries the script itself, on a CPU that does as a GPU
would. Exit code: 0 every part went through and all bits are the golden ones, 1 otherwise.
"""

from __future__ import annotations

import argparse
import functools
import hashlib
import json
import os
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

# A borrowed machine has the repository and torch, and nothing installed.
ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import numpy as np

from repro import streams
from repro.data.dataset import synthetic
from repro.determinism import worker_environment
from repro.kernels import networks
from repro.kernels.build import this_target
from repro.kernels.cuda.gpu import Gpu
from repro.kernels.cuda.group import Group, Member
from repro.kernels.cuda.launches import Tiles
from repro.kernels.cuda.plan import TILES
from tests.bits.test_kernels import CASES, GOLDEN
from tests.kernels.on_cpu import OnCpu

OTHER_TILES = (Tiles(images=4, rows=2, outputs=1),)
NETS = tuple(networks.table("net", each) for each in ("relu", "leaky_relu", "swish"))
PLANS = {
    "net": (NETS, (10, 25)),
    "improved": ((networks.table("improved"),), (10, 25)),
    "resnet": ((networks.table("resnet"),), (10, 25)),
}
"""Tables, and how many seeds of each."""


class Bench:
    """Where findings go, and what is measured."""

    def __init__(self, out: Path, *, small: bool) -> None:
        self._out, self.small = out.open("a", buffering=1), small
        self.failed = False
        self.plans = {"net": PLANS["net"]} if small else PLANS
        rng = np.random.default_rng(1)
        images = 100 if small else 50_000
        self.pictures = rng.integers(0, 256, (images, 32, 32, 3), np.uint8)
        self.labels = rng.integers(0, 10, images).astype(np.uint8)

    def say(self, part: str, **found: Any) -> None:
        self._out.write(json.dumps({"part": part, **found}, default=str) + "\n")
        print(part, found, flush=True)

    def gpu(self) -> Any:
        """A stream of the card."""
        # Machine code that was compiled elsewhere may have been carried along.
        return _cpu() if self.small else Gpu(cache=ROOT / ".cubins")

    def group(self, gpu: Any, name: str, seeds: int, **more: Any) -> Group:
        """So many seeds of each table of a plan."""
        members = [
            Member(table=table, seed=seed) for seed in range(seeds) for table in PLANS[name][0]
        ]
        group = Group(gpu, members, self.pictures, self.labels, batch=20, **more)
        group.load([streams.initial_weights(name, 0)] * len(members))
        return group

    def orders(self, group: Group, steps: int) -> np.ndarray[Any, Any]:
        """Batches of so many steps, the same for all runs."""
        images = 40 if self.small else 40_000
        one = np.resize(
            streams.permutation(images, 1, "shuffle"), 20 * (2 if self.small else steps)
        )
        return np.stack([one.astype(np.int32)] * group.runs)


@functools.cache
def _cpu() -> OnCpu:
    target = this_target()
    if target is None:
        raise SystemExit("the kernels are not built for this machine")
    build = next(each for each in ("avx2", "neon") if each in target.builds)
    return OnCpu(Path(tempfile.mkdtemp()), target.builds[build].cpu)


def machine(bench: Bench) -> None:
    """Which card it is."""
    gpu = bench.gpu()
    bench.say("machine", name=gpu.name, cores=os.cpu_count(), python=sys.version.split()[0])


def bits(bench: Bench) -> None:
    """The golden digests of level L4, beside two neighbours."""
    data = synthetic(train=60, test=10)
    images = np.ascontiguousarray(data.train_images.transpose(0, 2, 3, 1))
    order = np.stack([np.arange(47, dtype=np.int32)[::-1]] * 3)
    tried = list(zip(CASES, GOLDEN, strict=True))
    for case, golden in tried[:3] if bench.small else tried:
        architecture, activation, optimiser, momentum = case
        table = networks.table(architecture, activation)
        rate = 0.001 if optimiser == "adam" else 0.01
        members = [
            Member(table=table, seed=seed, momentum=momentum, learning_rate=rate)
            for seed in (4, 5, 6)
        ]
        group = Group(
            bench.gpu(), members, images, data.train_labels, batch=20, capacity=20,
            optimiser=optimiser,
        )  # fmt: skip
        group.load([streams.initial_weights(architecture, 0)] * 3)
        losses = group.train(order, epoch=1)
        made = hashlib.sha256(losses[1].tobytes() + group.flat(0)[1].tobytes()).hexdigest()[:16]
        bench.failed |= made != golden
        bench.say("bits", case=case, same=made == golden, digest=made)
        group.close()


def epochs(bench: Bench) -> None:
    """Seconds of an epoch of a run, by how many are trained together."""
    for name, (_, seeds) in bench.plans.items():
        for count in seeds[:1] if bench.small else seeds:
            gpu = bench.gpu()
            group = bench.group(gpu, name, 1 if bench.small else count)
            group.train(bench.orders(group, 2), epoch=1)
            orders = bench.orders(group, 200)
            trained = gpu.seconds(functools.partial(group.train, orders, epoch=2))
            predicted = gpu.seconds(functools.partial(group.predict, orders))
            step, image = trained / (orders.shape[1] // 20), predicted / orders.shape[1]
            bench.say(
                "epochs", name=name, runs=group.runs, step_us=step * 1e6,
                epoch_of_a_run_s=(2000 * step + 10_000 * image) / group.runs,
            )  # fmt: skip
            group.close()


def together(bench: Bench) -> None:
    """Ten seeds of all networks at once, each network in a thread and a stream of its own."""
    groups = [bench.group(bench.gpu(), name, 1 if bench.small else 10) for name in bench.plans]
    steps = {"net": 1_500, "improved": 600, "resnet": 200}

    def train(group: Group, name: str) -> float:
        orders = bench.orders(group, steps[name])
        start = time.perf_counter()
        group.train(orders, epoch=2)
        return time.perf_counter() - start

    for group in groups:
        group.train(bench.orders(group, 2), epoch=1)
    alone = [train(group, name) for group, name in zip(groups, bench.plans, strict=True)]
    start = time.perf_counter()
    with ThreadPoolExecutor(3) as pool:
        each = list(pool.map(train, groups, bench.plans))
    all_s = time.perf_counter() - start
    bench.say("together", steps=steps, alone_s=alone, each_s=each, all_s=all_s)
    for group in groups:
        group.close()


def plain(bench: Bench) -> None:
    """Milliseconds of a step of the loop that a user of torch writes, one run on the card."""
    device, steps = ("cpu", 2) if bench.small else ("cuda", 500)
    code = (
        f"import sys; sys.path[0] = {str(ROOT)!r}; "
        "from repro.bench.baselines import on_device; on_device()"
    )
    ours = worker_environment({})
    for model in ("net-relu", "improved", "resnet"):
        done = subprocess.run(
            [sys.executable, "-c", code, device, model, str(steps), ""],
            capture_output=True, text=True, check=False,
            env={name: value for name, value in os.environ.items() if name not in ours},
        )  # fmt: skip
        if done.returncode:
            raise RuntimeError(done.stderr[-2000:])
        taken = float(done.stdout.splitlines()[-1])
        bench.say("plain", name=model, step_ms=taken / steps * 1e3)


def kernels(bench: Bench) -> None:
    """Microseconds of every launch of a step, by the size of a thread's tile."""
    for name in bench.plans:
        for tiles in (TILES, *OTHER_TILES):
            gpu = bench.gpu()
            group = bench.group(gpu, name, 1 if bench.small else 10, tiles=tiles)
            group.train(bench.orders(group, 2), epoch=1)
            times: dict[str, float] = {}
            for call, launch in group.one_step():

                def often(call: Any = call, gpu: Any = gpu) -> None:
                    for _ in range(1 if bench.small else 20):
                        gpu.launch(*call)

                often()
                each = gpu.seconds(often) / 20
                times[launch] = round(times.get(launch, 0) + each * 1e6, 1)
            bench.say(
                "kernels", name=name, runs=group.runs, tiles=str(tiles),
                sum_us=sum(times.values()), us=times,
            )  # fmt: skip
            group.close()


PARTS: dict[str, Callable[[Bench], None]] = {
    each.__name__: each for each in (machine, bits, epochs, together, plain, kernels)
}


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("parts", nargs="*", help=", ".join(PARTS))
    parser.add_argument("--small", action="store_true")
    given = parser.parse_args(arguments)
    bench = Bench(given.out, small=given.small)
    for name in given.parts or PARTS:
        start = time.perf_counter()
        try:
            PARTS[name](bench)
        except Exception:  # whatever it is, the other parts are worth their minutes
            bench.failed = True
            bench.say(name, failed=traceback.format_exc()[-3000:])
        else:
            bench.say(name, seconds=round(time.perf_counter() - start, 1))
    return int(bench.failed)


if __name__ == "__main__":
    sys.exit(main())
