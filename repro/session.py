"""One request of a person: fetch what is missing, train what is missing, show how it goes."""

from __future__ import annotations

import dataclasses
import itertools
import os
import platform
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

import numpy as np
from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
)

from repro import batch_norm, bench, streams
from repro.audit import Audit
from repro.calibration import bin_up, save_bins
from repro.cluster import RayCluster
from repro.comparison import Comparison
from repro.data.dataset import Dataset, default_folder, load
from repro.data.folders import export
from repro.data.sources import Source, fetch, plan
from repro.doctor import Checkup, check_up
from repro.errors import DataError, UsageError
from repro.events import ReadingDone
from repro.evidence import Evidence
from repro.figures.registry import Picture, lacks, render_picture
from repro.figures.style import Look
from repro.files import write_atomically
from repro.paths import home, packaged
from repro.profiles import promise
from repro.progress import RunDisplay, duration
from repro.recipes import FITTING_SEEDS, Fit, fit_all
from repro.records import RunRecord, is_complete
from repro.reports import Report
from repro.runner import Task, allocate, default_workers, estimate_s, predict, run, try_gpu
from repro.search import STAGES, entrants, models_of
from repro.spec import (
    DROPOUT,
    REPORT_RECIPES,
    Activation,
    Architecture,
    DatasetName,
    Device,
    EngineChoice,
    Recipe,
    RunSpec,
)
from repro.store import Store
from repro.stores import (
    DeviceChoice,
    accept_evidence,
    choose_device,
    choose_engine,
    choose_seeds,
    evidence_of,
    fresh_store,
    placed,
    recorded_store,
    user_store,
)
from repro.tables import Language, to_rich
from repro.verdicts import (
    Cell,
    counts_switched,
    judge_records,
    load_cells,
    model_of,
    select_cells,
)
from repro.verify import FEWEST_FRESH, Check, check_fresh, check_listing, load_listing


@contextmanager
def bar(
    console: Console, text: str, unit: Literal["bytes", "images", "checks"]
) -> Iterator[Callable[[int, int | None], None]]:
    """A progress bar on a terminal; the function that it gives takes what is done and in all."""
    amount = DownloadColumn() if unit == "bytes" else MofNCompleteColumn()
    columns = (TextColumn("{task.description}"), BarColumn(), amount, TimeRemainingColumn())
    with Progress(
        *columns, console=console, transient=True, disable=not console.is_terminal
    ) as progress:
        task = progress.add_task(text, total=None, visible=False)
        yield lambda done, total: progress.update(task, completed=done, total=total, visible=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """How to speak with the person, how many runs to do at a time and on how many cores each
    (None: so that all are done soonest), and where (None: on this machine)."""

    console: Console
    quiet: bool = False
    workers: int | None = None
    threads: int | None = None
    cluster: RayCluster | None = None

    @property
    def _progress(self) -> Console:
        """Where progress bars go: nowhere, if the session is quiet."""
        return Console(quiet=True) if self.quiet else self.console

    def say(self, text: str) -> None:
        """Print one line, unless the session is quiet."""
        if not self.quiet:
            self.console.print(text, markup=False, highlight=False, soft_wrap=True)

    def device(self, choice: DeviceChoice) -> Device:
        """Resolve "auto" for where this session trains.

        Raises:
            UsageError: a device that is not there.
        """
        if self.cluster is None:
            return choose_device(choice)
        device: Device = (
            ("cuda" if self.cluster.has_gpu() else "cpu") if choice == "auto" else choice
        )
        self.cluster.slots(device)
        return device

    def fetch_data(self, sources: list[Source]) -> Path:
        """Bring CIFAR-10 to its place unless it is there, and return the place.

        Raises:
            DataError: no source had it.
        """
        folder = default_folder(home())
        with bar(self._progress, "download", "bytes") as update:
            fresh = fetch(
                folder, sources, say=lambda text: self.say(f"CIFAR-10: {text}"), progress=update
            )
        how = "fetched and verified" if fresh else "there and verified"
        own = next((each.place for each in sources if each.kind == "path"), None)
        unread = f"; {own} was not looked at" if own and not fresh else ""
        self.say(f"CIFAR-10: {how}, in {folder}{unread}")
        return folder

    def train_table(
        self,
        cells: Sequence[Cell],
        *,
        report: Report | None = None,
        seeds: range,
        device: Device,
        engine: EngineChoice,
        dataset: DatasetName,
        lang: Language,
        store: Store | None = None,
        recorded: Store | None = None,
    ) -> tuple[list[RunRecord], int]:
        """Train what the user's store, or another, lacks for `cells`, with these seeds.

        The cells are of the report that this package is about, or of another, whose runs are
        `recorded`. Returns the runs'
        records as far as there are any, and 0 or the exit code of the worst failure.
        """
        store = store or user_store()
        recipes, files = (report.recipes, report.code) if report else (REPORT_RECIPES, {})
        last_row = {cell.model: cell.row for cell in sorted(cells, key=lambda cell: cell.row)}
        tasks = [
            _task(
                recipes[model],
                seed,
                last_row[model],
                device,
                engine,
                dataset,
                code=files.get(recipes[model].code_sha256, ""),
            )
            for model in dict.fromkeys(cell.model for cell in cells)
            for seed in seeds
        ]
        expected = {cell.name: cell.expected for cell in cells}
        specs = {task.spec.name: task.spec for task in tasks}

        def records() -> list[RunRecord]:
            return [record for task in tasks if (record := store.load(task.spec))]

        def beside(event: ReadingDone) -> str:
            reading = event.reading
            model = model_of(specs[event.run].recipe, recipes)
            figure = expected.get(f"{model}@{reading.epoch}")
            if figure is None:
                return ""
            recipe = specs[event.run].recipe
            accuracy = reading.accuracy_as(switched=counts_switched(recipe))
            return f" (report {figure:.4f}, difference {accuracy - figure:+.4f})"

        code = self.train(
            store,
            tasks,
            lambda todo, comparison: RunDisplay(
                self.console,
                todo,
                quiet=self.quiet,
                compare=comparison.add,
                above=lambda: to_rich(judge_records(cells, records(), recipes), lang),
                beside=beside,
            ),
            recorded,
        )
        return records(), code

    def search(self, *, device: Device, engine: EngineChoice, dataset: DatasetName) -> int:
        """Go through the stages of the search for the recipe; what is trained is not trained again.

        Returns 0 or the exit code of the worst failure. A candidate that diverges is one.

        Raises:
            ReproError: the data set is missing, or a checkpoint of ResNet cannot be read.
        """
        store, worst = user_store(), 0
        for number, stage in enumerate(STAGES):
            fits = search_fits(store, device, engine, dataset)
            candidates = entrants(number, fits)
            self.say(f"stage {number + 1} of {len(STAGES)}: {len(candidates)} candidates")
            tasks = [
                _task(recipe, seed, epochs, device, engine, dataset)
                for seed in FITTING_SEEDS[: stage.seeds]
                for candidate in candidates
                for recipe, epochs in models_of(stage, candidate)
            ]
            code = self.train(
                store,
                tasks,
                lambda todo, comparison: RunDisplay(
                    self.console, todo, quiet=self.quiet, compare=comparison.add
                ),
            )
            worst = max(worst, code)
        return worst

    def train_one(self, task: Task) -> tuple[RunRecord | None, int]:
        """Bring one run of the user's store to its epochs; return its record and an exit code."""
        store = user_store()
        code = self.train(
            store,
            [task],
            lambda todo, comparison: RunDisplay(
                self.console, todo, quiet=self.quiet, every_epoch=True, compare=comparison.add
            ),
        )
        return store.load(task.spec), code

    def calibrate(self, found: Evidence) -> None:
        """Compute how sure each model's network is, where a checkpoint is kept, and keep it.

        Raises:
            ReproError: the data set is missing, or a checkpoint cannot be used.
        """
        bins = []
        for model in found.models:
            if kept := found.kept(model):
                run, epoch = kept
                self.say(f"{model}: predicting with the weights of epoch {epoch}")
                told = predict(run.spec, store=found.store.root, home=home(), epoch=epoch)
                right = np.equal(told.classes[str(epoch)], found.dataset.test_labels)
                digest = run.epochs[epoch - 1].weights_sha256
                bins += bin_up(run.spec.name, epoch, digest, told.confidences, right)
        if not bins:
            raise DataError(f"{found.store.root}: expected a run with a checkpoint of a reading")
        save_bins(found.calibration_path, bins)

    def draw(
        self,
        pictures: Sequence[Picture],
        found: Evidence,
        folder: Path,
        look: Look,
        form: Literal["svg", "png"],
        *,
        skip: bool,
    ) -> Iterator[Path]:
        """Draw figures into `folder`, and give each file's path once it is there.

        With `skip`, those that lack the data set or a run are named and left out.

        Raises:
            DataError: the data set or runs are missing or damaged, or the file system refuses.
        """
        for picture in pictures:
            missing = lacks(picture, found)
            if missing and skip:
                self.say(f"{picture.name}: left out: {missing}")
                continue
            if missing:
                raise type(missing)(f"{picture.name}: {missing}")
            path = folder / f"{picture.name}.{form}"
            write_atomically(path, render_picture(picture, look, found, form))
            yield path

    def examine(self) -> Checkup:
        """Examine this machine, which takes some seconds a device."""
        with self.console.status("training the first steps of every model, four times"):
            return check_up(home())

    def audit(self, store: Store, names: Sequence[str], *, minutes: float, seed: int) -> Audit:
        """Check the runs `names` of `store`, with about `minutes` for training again.

        Which epochs are drawn depends on `seed`, `minutes`, the runs and the number of workers.

        Raises:
            DataError: the data set cannot be had, or the store not be read.
        """
        audit = Audit(store, home(), names)
        audit.check_records()
        if any(record.spec.dataset == "cifar10" for record in audit.sound):
            self.fetch_data(plan(os.environ.get("REPRO_CIFAR10_SOURCE")))
        audit.check_accuracies()
        devices = {record.spec.device for record in audit.sound}
        workers = self.workers or min(map(default_workers, devices), default=1)
        predictions = audit.prediction_jobs()
        trainings = audit.training_jobs(minutes=minutes, workers=workers, seed=seed)
        jobs = [*predictions, *trainings]
        self.say(
            f"{len(predictions)} checkpoints to predict with and {audit.drawn} of "
            f"{audit.trainable} epochs to train again, {workers} at a time"
        )
        with bar(self._progress, "audit", "checks") as update:
            done = itertools.count(1)
            audit.do(jobs, workers, lambda: update(next(done), len(jobs)))
        return audit

    def verify_recorded(self, *, accept: bool = False) -> tuple[list[Check], int]:
        """Hold the recorded runs to their own records, and to what is listed of them.

        The accuracies are counted again where the data set is there. A run that is not to be
        believed counts for no cell. With `accept` what they say is listed first, unless there is
        such a run. Returns the checks, and 0 or the exit code of a check that could not be done.
        """
        store = recorded_store()
        audit = Audit(store, home(), store.names())
        audit.check_records()
        if default_folder(home()).exists():
            audit.check_accuracies()
        else:
            self.say("accuracies are not counted again: `repro data fetch` brings the labels")
        found = evidence_of(store, audit.believed)
        if accept and all(each.outcome == "proved" for each in audit.findings):
            accept_evidence(found)
        elif accept:
            self.say("nothing is accepted while a run is not proved")
        unread = any(each.outcome == "failed" for each in audit.findings)
        sound = [
            Check(
                what=f"{each.check} of {each.run}", listed="proved", obtained=each.outcome,
                holds=each.outcome == "proved", text=each.text,
            )
            for each in audit.findings
        ]  # fmt: skip
        listing = load_listing(packaged("results"))
        checks = [*check_listing(listing, found.verdicts, found.judgements), *sound]
        return checks, DataError.exit_code if unread else 0

    def verify_fresh(
        self,
        table: str,
        *,
        seeds: int | None,
        epochs: int | None,
        device: Device,
        engine: EngineChoice,
    ) -> tuple[list[Check], int]:
        """Train a table, or all, with seeds 0 to `seeds` - 1 in a store for this alone; compare.

        Without `seeds` it is one for the kernels, whose bits the recorded runs promise, and else
        as many as accuracies need to tell anything.

        Returns the checks, and 0 or the exit code of the worst failure.

        Raises:
            UsageError: so many seeds that they would come to those that verify nothing.
        """
        cells = select_cells(load_cells(packaged("expected_results")), table, epochs)
        if seeds is None:
            seeds = 1 if device != "mps" and engine in {"auto", "kernels"} else FEWEST_FRESH
        fresh, code = self.train_table(
            cells, seeds=choose_seeds(0, seeds), device=device, engine=engine,
            dataset="cifar10", lang="en", store=fresh_store(),
        )  # fmt: skip
        checks = check_fresh(
            load_listing(packaged("results")),
            judge_records(cells, fresh),
            fresh,
            recorded_store().records(),
        )
        return checks, code

    def bench(
        self, models: Sequence[str], *, rounds: int, short: bool, dataset: DatasetName
    ) -> bench.Report:
        """Train `models` beside the loops that users write; `short` turns try the machinery only.

        Raises:
            DataError: the data set cannot be had.
            TrainingError: a contestant ended.
        """
        cores = self.workers or default_workers("cpu")
        names = [n for n in bench.CONTESTANTS if n != "lightning" or find_spec("lightning")]
        if dataset == "cifar10":
            self.fetch_data(plan(os.environ.get("REPRO_CIFAR10_SOURCE")))
        with tempfile.TemporaryDirectory() as folder:
            png = Path(folder)
            with bar(self._progress, "PNG", "images") as told:
                export(_training_part(load(dataset, home())), png, told)
            networks = [
                bench.measure(
                    model, names, steps=4 if short else bench.STEPS[model], rounds=rounds,
                    steps_to_learn=0 if short else bench.STEPS_TO_LEARN[model],
                    cores=cores, home=home(), png=png, dataset=dataset, say=self.say,
                )
                for model in models
            ]  # fmt: skip
        counts = sorted({1, cores, 2 * cores})
        steps = 4 if short else bench.STEPS["net-relu"]
        return bench.Report(
            machine=bench.describe_machine(cores),
            networks=networks,
            workers=bench.measure_workers(
                counts, steps=steps, rounds=rounds, home=home(), dataset=dataset
            ),
            threads={
                model: bench.measure_threads(
                    model, sorted({1, 2, cores} if cores > 1 else {1}),
                    steps=4 if short else bench.STEPS[model], rounds=rounds,
                    home=home(), dataset=dataset, say=self.say,
                )
                for model in models
            },
            seeds=bench.measure_seeds(
                (1, 2) if short else (1, 2, 5, 10, 20),
                cores=cores, home=home(), dataset=dataset, say=self.say,
            ),
            commands=bench.measure_commands(
                [["--help"], ["table", "all", "--recorded"], ["verify"]], 2 if short else 10
            ),
        )  # fmt: skip

    def train(
        self,
        store: Store,
        tasks: Sequence[Task],
        display: Callable[[Sequence[Task], Comparison], RunDisplay],
        recorded: Store | None = None,
    ) -> int:
        """Do the tasks that `store` lacks; return 0, or the exit code of the worst failure.

        What is trained is compared with `recorded`, the package's own runs unless others are given.

        Raises:
            DataError: the data set cannot be had, or the store not be read.
        """
        done = {task.spec.name: store.load(task.spec) for task in tasks}
        todo = [
            task
            for task in tasks
            if (record := done[task.spec.name]) is None or not is_complete(record, task.epochs)
        ]
        if not todo:
            return 0
        device = todo[0].device
        if self.cluster is None and device == "cpu":
            at_a_time, threads = allocate(todo, workers=self.workers, threads=self.threads)
        else:
            if self.threads is not None:
                raise UsageError("--threads: expected runs on the CPU of this machine")
            slots = self.cluster.slots(device) if self.cluster else default_workers(device)
            at_a_time, threads = min(self.workers or slots, len(todo)), 1
        if self.cluster is None:
            if any(task.spec.dataset == "cifar10" for task in todo):
                self.fetch_data(plan(os.environ.get("REPRO_CIFAR10_SOURCE")))
        else:  # whose nodes fetch the data that they need
            self.say(f"a Ray cluster of {self.cluster.nodes} nodes, with room for {slots} at once")
        card = try_gpu()[0] if device == "cuda" and self.cluster is None else None
        self.say(_announcement(todo, done, at_a_time, threads, card))
        began = time.monotonic()
        comparison = Comparison(recorded or recorded_store(), [task.spec for task in todo])
        with display(todo, comparison) as shown:
            failures = run(
                todo, store=store.root, home=home(), workers=at_a_time, threads=threads,
                on_event=shown, executor=self.cluster,
            )  # fmt: skip
        if failures:
            text = f"{len(failures)} of {len(todo)} runs failed; the same command goes on"
            self.console.print(text, highlight=False)
        else:
            self.say(f"trained in {duration(time.monotonic() - began)}")
        agreement = comparison.summary(
            record for task in todo if (record := store.load(task.spec)) is not None
        )
        if agreement and (comparison.differs or not self.quiet):
            self.console.print(agreement, markup=False, highlight=False, soft_wrap=True)
        codes = {failure.exit_code for failure in failures}
        return DataError.exit_code if DataError.exit_code in codes else max(codes, default=0)


def _training_part(dataset: Dataset) -> Dataset:
    """The 40,000 images of seed 0 that train, and one test image."""
    train, _ = streams.split(len(dataset.train_labels), 0)
    return Dataset(
        train_images=dataset.train_images[train], train_labels=dataset.train_labels[train],
        test_images=dataset.test_images[:1], test_labels=dataset.test_labels[:1],
    )  # fmt: skip


def _announcement(
    todo: Sequence[Task],
    done: dict[str, RunRecord | None],
    at_a_time: int,
    threads: int,
    card: str | None = None,
) -> str:
    """What will be done, what its bits may be relied on for, and how long that took elsewhere."""
    spec = todo[0].spec
    device = todo[0].device
    promised = promise(spec.device, spec.engine, platform.machine())
    together = device == "cuda" and spec.engine == "kernels"
    text = "1 run" if len(todo) == 1 else f"{len(todo)} runs, {at_a_time} at a time"
    if together and len(todo) > 1:
        text = f"{len(todo)} runs together"
    text += f", on {f'{threads} cores of the ' * (threads > 1)}{card or device} ({spec.engine})"
    known = all(task.spec.recipe.is_reports for task in todo)
    if known:
        text += f", level {promised.level}: {promised.text}"
    else:
        text += ", with a network whose bits nobody has compared between machines"
    if device != "cpu" or spec.dataset != "cifar10" or not known:
        return text
    rest = []
    for task in todo:
        record = done[task.spec.name]
        left = task.epochs - (len(record.epochs) if record else 0)
        if left > 0:
            rest.append(dataclasses.replace(task, epochs=left))
    seconds = estimate_s(rest, at_a_time, threads)
    return f"{text}\nabout {duration(seconds)} on the machine that was measured (AMD EPYC 9004)"


def search_fits(
    store: Store, device: Device, engine: EngineChoice, dataset: DatasetName
) -> list[Fit]:
    """How near each candidate comes; ResNet is read with batch norm left on too.

    Raises:
        ReproError: the data set is missing, or a checkpoint of ResNet is, or cannot be read.
    """
    records = [
        record
        for record in placed(store.records(), device, engine, dataset)
        if record.spec.seed in FITTING_SEEDS
    ]
    left_on = {}
    if any(record.spec.recipe.architecture == "resnet" for record in records):
        left_on = batch_norm.complete(store, records, load(dataset, home()))
    return fit_all(records, load_cells(packaged("expected_results")), left_on)


def _task(
    recipe: Recipe,
    seed: int,
    epochs: int,
    device: Device,
    engine: EngineChoice,
    dataset: DatasetName,
    *,
    code: str = "",
) -> Task:
    """One run, by the engine that is chosen for its network."""
    chosen = choose_engine(engine, recipe, device)
    where: Device = "cpu" if chosen == "kernels" and device == "cuda" else device
    spec = RunSpec(recipe=recipe, seed=seed, device=where, engine=chosen, dataset=dataset)
    return Task(spec=spec, epochs=epochs, device=device, code=code)


def task_for(
    model: Architecture,
    activation: Activation,
    *,
    dropout: float = DROPOUT,
    seed: int,
    epochs: int,
    device: Device,
    engine: EngineChoice,
    dataset: DatasetName,
) -> Task:
    """One network to train with the report's recipe.

    Raises:
        UsageError: a value that no run can have.
    """
    try:
        recipe = Recipe(architecture=model, activation=activation, dropout=dropout)
        return _task(recipe, seed, epochs, device, engine, dataset)
    except ValueError as error:
        raise UsageError(str(error)) from None
