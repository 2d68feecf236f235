"""What `repro bench` measured: as Markdown, as a figure, and between the marks of a page."""

from __future__ import annotations

import json
import statistics
from collections.abc import Sequence
from dataclasses import asdict
from importlib.util import find_spec
from pathlib import Path

from repro.bench.baseline_process import LOOPS
from repro.bench.measuring import OURS, STEPS, BenchResult, Measured
from repro.errors import UsageError, sentence
from repro.files import disk_errors, write_atomically
from repro.reporting.figures.style import load_matplotlib
from repro.reporting.markup import markdown_table

MARKS = ("<!-- measured: begin -->", "<!-- measured: end -->")
"""Between these lines of a Markdown file, the tables are put."""


def markdown(result: BenchResult) -> str:
    """The result as Markdown tables."""
    parts = [", ".join(f"{name} {value}" for name, value in result.machine.items()) + "."]
    parts += [f"### {each.model}\n\n{_network_table(each)}" for each in result.networks]

    def add(
        title: str, headings: Sequence[str], rows: Sequence[Sequence[str]], *, names: int = 0
    ) -> None:
        """A section, if there are `rows`: after the columns of `names` all are numbers."""
        if rows:
            table = markdown_table(headings, rows, right=range(names, len(headings)))
            parts.append(f"### {title}\n\n{table}")

    add(
        "Runs at a time (Net, kernels)",
        ("Runs", "Epochs an hour"),
        [(f"{count}", f"{rate:.0f}") for count, rate in result.workers.items()],
    )
    add(
        "Cores for one run (kernels)",
        ("Network", "Cores", "Times as fast"),
        [
            (model, f"{count}", f"{seconds[1] / taken:.2f}")
            for model, seconds in result.threads.items()
            for count, taken in seconds.items()
        ],
        names=1,
    )
    add(
        "Seeds (one epoch of Net, kernels, from nothing)",
        ("Seeds", "Seconds", "a seed"),
        [(f"{n}", f"{taken:.1f}", f"{taken / n:.1f}") for n, taken in result.seeds.items()],
    )
    add(
        "The 17 cells, kernels: hours of training, as predicted from the above",
        ("Seeds", "Hours"),
        [(f"{count}", f"{taken:.1f}") for count, taken in _hours(result).items()],
    )
    add(
        "Commands that need no torch",
        ("Command", "Median s", "Slowest s", "n"),
        [
            (f"`{name}`", f"{statistics.median(taken):.2f}", f"{max(taken):.2f}", f"{len(taken)}")
            for name, taken in result.commands.items()
        ],
        names=1,
    )
    return "\n\n".join(parts) + "\n"


def _hours(result: BenchResult) -> dict[int, float]:
    """Hours that the runs of all tables take for so many seeds, a run a core; {} if not all three
    networks were measured. Validation, a fifteenth of the time, comes on top."""
    rates = {each.model: each for each in result.networks if "kernels" in each.seconds}
    if rates.keys() != STEPS.keys():
        return {}
    cores = result.networks[0].cores
    alone = [
        cores * epochs / rates[model].epochs_per_hour("kernels")
        for model, epochs in [*[("net-relu", 100)] * 3, ("improved", 100), ("resnet", 10)]
    ]
    return {count: max(count * sum(alone) / cores, *alone) for count in (1, 5, 10, 20)}


def draw(result: BenchResult, path: Path) -> None:
    """How the cost grows with seeds and with runs at a time, as an SVG; needs matplotlib."""
    load_matplotlib()
    from matplotlib.figure import Figure  # noqa: PLC0415 - slow to import

    figure = Figure(figsize=(8, 3), layout="constrained")
    left, right = figure.subplots(1, 2)
    left.plot(list(result.seeds), list(result.seeds.values()), "o-", color="#0072b2")
    left.set(
        xlabel="seeds of Net, one epoch each", ylabel="seconds", xlim=(0, None), ylim=(0, None)
    )
    right.plot(list(result.workers), list(result.workers.values()), "o-", color="#0072b2")
    right.set(
        xlabel="runs at a time", ylabel="epochs of Net an hour", xlim=(0, None), ylim=(0, None)
    )
    right.axvline(result.networks[0].cores, color="#999999", linestyle=":", label="cores")
    right.legend()
    for axes in (left, right):
        axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, metadata={"Date": None})


def _network_table(each: Measured) -> str:
    rivals = [which for which in each.seconds if which not in OURS]
    headings = [
        "Loop", "Epochs an hour", "Spread", *[f"over {LOOPS[r][0]}" for r in rivals],
        "Of the floor", "Accuracy",
    ]  # fmt: skip
    rows = [
        [
            LOOPS[which],
            f"{each.epochs_per_hour(which):.1f}",
            f"±{each.spread(which):.1%}",
            *[f"{each.ratio(which, rival):.2f}" for rival in rivals],
            f"{each.share_of_floor(which):.2f}",
            f"{each.accuracy[which]:.3f}",
        ]
        for which in each.seconds
    ]
    turns = len(next(iter(each.seconds.values())))
    return (
        f"{markdown_table(headings, rows, right=range(1, len(headings)))}\n\n"
        f"{turns} turns of {each.steps} steps; {each.operations / 1e6:.1f} million useful "
        f"operations an image; matrix products at {each.rate / 1e9:.0f} GFLOP/s on {each.cores} "
        "cores."
    )


def around_marks(page: Path) -> tuple[str, str]:
    """What stands before and after the marks of a Markdown file.

    Raises:
        UsageError: the file has no such marks.
        DataError: it cannot be read.
    """
    with disk_errors(page, "read"):
        text = page.read_text("utf-8")
    before, found, rest = text.partition(MARKS[0])
    _, ended, after = rest.partition(MARKS[1])
    if not found or not ended:
        raise UsageError(
            sentence(
                "{page}: expected the lines {first} and {second}",
                page=page,
                first=MARKS[0],
                second=MARKS[1],
            )
        )
    return before, after


def write(result: BenchResult, page: Path) -> None:
    """Put the tables between the marks of the Markdown file `page`, the numbers and a figure beside
    it. Raises as :func:`around_marks`."""
    before, after = around_marks(page)
    new = f"{before}{MARKS[0]}\n\n{markdown(result)}\n{MARKS[1]}{after}"
    write_atomically(page.with_suffix(".json"), json.dumps(asdict(result), indent=1).encode())
    write_atomically(page, new.encode())
    if result.seeds and find_spec("matplotlib"):
        draw(result, page.with_name("cost.svg"))
