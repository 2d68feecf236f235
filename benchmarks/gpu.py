"""Check and measure the fused trainer on a GPU, in less than ten minutes.

    python benchmarks/gpu.py --home ~/.local/share/repro --out gpu.json

It needs CIFAR-10 under `--home` for accuracies that mean something; without, it takes random
images of the same sizes, which cost the same time, and says so. `--device cpu --tiny` tries the
script itself. Exit code: 0 every check passed, 1 one did not.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

# A borrowed machine has the repository and torch, and nothing installed.
ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from repro.profiles import enter, worker_environment

enter()  # before torch

import torch
from scipy import stats

from repro.data.dataset import Dataset, default_folder, load_cifar10, synthetic
from repro.errors import DataError
from repro.fused import FusedTrainer
from repro.runner import FUSED_RUNS
from repro.spec import REPORT_RECIPES, RunSpec
from repro.training import Placed, Trainer, place

SEEDS = range(200, 210)  # neither fitting nor verification seeds: no evidence comes from here
NETS = ("net-relu", "net-leaky_relu", "net-swish")
EPOCHS = {"net": 100, "improved": 100, "resnet": 10}


class Bench:
    """One device, one data set, and what was found on them."""

    def __init__(self, device: Any, data: Dataset, home: Path | None, *, tiny: bool) -> None:
        self.device, self.home, self.tiny = device, home or "", tiny
        self.placed: Placed = place(data, device)
        self.found: dict[str, Any] = {"checks": {}, "seconds_per_epoch": {}}

    def trainers(self, model: str, seeds: Sequence[int]) -> list[Trainer]:
        recipe = REPORT_RECIPES[model]
        specs = [
            RunSpec(recipe=recipe, seed=seed, device=self.device, engine="torch") for seed in seeds
        ]
        return [Trainer(spec, self.placed) for spec in specs]

    def cut(self, trainers: Sequence[Trainer], images: int) -> list[Trainer]:
        """The same trainers on few of their images, for what needs no whole epoch."""
        for trainer in trainers:
            trainer.train, trainer.validation = trainer.train[:images], trainer.validation[:500]
        return list(trainers)

    def check(self, name: str, passed: bool, detail: Any) -> None:
        self.found["checks"][name] = {"passed": bool(passed), "detail": detail}
        print(f"{'ok  ' if passed else 'FAIL'} {name}: {detail}", flush=True)

    def wait(self) -> None:
        if self.device == "cuda":
            torch.cuda.synchronize()

    def seconds(self, work: Callable[[], object]) -> float:
        self.wait()
        start = time.perf_counter()
        work()
        self.wait()
        return time.perf_counter() - start


def digests(trainers: Sequence[Trainer]) -> list[str]:
    return [trainer.epochs[-1].weights_sha256 for trainer in trainers]


def check_bits(bench: Bench, model: str, images: int) -> None:
    """Level L1: a rerun has the same bits; so has a replica in other company of the same size."""
    runs = []
    for seeds in ((0, 1, 2), (0, 1, 2), (5, 1, 7), (1, 5, 7)):
        trainers = bench.cut(bench.trainers(model, seeds), images)
        fused = FusedTrainer(trainers)
        for _ in range(2):
            fused.train_epoch()
        runs.append(dict(zip(seeds, digests(trainers), strict=True)))
    bench.check(f"{model}: a rerun has the same bits", runs[0] == runs[1], len(runs[0]))
    bench.check(f"{model}: neighbours change no bit", runs[2][1] == runs[0][1], "seed 1")
    bench.check(f"{model}: nor does the place", runs[3][1] == runs[0][1], "seed 1")


def check_against_solo(bench: Bench, model: str, images: int, epochs: int) -> None:
    """Fused and solo runs of ten seeds: each close at first, and one distribution at the end."""
    solo = bench.cut(bench.trainers(model, SEEDS), images)
    for trainer in solo:
        for _ in range(epochs):
            trainer.train_epoch()
    together = bench.cut(bench.trainers(model, SEEDS), images)
    fused = FusedTrainer(together)
    for _ in range(epochs):
        fused.train_epoch()
    first = [abs(a.epochs[0].train_loss - b.epochs[0].train_loss)
             for a, b in zip(solo, together, strict=True)]  # fmt: skip
    bench.check(f"{model}: the first epoch's loss is the solo one's", max(first) < 0.02, max(first))
    one, other = ([t.epochs[-1].validation_accuracy for t in each] for each in (solo, together))
    p = float(stats.ks_2samp(one, other).pvalue)
    bench.check(
        f"{model}: accuracies are one distribution", p > 0.01, f"Kolmogorov-Smirnov p {p:.3f}"
    )
    differences = [b - a for a, b in zip(one, other, strict=True)]
    mean, error = statistics.mean(differences), statistics.stdev(differences) / len(one) ** 0.5
    bench.check(
        f"{model}: fused less solo, seed by seed, is 0 within 3 standard errors",
        abs(mean) <= 3 * error + 1e-9, f"{mean:+.4f} ± {error:.4f}, {len(one)} seeds",
    )  # fmt: skip


def measure_plain(bench: Bench, model: str, steps: int) -> None:
    """Seconds an epoch of the loop that a user writes, one run on the device, in a process of its
    own: this one has one thread and torch's deterministic algorithms."""
    code = (
        f"import sys; sys.path[0] = {str(ROOT)!r}; "
        "from repro.contestants import on_device; on_device()"
    )
    ours = worker_environment({})
    given = [bench.device, model, str(steps), str(bench.home)]
    done = subprocess.run(
        [sys.executable, "-c", code, *given], capture_output=True, text=True, check=True,
        env={name: value for name, value in os.environ.items() if name not in ours},
    )  # fmt: skip
    taken = float(done.stdout.splitlines()[-1]) / steps * 2000
    bench.found["seconds_per_epoch"].setdefault(model, {})["plain loop"] = taken
    print(f"     {model}: plain loop {taken:.2f} s an epoch", flush=True)


def measure_fused(bench: Bench, models: Sequence[str], count: int) -> float:
    """Seconds a whole epoch of `count` replicas takes, validation and digests included."""
    each = -(-count // len(models))
    trainers = [t for model in models for t in bench.trainers(model, range(each))][:count]
    if bench.device == "cuda":
        torch.cuda.reset_peak_memory_stats()
    fused = FusedTrainer(trainers)
    fused.train_epoch()  # captures the graph
    taken = bench.seconds(fused.train_epoch)
    name = "net" if models == NETS else models[0]
    entry = bench.found["seconds_per_epoch"].setdefault(name, {})
    entry[f"fused {count}"] = taken
    if bench.device == "cuda":
        entry[f"fused {count}, GB"] = torch.cuda.max_memory_allocated() / 1e9
    print(
        f"     {name}: {count} fused {taken:.2f} s an epoch, {taken / count:.3f} s a run",
        flush=True,
    )
    return taken


def run(bench: Bench, deadline: float) -> None:
    images, epochs, steps = (100, 1, 2) if bench.tiny else (4_000, 5, 300)
    models = ("net-relu",) if bench.tiny else ("net-relu", "improved", "resnet")
    for model in models:
        check_bits(bench, model, images)
    for model in models[:2]:
        check_against_solo(bench, model, images, epochs)
    for model in models:
        measure_plain(bench, model, steps)
    whole: dict[str, float] = {}
    groups: list[tuple[str, Sequence[str]]] = [
        ("net", NETS),
        ("improved", ["improved"]),
        ("resnet", ["resnet"]),
    ]
    for name, members in groups[: len(models)]:
        for count in (1, 3) if bench.tiny else (1, 2, 5, FUSED_RUNS[name]):  # type: ignore[index]
            if time.perf_counter() < deadline:
                taken = measure_fused(bench, members, count)
                if count == FUSED_RUNS[name]:  # type: ignore[index]
                    whole[name] = taken
    if bench.tiny:
        return
    if len(whole) < len(groups):
        bench.check("the 17 cells for 10 seeds in 10 minutes", False, "no time left to measure all")
        return
    # Checkpoints and readings come on top; `repro table all --seeds 10` has them.
    minutes = sum(whole[name] * EPOCHS[name] for name in whole) / 60
    bench.found["minutes_for_10_seeds"] = minutes
    bench.check("the 17 cells for 10 seeds in 10 minutes", minutes < 10, f"{minutes:.1f} min")
    plain = bench.found["seconds_per_epoch"]
    runs = (("net", "net-relu", 30), ("improved", "improved", 10), ("resnet", "resnet", 10))
    alone = sum(n * EPOCHS[name] * plain[model]["plain loop"] for name, model, n in runs) / 60
    bench.check("30 times the plain loop", alone > 30 * minutes, f"{alone / minutes:.1f} times")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--home", type=Path, default=Path("nowhere"))
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--device", default="cuda", choices=("cuda", "cpu"))
    parser.add_argument("--minutes", type=float, default=9)
    parser.add_argument("--tiny", action="store_true")
    given = parser.parse_args()
    if given.device == "cuda" and not torch.cuda.is_available():
        print("expected an NVIDIA GPU that torch can use; found none")
        return 4
    try:
        home: Path | None = given.home
        data = load_cifar10(default_folder(given.home))
    except DataError as error:
        print(f"random images instead of CIFAR-10: {error}")
        home = None
        data = (
            synthetic(train=500, test=100) if given.tiny else synthetic(train=50_000, test=10_000)
        )
    start = time.perf_counter()
    bench = Bench(given.device, data, home, tiny=given.tiny)
    bench.found["device"] = (
        torch.cuda.get_device_name() if given.device == "cuda" else "CPU: only the script is tried"
    )
    bench.found["torch"] = str(torch.__version__)
    run(bench, start + 60 * given.minutes)
    given.out.write_text(json.dumps(bench.found, indent=1))
    return 0 if all(check["passed"] for check in bench.found["checks"].values()) else 1


if __name__ == "__main__":
    sys.exit(main())
