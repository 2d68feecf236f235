"""`repro bench`: how fast this machine trains."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from repro import streams
from repro.bench import baseline_process, measuring
from repro.commands.context import Session, bar
from repro.data.dataset import Dataset, load
from repro.data.png_export import export
from repro.execution.devices import default_workers
from repro.paths import home
from repro.spec import DatasetName


def run_bench(
    session: Session, models: Sequence[str], *, rounds: int, short: bool, dataset: DatasetName
) -> measuring.BenchResult:
    """Train `models` beside the loops that users write; `short` turns try the machinery only.

    Raises:
        DataError: the data set cannot be had.
        TrainingError: a loop ended.
    """
    cores = session.workers or default_workers("cpu")
    names = [n for n in baseline_process.LOOPS if n != "lightning" or find_spec("lightning")]
    if dataset == "cifar10":
        session.fetch_data()
    # First: if a command fails, it does so before a quarter of an hour of turns.
    commands = measuring.measure_commands(
        [["--help"], ["table", "all", "--recorded"], ["verify"]], 2 if short else 10
    )
    with tempfile.TemporaryDirectory() as folder:
        png = Path(folder)
        with bar(session.progress_console, "PNG", "images", session.lang) as told:
            export(_training_part(load(dataset, home())), png, told)
        networks = [
            measuring.measure(
                model, names, steps=4 if short else measuring.STEPS[model], rounds=rounds,
                steps_to_learn=0 if short else measuring.STEPS_TO_LEARN[model],
                cores=cores, home=home(), png=png, dataset=dataset, say=session.say,
            )
            for model in models
        ]  # fmt: skip
    counts = sorted({1, cores, 2 * cores})
    steps = 4 if short else measuring.STEPS["net-relu"]
    return measuring.BenchResult(
        machine=measuring.describe_machine(cores),
        networks=networks,
        workers=measuring.measure_workers(
            counts, steps=steps, rounds=rounds, home=home(), dataset=dataset
        ),
        threads={
            model: measuring.measure_threads(
                model, sorted({1, 2, cores} if cores > 1 else {1}),
                steps=4 if short else measuring.STEPS[model], rounds=rounds,
                home=home(), dataset=dataset, say=session.say,
            )
            for model in models
        },
        seeds=measuring.measure_seeds(
            (1, 2) if short else (1, 2, 5, 10, 20),
            cores=cores, home=home(), dataset=dataset, say=session.say,
        ),
        commands=commands,
    )  # fmt: skip


def _training_part(dataset: Dataset) -> Dataset:
    """The 40,000 images of seed 0 that train, and one test image."""
    train, _ = streams.split(len(dataset.train_labels), 0)
    return Dataset(
        train_images=dataset.train_images[train], train_labels=dataset.train_labels[train],
        test_images=dataset.test_images[:1], test_labels=dataset.test_labels[:1],
    )  # fmt: skip
