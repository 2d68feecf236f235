"""Measures how fast this machine trains, beside the loops that users write.

All loops of a network are alive at once and take turns, so that what disturbs the machine
disturbs each of them. Theirs use every core for one run, ours one core a run and a run on every
core; what is compared is the machine's throughput. Each loop is a process of its own:
:mod:`repro.bench.baselines`.
"""

from __future__ import annotations

import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from repro.bench.baseline_process import LoopProcess
from repro.errors import TrainingError, listed, sentence
from repro.execution.environment import processor
from repro.execution.scheduler import Task, run
from repro.spec import REPORT_RECIPES, DatasetName, Engine, RunSpec

OURS: tuple[Engine, ...] = ("kernels", "torch")

STEPS: Mapping[str, int] = {"net-relu": 400, "improved": 100, "resnet": 40}
"""Steps of a turn: some seconds of each network's plain loop."""

KERNELS_STEPS: Mapping[str, int] = {"net-relu": 10, "improved": 4, "resnet": 3}
"""How many times as many steps the kernels take in a turn, which would else be over in a third of a
second and show no more than the start of it. Their seconds are divided by it."""

STEPS_TO_LEARN: Mapping[str, int] = {"net-relu": 2_000, "improved": 2_000, "resnet": 300}
"""Steps after which a network is well above chance: only then do accuracies compare anything."""

IMAGES_PER_EPOCH = 40_000

BATCH = 20

Say = Callable[[str], None]


@dataclass(frozen=True, kw_only=True)
class Measured:
    """What came out for one network."""

    model: str
    cores: int
    steps: int
    """Of a turn."""
    seconds: dict[str, list[float]]
    """Wall-clock seconds for `steps` steps, a turn each, by loop; ours train `cores` runs at
    once, the others one."""
    accuracy: dict[str, float]
    """Of validation images, before the turns."""
    operations: int
    """Useful float32 operations to train on one image."""
    rate: float
    """Float32 operations a second of the matrix products of all cores together."""

    def epochs_per_hour(self, which: str) -> float:
        """Epochs of 40,000 images that the machine trains in an hour, by the median turn."""
        images = self.steps * BATCH * (self.cores if which in OURS else 1)
        return 3600 * images / statistics.median(self.seconds[which]) / IMAGES_PER_EPOCH

    def spread(self, which: str) -> float:
        """Half the range between the quartiles of the turns, as a share of their median."""
        turns = self.seconds[which]
        if len(turns) < 2:
            return 0.0
        low, _, high = statistics.quantiles(turns, n=4, method="inclusive")
        return (high - low) / 2 / statistics.median(turns)

    def ratio(self, which: str, over: str) -> float:
        """How many times as fast, as the median over the turns, which were taken side by side."""
        share = self.cores if which in OURS else 1
        pairs = zip(self.seconds[over], self.seconds[which], strict=True)
        return statistics.median(share * theirs / mine for theirs, mine in pairs)

    def share_of_floor(self, which: str) -> float:
        """Part of the time that the useful operations alone would take at the products' rate."""
        floor = self.operations * IMAGES_PER_EPOCH / self.rate
        return floor * self.epochs_per_hour(which) / 3600


@dataclass(frozen=True, kw_only=True)
class BenchResult:
    """All that one call measured."""

    machine: dict[str, str]
    networks: list[Measured]
    workers: dict[int, float] = field(default_factory=dict)
    """Epochs of Net an hour, by the kernels, by the number of runs at a time."""
    threads: dict[str, dict[int, float]] = field(default_factory=dict)
    """Seconds of a turn of one run by the kernels, by network and the number of its cores."""
    seeds: dict[int, float] = field(default_factory=dict)
    """Seconds for one epoch of so many seeds of Net, by the kernels, from a command to its end."""
    commands: dict[str, list[float]] = field(default_factory=dict)
    """Seconds of a command that imports no torch, several times."""


def measure(
    model: str,
    loops: Sequence[str],
    *,
    steps: int,
    rounds: int,
    steps_to_learn: int,
    cores: int,
    home: Path,
    png: Path,
    dataset: DatasetName,
    say: Say,
) -> Measured:
    """Let `loops` train `model` by turns.

    Before the turns one of each team trains `steps_to_learn` steps and is validated, and the others
    take a few: so none of them is cold.

    Raises:
        TrainingError: one of them cannot begin, or ended.
    """
    given = {"model": model, "home": str(home), "png": str(png), "dataset": dataset}
    warm_up = max(steps // 10, 2)
    with ExitStack() as stack:
        teams: dict[str, list[LoopProcess]] = {}
        accuracy = {}
        for which in loops:
            size = cores if which in OURS else 1
            teams[which] = [stack.enter_context(LoopProcess(which, given)) for _ in range(size)]
            for one in teams[which]:
                one.hear()
            say(sentence(
                "{model}: {loop} trains {steps} steps, to be validated",
                model=model, loop=which, steps=max(warm_up, steps_to_learn),
            ))  # fmt: skip
            take_turn(teams[which][:1], max(warm_up, steps_to_learn))
            teams[which][0].ask("validate")
            accuracy[which] = teams[which][0].hear()["accuracy"]
            take_turn(teams[which], warm_up)
        seconds: dict[str, list[float]] = {which: [] for which in loops}
        for number in range(rounds):
            for which, team in teams.items():
                times = KERNELS_STEPS[model] if which == "kernels" else 1
                seconds[which].append(take_turn(team, times * steps) / times)
            latest = listed(f"{which} {turns[-1]:.1f} s" for which, turns in seconds.items())
            say(sentence(
                "{model}: turn {number} of {rounds}: {latest}",
                model=model, number=number + 1, rounds=rounds, latest=latest,
            ))  # fmt: skip
    operations, rate = _floor(given, cores)
    return Measured(
        model=model, cores=cores, steps=steps, seconds=seconds, accuracy=accuracy,
        operations=operations, rate=rate,
    )  # fmt: skip


def take_turn(team: Sequence[LoopProcess], steps: int) -> float:
    """Seconds until all of `team`, who begin together, have trained `steps` steps each."""
    start = time.perf_counter()
    for one in team:
        one.ask(steps)
    answers = [one.hear()["seconds"] for one in team]
    # A team of one times itself: starting a loader again is not what is measured.
    return answers[0] if len(team) == 1 else time.perf_counter() - start


def _floor(given: Mapping[str, str], cores: int) -> tuple[int, float]:
    """Useful operations an image, and the rate of matrix products on all cores at once."""
    with ExitStack() as stack:
        team = [stack.enter_context(LoopProcess("floor", given)) for _ in range(cores)]
        operations = {one.hear()["operations"] for one in team}.pop()
        for one in team:
            one.ask("rate")
        return operations, sum(one.hear()["rate"] for one in team)


def measure_workers(
    counts: Sequence[int], *, steps: int, rounds: int, home: Path, dataset: DatasetName
) -> dict[int, float]:
    """Epochs of Net an hour, by the kernels, with so many runs at a time."""
    given = {"model": "net-relu", "home": str(home), "png": "", "dataset": dataset}
    with ExitStack() as stack:
        team = [stack.enter_context(LoopProcess("kernels", given)) for _ in range(max(counts))]
        for one in team:
            one.hear()
        take_turn(team, 10)
        turns: dict[int, list[float]] = {count: [] for count in counts}
        steps *= KERNELS_STEPS["net-relu"]
        for _ in range(rounds):
            for count in counts:
                turns[count].append(take_turn(team[:count], steps))
    return {
        count: 3600 * count * steps * BATCH / statistics.median(seconds) / IMAGES_PER_EPOCH
        for count, seconds in turns.items()
    }


def measure_threads(
    model: str,
    counts: Sequence[int],
    *,
    steps: int,
    rounds: int,
    home: Path,
    dataset: DatasetName,
    say: Say,
) -> dict[int, float]:
    """Median seconds that one run of `model` takes for `steps` steps by the kernels on so many
    cores, by turns."""
    given = {"model": model, "home": str(home), "png": "", "dataset": dataset}
    with ExitStack() as stack:
        runs = {
            count: stack.enter_context(LoopProcess("kernels", {**given, "threads": str(count)}))
            for count in counts
        }
        for one in runs.values():
            one.hear()
            take_turn([one], max(steps // 10, 2))
        turns: dict[int, list[float]] = {count: [] for count in counts}
        times = KERNELS_STEPS[model]
        for _ in range(rounds):
            for count, one in runs.items():
                turns[count].append(take_turn([one], times * steps) / times)
    medians = {count: statistics.median(seconds) for count, seconds in turns.items()}
    taken = listed(
        sentence("{count} cores {seconds:.1f} s", count=n, seconds=s) for n, s in medians.items()
    )
    say(sentence("{model}: one run on {taken}", model=model, taken=taken))
    return medians


def measure_seeds(
    counts: Sequence[int], *, cores: int, home: Path, dataset: DatasetName, say: Say
) -> dict[int, float]:
    """Seconds until so many seeds of Net have trained one epoch, processes' starts included.

    Raises:
        TrainingError: a run failed.
    """
    taken = {}
    for count in counts:
        specs = [
            RunSpec(recipe=REPORT_RECIPES["net-relu"], seed=seed, dataset=dataset)
            for seed in range(count)
        ]
        with tempfile.TemporaryDirectory() as store:
            start = time.perf_counter()
            failures = run(
                [Task(spec=spec, epochs=1) for spec in specs],
                store=Path(store), home=home, workers=cores, on_event=lambda _: None,
            )  # fmt: skip
            taken[count] = time.perf_counter() - start
        if failures:
            one = failures[0]
            raise TrainingError(sentence("{run}: {text}", run=one.run, text=one.message))
        took = taken[count]
        say(sentence("one epoch of {count} seeds of Net: {took:.1f} s", count=count, took=took))
    return taken


def measure_commands(commands: Sequence[Sequence[str]], times: int) -> dict[str, list[float]]:
    """Wall-clock seconds of each `repro` command, `times` times.

    Raises:
        TrainingError: a command failed; exit code 1, a verdict, is no failure.
    """
    out: dict[str, list[float]] = {}
    for words in commands:
        name = f"repro {' '.join(words)}"
        for _ in range(times):
            start = time.perf_counter()
            done = subprocess.run(
                [sys.executable, "-m", "repro", *words],
                check=False, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
                errors="replace",
            )  # fmt: skip
            taken = time.perf_counter() - start
            if done.returncode not in {0, 1}:
                last = (done.stderr.strip().splitlines() or [sentence("no message")])[-1]
                raise TrainingError(sentence(
                    "{name}: ended with code {returncode}: {last}",
                    name=name, returncode=done.returncode, last=last,
                ))  # fmt: skip
            out.setdefault(name, []).append(taken)
    return out


def describe_machine(cores: int) -> dict[str, str]:
    """Hardware and versions, for a person."""
    found = {"cores": str(cores), "processor": processor(), "Python": platform.python_version()}
    for name in ("torch", "torchvision", "lightning"):
        with suppress(PackageNotFoundError):
            found[name] = version(name)
    return found
