"""What a GPU does with the package, found out in minutes: each part by itself, each written at once.

    python benchmarks/first_ten_minutes.py OUT.jsonl [--small] [PART ...]

Made-up images of CIFAR-10's number and size: they cost the same time. The first parts are the
kernels' (`repro/kernels/cuda`), the others torch's fused trainer. `--small` tries the script itself.
A part that fails says so, and the next one goes on.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import numpy as np

from repro import streams
from repro.data.dataset import synthetic
from repro.kernels import networks
from repro.kernels.cuda.group import Group, Member
from repro.kernels.cuda.plan import BLOCK, Tiles
from repro.profiles import enter
from repro.spec import REPORT_RECIPES, RunSpec

enter()  # before torch

NET_NAMES = ("net-relu", "net-leaky_relu", "net-swish")
CACHE = ROOT / ".cubins"
"""Machine code that was compiled elsewhere, if any: compiling takes seconds a network."""

TILES = (
    Tiles(),
    Tiles(images=1, rows=20, windows=1, outputs=1, inputs=4),
    Tiles(images=4, rows=5, windows=2, outputs=2, inputs=16),
)
NETS = tuple(networks.table("net", each) for each in ("relu", "leaky_relu", "swish"))
PLANS = {
    "net": (NETS, (10, 33)),
    "improved": ((networks.table("improved"),), (5, 10)),
    "resnet": ((networks.table("resnet"),), (5, 10)),
}
"""Tables, and how many runs of each."""


class Bench:
    """Where findings go."""

    def __init__(self, out: Path, *, small: bool) -> None:
        self._out = out.open("a", buffering=1)
        self.small = small
        rng = np.random.default_rng(1)
        images = 400 if small else 50_000
        self.pictures = (
            rng.integers(0, 256, (images, 32, 32, 3), np.uint8),
            rng.integers(0, 10, images).astype(np.uint8),
        )

    def say(self, part: str, **found: Any) -> None:
        self._out.write(json.dumps({"part": part, **found}, default=str) + "\n")
        print(part, found, flush=True)

    def gpu(self) -> Any:
        from repro.kernels.cuda.gpu import Gpu

        return Gpu(cache=CACHE)

    def group(self, gpu: Any, name: str, count: int, **more: Any) -> Group:
        tables = PLANS[name][0]
        members = [Member(table=table, seed=seed) for seed in range(count) for table in tables]
        pictures, labels = self.pictures
        group = Group(gpu, members, pictures, labels, batch=20, **more)
        group.load([streams.initial_weights(name, 0)] * len(members))
        return group

    def orders(self, group: Group) -> np.ndarray[Any, Any]:
        one = streams.permutation(400 if self.small else 10_000, 1, "shuffle").astype(np.int32)
        return np.stack([one] * group.runs)


def machine(bench: Bench) -> None:
    gpu = bench.gpu()
    bench.say("machine", name=gpu.name, capability=gpu.capability, cores=os.cpu_count())


def bits(bench: Bench) -> None:
    """The golden digests of level L4, three runs at a time."""
    from tests.bits.test_kernels import CASES, GOLDEN

    data = synthetic(train=60, test=10)
    images = np.ascontiguousarray(data.train_images.transpose(0, 2, 3, 1))
    order = np.arange(47, dtype=np.int32)[::-1]
    for case, golden in zip(CASES, GOLDEN, strict=True):
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
        losses = group.train(np.stack([order] * 3), epoch=1)
        group.states()
        made = hashlib.sha256(losses[1].tobytes() + group.fetched[1].tobytes()).hexdigest()[:16]
        bench.say("bits", case=case, same=made == golden, digest=made)
        group.close()


def kernels(bench: Bench) -> None:
    """Microseconds of every launch of a step, by the size of a thread's tile."""
    for name, (_, counts) in PLANS.items():
        count = 10
        for tiles in TILES:
            gpu = bench.gpu()
            start = time.perf_counter()
            group = bench.group(gpu, name, count, tiles=tiles)
            group.train(bench.orders(group)[:, :40], epoch=1)
            compiled = time.perf_counter() - start
            times = {}
            for call, launch in group.rehearse():
                gpu.launch(*call)
                gpu.wait()
                each = gpu.seconds(lambda call=call: [gpu.launch(*call) for _ in range(20)]) / 20
                times[launch] = round(times.get(launch, 0) + each * 1e6, 1)
            bench.say("kernels", name=name, runs=group.runs, tiles=str(tiles), start_s=compiled,
                      sum_us=sum(times.values()), us=times)  # fmt: skip
            group.close()


def epochs(bench: Bench) -> None:
    """Seconds of an epoch's training and of a prediction of 10,000 images."""
    for name, (_, counts) in PLANS.items():
        for count in counts:
            gpu = bench.gpu()
            group = bench.group(gpu, name, count)
            orders = bench.orders(group)
            group.train(orders[:, :40], epoch=1)
            trained = gpu.seconds(lambda: group.train(orders, epoch=2))
            predicted = gpu.seconds(lambda: group.predict(orders))
            start = time.perf_counter()
            group.states()
            fetched = time.perf_counter() - start
            step = trained / (orders.shape[1] // 20)
            bench.say("epochs", name=name, runs=group.runs, step_us=step * 1e6,
                      epoch_a_run_s=(2000 * step + predicted) / group.runs,
                      predict_s=predicted, states_s=fetched)  # fmt: skip
            group.close()


def together(bench: Bench) -> None:
    """Groups of different networks at once, each in a thread and a stream of its own."""
    groups = [bench.group(bench.gpu(), name, 10) for name in PLANS]
    steps = {"net": 1_500, "improved": 600, "resnet": 200}

    def train(group: Group, name: str) -> float:
        start = time.perf_counter()
        group.train(np.tile(bench.orders(group), (1, 3))[:, : 20 * steps[name]], epoch=2)
        return time.perf_counter() - start

    for group in groups:
        group.train(bench.orders(group)[:, :40], epoch=1)
    alone = [train(group, name) for group, name in zip(groups, PLANS, strict=True)]
    start = time.perf_counter()
    with ThreadPoolExecutor(3) as pool:
        each = list(pool.map(train, groups, PLANS))
    bench.say("together", steps=steps, alone_s=alone, each_s=each, all_s=time.perf_counter() - start)
    for group in groups:
        group.close()


def torch_trainers(bench: Bench, model: str, seeds: Sequence[int], images: int) -> list[Any]:
    """Trainers of torch on the card, on few of the images."""
    from repro.training import Trainer, place, prepare_torch

    prepare_torch()
    small = synthetic(train=600 if bench.small else 50_000, test=1_000)
    placed = place(small, "cuda")
    names = NET_NAMES if model == "net" else (model,)
    trainers = [
        Trainer(RunSpec(recipe=REPORT_RECIPES[name], seed=seed, device="cuda", engine="torch"), placed)
        for seed in seeds
        for name in names
    ]
    for trainer in trainers:
        trainer.train, trainer.validation = trainer.train[:images], trainer.validation[:100]
    return trainers


def torch_bits(bench: Bench) -> None:
    """Torch's fused runs: a rerun, other neighbours, another place, a neighbour of NaN."""
    import torch

    from repro.fused import FusedTrainer

    for model in PLANS:
        found = []
        for seeds, sick in (((0, 1, 2), None), ((0, 1, 2), None), ((5, 1, 7), None),
                            ((1, 5, 7), None), ((0, 1, 2), 0)):  # fmt: skip
            trainers = torch_trainers(bench, model, seeds, 400)
            started = [trainer.epoch for trainer in trainers]
            if sick is not None:
                with torch.no_grad():
                    for each in trainers[sick].model.parameters():
                        each.fill_(float("nan"))
            fused = FusedTrainer(trainers)
            fused.train_epoch()
            assert fused._graph is not None, started
            found.append({
                (t.spec.recipe.activation, t.spec.seed): t.epochs[-1].weights_sha256
                for t in trainers if t.epochs
            })  # fmt: skip
        one = ("relu", 1)
        bench.say(
            "torch_bits", model=model, rerun=found[0] == found[1],
            neighbours=found[2][one] == found[0][one], place=found[3][one] == found[0][one],
            nan_stays=found[4].get(one) == found[0][one] and len(found[4]) == len(found[0]) - 1,
        )  # fmt: skip


def torch_steps(bench: Bench) -> None:
    """Milliseconds of a step: torch's fused runs, and the plain loop with one run."""
    import torch

    from repro import models
    from repro.contestants import InMemory, PlainLoop
    from repro.fused import FusedTrainer

    data = synthetic(train=2_000)
    for model, count in (("net", 10), ("improved", 10), ("resnet", 10)):
        trainers = torch_trainers(bench, model, range(count), 400 if bench.small else 6_000)
        fused = FusedTrainer(trainers)
        fused.train_epoch()
        torch.cuda.synchronize()
        start = time.perf_counter()
        fused._step.zero_()
        for _ in range(200):
            fused._graph.replay()
            fused._step.zero_()
        torch.cuda.synchronize()
        together = (time.perf_counter() - start) / 200
        del fused, trainers
        torch.cuda.empty_cache()
        alone = {}
        for precision in ("ieee", "tf32"):
            torch.backends.cuda.matmul.allow_tf32 = precision == "tf32"
            torch.backends.cudnn.allow_tf32 = precision == "tf32"
            torch.use_deterministic_algorithms(False)
            name = "net-relu" if model == "net" else model
            loop = PlainLoop(
                models.build(REPORT_RECIPES[name], seed=0),
                InMemory(data.train_images, data.train_labels), "cuda",
            )  # fmt: skip
            loop.train(40)
            alone[precision] = loop.train(300) / 300 * 1e3
        bench.say("torch_steps", model=model, runs=3 * count if model == "net" else count,
                  fused_ms=together * 1e3, plain_ms=alone, torch=str(torch.__version__))  # fmt: skip


PARTS: dict[str, Callable[[Bench], None]] = {
    "machine": machine, "bits": bits, "epochs": epochs, "together": together, "torch_steps": torch_steps,
    "kernels": kernels, "torch_bits": torch_bits,
}  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []])
    parser.add_argument("--small", action="store_true")
    given = parser.parse_args(arguments)
    bench = Bench(given.out, small=given.small)
    failed = 0
    for name in given.parts or PARTS:
        start = time.perf_counter()
        try:
            PARTS[name](bench)
            bench.say(name, seconds=round(time.perf_counter() - start, 1))
        except Exception:
            failed += 1
            bench.say(name, FAILED=traceback.format_exc()[-3000:])
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
