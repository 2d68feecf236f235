"""What a notebook needs: the tables, claims and figures, and runs of one's own."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, get_args

from rich.console import Console

from repro.commands.context import Session, evidence
from repro.commands.figure import draw_figure
from repro.commands.predict import DropoutChoice, predict_classes
from repro.commands.table import stored_runs, train_table
from repro.commands.train import task_for, train_one
from repro.data.dataset import load, load_test_labels
from repro.data.layout import CLASSES
from repro.errors import DataError, ReproError, TrainingError, UsageError, listed, sentence
from repro.execution.devices import choose_device
from repro.paths import home, packaged
from repro.reporting.cell_tables import verdict_to_dict
from repro.reporting.claim_tables import claim_to_dict
from repro.reporting.figures.drawing import Drawing
from repro.reporting.figures.registry import find
from repro.reporting.figures.report_figures import labelled
from repro.reporting.figures.style import Style, render
from repro.reporting.language import LANGUAGES, Language, choose
from repro.reporting.notebook import in_notebook
from repro.reporting.progress_texts import agreement_line
from repro.runs.comparison import Comparison
from repro.runs.locations import recorded_store, user_store
from repro.runs.records import RunRecord
from repro.runs.selection import DeviceChoice, choose_seeds
from repro.spec import Activation, Architecture, DatasetName, EngineChoice
from repro.verdicts.cells import select_cells
from repro.verdicts.judging import judge_records
from repro.verdicts.reports import load_report, this_report

if TYPE_CHECKING:
    import pandas as pd

MOST_IMAGES = 60


def table(
    number: str | Sequence[str] = "all",
    *,
    seeds: int | None = None,
    first_seed: int = 0,
    epochs: int | None = None,
    recorded: bool = False,
    trained: bool = False,
    report: Path | str | None = None,
    device: DeviceChoice = "auto",
    engine: EngineChoice = "auto",
    dataset: DatasetName = "cifar10",
    workers: int | None = None,
    threads: int | None = None,
    lang: Language = "en",
    quiet: bool = False,
) -> pd.DataFrame:
    """One of the report's tables, several or all: the report's figures beside ours.

    Trains what is missing, as `repro table` does, with `seeds` seeds (one if None) from
    `first_seed` on, `workers` runs at a time on `threads` cores each (None: so that all are done
    soonest). With `recorded` it trains nothing and takes the runs that come with the package, with
    `trained` those that you have. `report` is the folder of another report.

    A row is a cell of a table; a figure that several tables repeat has a row for each. Of a network
    with dropout the accuracies with dropout off have rows of their own, with `counts` False: they
    are shown for comparison. Accuracies are in [0, 1]; `low` and `high` bound the 95% prediction
    interval. With `lang` "zh" the networks' names and the verdicts are in Chinese.

    Raises:
        UsageError: an unknown table or device, no row so early, or seeds that verify nothing.
        DataError: the data set cannot be had, or the store not be read.
        TrainingError: a run failed; what is finished is kept, and the same call goes on.

    Example:
        >>> table("3-4", recorded=True)[["cell", "expected", "mean", "n", "verdict"]]
                  cell  expected     mean   n     verdict
        0  net-relu@10    0.5744  0.59421  10  REPRODUCED
        1    resnet@10    0.7088  0.68702  10       CLOSE
    """
    import pandas as pd  # noqa: PLC0415 - slow to import

    _check(device, engine, dataset, lang)
    if recorded and trained:
        raise UsageError(sentence("recorded and trained: expected one of them"))
    own = Path(report) if report is not None else None
    told = load_report(own) if own else this_report(packaged("expected_results"))
    cells = select_cells(told.cells, number, epochs)
    count = seeds if recorded or trained or seeds is not None else 1
    chosen = choose_seeds(first_seed, count, fitting=own is not None)
    if recorded or trained:
        found = stored_runs(
            told, own, recorded=recorded, seeds=chosen, device=device, engine=engine,
            dataset=dataset,
        )  # fmt: skip
    else:
        found, failures = train_table(
            _session(quiet, workers, threads),
            cells,
            report=told,
            seeds=chosen,
            device=choose_device(device),
            engine=engine,
            dataset=dataset,
            recorded=recorded_store(own),
        )
        if failures:
            of = f"table {number}" if isinstance(number, str) else f"tables {', '.join(number)}"
            raise _worst(failures, f"{of}: not every run could be trained")
    verdicts = judge_records(cells, found, told.recipes)
    return pd.DataFrame([verdict_to_dict(verdict, lang) for verdict in verdicts])


def claims(
    *,
    recorded: bool = False,
    device: DeviceChoice = "auto",
    engine: EngineChoice = "auto",
    lang: Language = "en",
) -> pd.DataFrame:
    """What the report says of its figures, a row a claim, and what the runs say of it.

    Takes the runs that you have or, `recorded`, those that come with the package; it trains
    nothing. Of `n` seeds the claim holds in `k`; `chance` is the probability in [0, 1] that one
    more seed shows it; `differences` are mean differences of accuracies in [0, 1], with `intervals`
    of 95%. With `lang` "zh" the words are in Chinese.

    Raises:
        UsageError: an unknown device, engine or language.
        DataError: the store cannot be read.

    Example:
        >>> claims(recorded=True).set_index("claim").loc["swish-over-relu", ["n", "k", "finding"]]
        n                    10
        k                     0
        finding    CONTRADICTED
        Name: swish-over-relu, dtype: object
    """
    import pandas as pd  # noqa: PLC0415 - slow to import

    _check(device, engine, lang=lang)
    judged = evidence(recorded, device, engine).judgements
    return pd.DataFrame([claim_to_dict(each, lang) for each in judged])


def figure(
    name: str,
    *,
    recorded: bool = False,
    device: DeviceChoice = "auto",
    engine: EngineChoice = "auto",
    lang: Language = "en",
    dark: bool = False,
) -> Drawing:
    """A figure by its name or number, such as "overview"; `repro figure list` lists them.

    Takes the runs that you have or, `recorded`, those that come with the package. A notebook shows
    the drawing as SVG; its `save` writes a file.

    Raises:
        UsageError: an unknown figure, device, engine or language.
        DataError: the data set, or a run that the figure needs, is missing or damaged.
    """
    _check(device, engine, lang=lang)
    picture = find(name)
    svg = draw_figure(
        picture, evidence(recorded, device, engine), Style(lang=lang, dark=dark), "svg"
    )
    title = picture.title_zh if lang == "zh" else picture.title
    return Drawing(picture.name, title, svg)


def predictions(
    run: RunRecord | str,
    *,
    epoch: int | None = None,
    dropout: DropoutChoice | None = None,
    recorded: bool = False,
) -> pd.DataFrame:
    """The classes that a run predicts for the test images, beside the true ones.

    `run` is a record, or the beginning of a run's name: one of yours or, `recorded`, of those that
    come with the package. With `epoch` they are the predictions that were stored then; without,
    those of the last weights, or of a recorded run's last reading. `dropout` is for ImprovedNet
    alone: off unless it says "on".

    A row is a test image (10,000 of CIFAR-10), by its number from 0 on, in the official order;
    `true` and `predicted` are names of classes.

    Raises:
        UsageError: no such run, no predictions at that epoch, or dropout where there is none.
        DataError: the data set, the predictions or the weights are missing or damaged.
    """
    import numpy as np  # noqa: PLC0415 - slow to import
    import pandas as pd  # noqa: PLC0415

    store = recorded_store() if recorded else user_store()
    record = store.find(run) if isinstance(run, str) else run
    told = predict_classes(store, record, epoch=epoch, dropout=dropout, recorded=recorded)
    labels = load_test_labels(record.spec.dataset, home())
    names = np.array(CLASSES)
    return pd.DataFrame(
        {"true": names[labels], "predicted": names[np.asarray(told.classes)]},
        index=pd.RangeIndex(len(labels), name="image"),
    )


def images(
    predicted: pd.DataFrame, *, dataset: DatasetName = "cifar10", lang: Language = "en"
) -> Drawing:
    """Test images with their predicted classes, and the true ones where they differ.

    `predicted` has 1 to 60 rows of what :func:`predictions` returns.

    Raises:
        UsageError: too many rows or none, other columns, or numbers that no test image has.
        DataError: the data set is missing or damaged.
    """
    _check(dataset=dataset, lang=lang)
    if not 1 <= len(predicted) <= MOST_IMAGES:
        raise UsageError(
            sentence(
                "predicted: expected 1 to {most} rows; got {count}",
                most=MOST_IMAGES,
                count=len(predicted),
            )
        )
    if not {"true", "predicted"} <= set(predicted.columns):
        raise UsageError(
            sentence(
                "predicted: expected the columns true and predicted; got {columns}",
                columns=list(predicted.columns),
            )
        )
    all_images = load(dataset, home()).test_images
    chosen = list(predicted.index)
    for number in chosen:
        if number not in range(len(all_images)):
            raise UsageError(sentence("predicted: there is no test image {number}", number=number))
    both = list(zip(predicted["predicted"], predicted["true"], strict=True))
    svg = render(
        lambda page, look: labelled(page, look, all_images[chosen], both),
        (6.4, 1.5 * -(-len(chosen) // 6)),
        Style(lang=lang),
        "svg",
        salt="images",
    )
    return Drawing("images", "测试图像" if lang == "zh" else "Test images", svg)


def compare(run: RunRecord, *, lang: Language = "en") -> str:
    """How far a run agrees with the recorded run of the same name, in a line: after how many epochs
    the weights are the same, bit for bit, or from which epoch on they differ."""
    found = Comparison(recorded_store(), [run.spec]).summary([run])
    if found:
        return agreement_line(found, lang)
    name = run.spec.name
    return choose(
        lang, en=f"no run is recorded to compare {name} with", zh=f"没有可与 {name} 比较的记录"
    )


def run(
    model: Architecture,
    *,
    activation: Activation = "relu",
    epochs: int = 10,
    seed: int = 0,
    device: DeviceChoice = "auto",
    engine: EngineChoice = "auto",
    dataset: DatasetName = "cifar10",
    quiet: bool = False,
) -> RunRecord:
    """Train one network with the report's recipe, or go on with it where it stopped.

    ``pandas.DataFrame(run("net").epochs)`` is its history.

    Raises:
        UsageError: a value that no run can have.
        DataError: the data set cannot be had, or the store not be read.
        TrainingError: the run failed; finished epochs are kept, and the same call goes on.

    Example:
        >>> one = run("net", dataset="synthetic", epochs=2, quiet=True)
        >>> [epoch.epoch for epoch in one.epochs], one.spec.name
        ([1, 2], 'net-relu-seed0-...')
    """
    _check(device, engine, dataset)
    task = task_for(
        model,
        activation,
        seed=seed,
        epochs=epochs,
        device=choose_device(device),
        engine=engine,
        dataset=dataset,
    )
    record, failures = train_one(_session(quiet), task)
    if failures or record is None:
        raise _worst(failures, f"{task.spec.name}: could not be trained")
    return record


def _check(
    device: DeviceChoice = "auto",
    engine: EngineChoice = "auto",
    dataset: DatasetName = "cifar10",
    lang: Language = "en",
) -> None:
    """Refuse what the command line would, before anything is done."""
    for name, value, choices in (
        ("device", device, get_args(DeviceChoice)),
        ("engine", engine, get_args(EngineChoice)),
        ("dataset", dataset, get_args(DatasetName)),
        ("lang", lang, LANGUAGES),
    ):
        if value not in choices:
            raise UsageError(
                sentence(
                    "{name}: expected one of {choices}; got {value!r}",
                    name=name,
                    choices=listed(choices),
                    value=value,
                )
            )


def _worst(failures: Sequence[ReproError], text: str) -> ReproError:
    """A DataError if one of `failures` is, which are printed already."""
    data = any(isinstance(each, DataError) for each in failures)
    return (DataError if data else TrainingError)(text)


def _session(quiet: bool, workers: int | None = None, threads: int | None = None) -> Session:
    if in_notebook():
        # rich would make a block of HTML of each line; a kernel's stdout says that it is a
        # terminal, but moves no cursor; and stderr is red.
        console = Console(
            file=sys.stdout, emoji=False, force_jupyter=False, force_terminal=False, no_color=True
        )
    else:
        console = Console(file=sys.stderr, emoji=False)
    return Session(console=console, quiet=quiet, workers=workers, threads=threads)
