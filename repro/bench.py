"""Measures how fast this machine trains, beside the loops that users write, and writes it down.

All contestants of a network are alive at once and take turns, so that what disturbs the machine
disturbs each of them. Theirs use every core for one run, ours one core a run and a run on every
core; what is compared is the machine's throughput. Each contestant is a process of its own:
:mod:`repro.contestants`.
"""

from __future__ import annotations

import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import asdict, dataclass, field
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import Any

from repro.errors import TrainingError, UsageError
from repro.files import explained, write_atomically
from repro.machine import processor
from repro.profiles import worker_environment
from repro.runner import Task, run
from repro.spec import REPORT_RECIPES, DatasetName, Engine, RunSpec

CONTESTANTS: Mapping[str, str] = {
    "plain": "A, plain loop",
    "files": "B, PNG files",
    "lightning": "C, Lightning",
    "kernels": "D, ours, kernels",
    "torch": "E, ours, torch",
}
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

MARKS = ("<!-- measured: begin -->", "<!-- measured: end -->")
"""Between these lines of a Markdown file, the tables are put."""

Say = Callable[[str], None]


class Contestant:
    """A process that trains when it is told to.

    Raises:
        TrainingError: it cannot begin, or ended.
    """

    def __init__(self, which: str, given: Mapping[str, str]) -> None:
        self.name = f"{CONTESTANTS.get(which, which)} ({given['model']})"
        # The products' rate is that of the widest vectors, which torch's environment would cap.
        enter = "from repro.profiles import enter; enter(); " if which == "torch" else ""
        root = str(Path(__file__).parent.parent)
        code = (
            f"import sys; sys.path[0] = {root!r}; {enter}from repro.contestants import main; main()"
        )
        # A caller's choice of threads is not what a user's loop would meet.
        environment = {k: v for k, v in os.environ.items() if not k.endswith("_NUM_THREADS")}
        if which == "torch":
            environment = worker_environment(os.environ)
        self._errors = tempfile.TemporaryFile("w+")  # noqa: SIM115 - closed when it ends
        self._process = subprocess.Popen(
            [sys.executable, "-c", code, json.dumps({"which": which, **given})],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._errors,
            text=True, env=environment,
        )  # fmt: skip

    def ask(self, request: object) -> None:
        """Send one line and do not wait."""
        assert self._process.stdin is not None  # noqa: S101 - a pipe
        try:
            self._process.stdin.write(f"{request}\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            self.hear()

    def hear(self) -> dict[str, Any]:
        """Wait for one answer."""
        assert self._process.stdout is not None  # noqa: S101 - a pipe
        line = self._process.stdout.readline()
        if not line:
            self._process.wait()
            self._errors.seek(0)
            last = [each for each in self._errors if each.strip()]
            raise TrainingError(f"{self.name}: ended: {last[-1].strip() if last else 'no message'}")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def __enter__(self) -> Contestant:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._process.kill()
        self._process.communicate()
        self._errors.close()


@dataclass(frozen=True, kw_only=True)
class Measured:
    """What came out for one network."""

    model: str
    cores: int
    steps: int
    """Of a turn."""
    seconds: dict[str, list[float]]
    """Wall-clock seconds for `steps` steps, a turn each, by contestant; ours train `cores` runs at
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
class Report:
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
    contestants: Sequence[str],
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
    """Let `contestants` train `model` by turns.

    Before the turns one of each team trains `steps_to_learn` steps and is validated, and the others
    take a few: so none of them is cold.

    Raises:
        TrainingError: one of them cannot begin, or ended.
    """
    given = {"model": model, "home": str(home), "png": str(png), "dataset": dataset}
    warm_up = max(steps // 10, 2)
    with ExitStack() as stack:
        teams: dict[str, list[Contestant]] = {}
        accuracy = {}
        for which in contestants:
            size = cores if which in OURS else 1
            teams[which] = [stack.enter_context(Contestant(which, given)) for _ in range(size)]
            for one in teams[which]:
                one.hear()
            say(f"{model}: {which} trains {max(warm_up, steps_to_learn)} steps, to be validated")
            take_turn(teams[which][:1], max(warm_up, steps_to_learn))
            teams[which][0].ask("validate")
            accuracy[which] = teams[which][0].hear()["accuracy"]
            take_turn(teams[which], warm_up)
        seconds: dict[str, list[float]] = {which: [] for which in contestants}
        for number in range(rounds):
            for which, team in teams.items():
                times = KERNELS_STEPS[model] if which == "kernels" else 1
                seconds[which].append(take_turn(team, times * steps) / times)
            latest = ", ".join(f"{which} {turns[-1]:.1f} s" for which, turns in seconds.items())
            say(f"{model}: turn {number + 1} of {rounds}: {latest}")
    operations, rate = _floor(given, cores)
    return Measured(
        model=model, cores=cores, steps=steps, seconds=seconds, accuracy=accuracy,
        operations=operations, rate=rate,
    )  # fmt: skip


def take_turn(team: Sequence[Contestant], steps: int) -> float:
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
        team = [stack.enter_context(Contestant("floor", given)) for _ in range(cores)]
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
        team = [stack.enter_context(Contestant("kernels", given)) for _ in range(max(counts))]
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
            count: stack.enter_context(Contestant("kernels", {**given, "threads": str(count)}))
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
    say(f"{model}: one run on {', '.join(f'{n} cores {s:.1f} s' for n, s in medians.items())}")
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
            raise TrainingError(f"{failures[0].run}: {failures[0].message}")
        say(f"one epoch of {count} seeds of Net: {taken[count]:.1f} s")
    return taken


def measure_commands(commands: Sequence[Sequence[str]], times: int) -> dict[str, list[float]]:
    """Wall-clock seconds of each `repro` command, `times` times."""
    out: dict[str, list[float]] = {}
    for words in commands:
        for _ in range(times):
            start = time.perf_counter()
            subprocess.run(
                [sys.executable, "-m", "repro", *words], check=True, stdout=subprocess.DEVNULL
            )
            taken = time.perf_counter() - start
            out.setdefault(f"repro {' '.join(words)}", []).append(taken)
    return out


def markdown(report: Report) -> str:
    """The report as Markdown tables."""
    lines = [", ".join(f"{name} {value}" for name, value in report.machine.items()) + "."]
    for each in report.networks:
        lines += ["", f"### {each.model}", "", *_network_rows(each)]
    if report.workers:
        lines += ["", "### Runs at a time (Net, kernels)", "", "| Runs | Epochs an hour |"]
        lines += ["| ---: | ---: |"]
        lines += [f"| {count} | {rate:.0f} |" for count, rate in report.workers.items()]
    if report.threads:
        lines += ["", "### Cores for one run (kernels)", "", "| Network | Cores | Times as fast |"]
        lines += ["| --- | ---: | ---: |"]
        lines += [
            f"| {model} | {count} | {seconds[1] / taken:.2f} |"
            for model, seconds in report.threads.items()
            for count, taken in seconds.items()
        ]
    if report.seeds:
        lines += ["", "### Seeds (one epoch of Net, kernels, from nothing)", ""]
        lines += ["| Seeds | Seconds | a seed |", "| ---: | ---: | ---: |"]
        lines += [f"| {n} | {taken:.1f} | {taken / n:.1f} |" for n, taken in report.seeds.items()]
    if hours := _hours(report):
        lines += [
            "",
            "### The 17 cells, kernels: hours of training, as predicted from the above",
            "",
        ]
        lines += ["| Seeds | Hours |", "| ---: | ---: |"]
        lines += [f"| {count} | {taken:.1f} |" for count, taken in hours.items()]
    if report.commands:
        lines += ["", "### Commands that need no torch", ""]
        lines += ["| Command | Median s | Slowest s | n |", "| --- | ---: | ---: | ---: |"]
        lines += [
            f"| `{name}` | {statistics.median(taken):.2f} | {max(taken):.2f} | {len(taken)} |"
            for name, taken in report.commands.items()
        ]
    return "\n".join(lines) + "\n"


def _hours(report: Report) -> dict[int, float]:
    """Hours that the runs of all tables take for so many seeds, a run a core; {} if not all three
    networks were measured. Validation, a fifteenth of the time, comes on top."""
    rates = {each.model: each for each in report.networks if "kernels" in each.seconds}
    if rates.keys() != STEPS.keys():
        return {}
    cores = report.networks[0].cores
    alone = [
        cores * epochs / rates[model].epochs_per_hour("kernels")
        for model, epochs in [*[("net-relu", 100)] * 3, ("improved", 100), ("resnet", 10)]
    ]
    return {count: max(count * sum(alone) / cores, *alone) for count in (1, 5, 10, 20)}


def draw(report: Report, path: Path) -> None:
    """How the cost grows with seeds and with runs at a time, as an SVG; needs matplotlib."""
    from matplotlib.figure import Figure  # noqa: PLC0415 - an extra

    figure = Figure(figsize=(8, 3), layout="constrained")
    left, right = figure.subplots(1, 2)
    left.plot(list(report.seeds), list(report.seeds.values()), "o-", color="#0072b2")
    left.set(
        xlabel="seeds of Net, one epoch each", ylabel="seconds", xlim=(0, None), ylim=(0, None)
    )
    right.plot(list(report.workers), list(report.workers.values()), "o-", color="#0072b2")
    right.set(
        xlabel="runs at a time", ylabel="epochs of Net an hour", xlim=(0, None), ylim=(0, None)
    )
    right.axvline(report.networks[0].cores, color="#999999", linestyle=":", label="cores")
    right.legend()
    for axes in (left, right):
        axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, metadata={"Date": None})


def _network_rows(each: Measured) -> list[str]:
    rivals = [which for which in each.seconds if which not in OURS]
    head = [
        "Contestant",
        "Epochs an hour",
        "Spread",
        *[f"over {CONTESTANTS[r][0]}" for r in rivals],
    ]
    head += ["Of the floor", "Accuracy"]
    rows = [
        [
            CONTESTANTS[which],
            f"{each.epochs_per_hour(which):.1f}",
            f"±{each.spread(which):.1%}",
            *[f"{each.ratio(which, rival):.2f}" for rival in rivals],
            f"{each.share_of_floor(which):.2f}",
            f"{each.accuracy[which]:.3f}",
        ]
        for which in each.seconds
    ]
    turns = len(next(iter(each.seconds.values())))
    return [
        f"| {' | '.join(head)} |",
        f"| --- |{' ---: |' * (len(head) - 1)}",
        *[f"| {' | '.join(row)} |" for row in rows],
        "",
        f"{turns} turns of {each.steps} steps; {each.operations / 1e6:.1f} million useful "
        f"operations an image; matrix products at {each.rate / 1e9:.0f} GFLOP/s on {each.cores} "
        "cores.",
    ]


def around_marks(page: Path) -> tuple[str, str]:
    """What stands before and after the marks of a Markdown file.

    Raises:
        UsageError: the file has no such marks.
        DataError: it cannot be read.
    """
    with explained(page, "read"):
        text = page.read_text("utf-8")
    before, found, rest = text.partition(MARKS[0])
    _, ended, after = rest.partition(MARKS[1])
    if not found or not ended:
        raise UsageError(f"{page}: expected the lines {MARKS[0]} and {MARKS[1]}")
    return before, after


def write(report: Report, page: Path) -> None:
    """Put the tables between the marks of the Markdown file `page`, the numbers and a figure beside
    it. Raises as :func:`around_marks`."""
    before, after = around_marks(page)
    new = f"{before}{MARKS[0]}\n\n{markdown(report)}\n{MARKS[1]}{after}"
    write_atomically(page.with_suffix(".json"), json.dumps(asdict(report), indent=1).encode())
    write_atomically(page, new.encode())
    if report.seeds and find_spec("matplotlib"):
        draw(report, page.with_name("cost.svg"))


def describe_machine(cores: int) -> dict[str, str]:
    """Hardware and versions, for a person."""
    found = {"cores": str(cores), "processor": processor(), "Python": platform.python_version()}
    for name in ("torch", "torchvision", "lightning"):
        with suppress(PackageNotFoundError):
            found[name] = version(name)
    return found
