"""All that figures and pages are made of: runs, verdicts, claims and, if it is there, the data."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from repro.data.dataset import Dataset, default_folder, load_cifar10
from repro.data.layout import Bytes
from repro.errors import NoRunsError, sentence
from repro.paths import home, packaged
from repro.runs.checkpoints import read_weights
from repro.runs.records import RunRecord
from repro.runs.selection import DeviceChoice, choose_seeds, model_of, runs_of_models
from repro.runs.store import Store
from repro.spec import CLAIM_RECIPES, READING_EPOCHS, REPORT_RECIPES, EngineChoice
from repro.verdicts.calibration import Bin, load_bins
from repro.verdicts.cells import Cell, load_cells
from repro.verdicts.claim_file import load_claims
from repro.verdicts.claims import ClaimResult, figures_by_seed, judge_claim
from repro.verdicts.judging import Verdict, judge_records
from repro.verdicts.patterns import Pattern, find_patterns
from repro.verdicts.search import RecipeSearch, recorded_search


@dataclass(frozen=True)
class Evidence:
    """The runs `records` of `store`, one a model and seed."""

    store: Store
    records: Sequence[RunRecord]

    @cached_property
    def cells(self) -> list[Cell]:
        """The report's figures."""
        return load_cells(packaged("expected_results"))

    @cached_property
    def verdicts(self) -> list[Verdict]:
        """What the runs say of each cell; ImprovedNet's twice, see :func:`judge_records`."""
        return judge_records(self.cells, self.records)

    @cached_property
    def judgements(self) -> list[ClaimResult]:
        """What they say of each claim, and with dropout off too, where that can matter."""
        primary, secondary = (
            figures_by_seed(self.records, primary=each).values() for each in (True, False)
        )
        claims = load_claims(packaged("expected_results") / "claims.toml")
        report = {cell.name: cell.expected for cell in self.cells}
        return [judge_claim(claim, primary, secondary, report) for claim in claims]

    @cached_property
    def patterns(self) -> list[Pattern]:
        """What they say of several figures together."""
        return find_patterns(self.cells, self.records)

    @property
    def search(self) -> RecipeSearch:
        """How the recipe was chosen, whichever runs are judged."""
        return recorded_search()

    @cached_property
    def dataset(self) -> Dataset:
        """CIFAR-10 as it was fetched.

        Raises:
            DataError: it is not there, or not the published one.
        """
        return load_cifar10(default_folder(home()))

    @property
    def has_dataset(self) -> bool:
        return default_folder(home()).exists()

    @property
    def no_runs(self) -> NoRunsError | None:
        """What to say and to end with where there is no run."""
        if self.records:
            return None
        if self.store.root == packaged("results"):
            return NoRunsError(sentence("no recorded run is of this device and engine"))
        return NoRunsError(
            sentence(
                "no runs yet: `repro table all` trains them, `--recorded` takes those "
                "of the package"
            )
        )

    def runs(self, model: str) -> list[RunRecord]:
        """The runs of one of the models that claims name, by seed."""
        of_model = [r for r in self.records if model_of(r.spec.recipe, CLAIM_RECIPES) == model]
        return sorted(of_model, key=lambda record: record.spec.seed)

    def expected(self, model: str) -> dict[int, float]:
        """The report's accuracies of a model by epochs."""
        return {cell.row: cell.expected for cell in self.cells if cell.model == model}

    def last_reading(self, model: str) -> int | None:
        """The last row of the tables at which every run of the model read the test set; None
        without one."""
        read = [{reading.epoch for reading in run.readings} for run in self.runs(model)]
        common = set(READING_EPOCHS).intersection(*read) if read else set()
        return max(common, default=None)

    def has_reading(self, model: str, epoch: int) -> bool:
        """Whether a run of the model read the test set at `epoch`."""
        return any(run.accuracy_at(epoch) is not None for run in self.runs(model))

    def predictions(self, model: str, epoch: int) -> list[Bytes]:
        """Predicted classes, uint8 (10,000,), one a run that read the test set at `epoch`, as its
        recipe predicts: with dropout off.

        Raises:
            DataError: predictions that are missing or are not the record's.
        """
        return [
            self.store.predictions(run)[str(epoch)]
            for run in self.runs(model)
            if run.accuracy_at(epoch) is not None
        ]

    def weights(self, model: str, name: str) -> tuple[RunRecord, int, np.ndarray] | None:
        """A parameter from the last kept checkpoint of the model's first run that has one: the run,
        its epochs and the values. None where no checkpoint is stored."""
        found = self.kept(model)
        if found is None:
            return None
        run, epoch = found
        _, weights = read_weights(self.store.checkpoint(run.spec, epoch), run)
        return run, epoch, weights[name]

    @property
    def calibration_path(self) -> Path:
        return self.store.root / "calibration.csv"

    @cached_property
    def calibration(self) -> dict[str, list[Bin]]:
        """By model: how sure its network is, as far as it was computed from weights of a run.

        Raises:
            DataError: the file has another form.
        """
        runs = {run.spec.name: run for run in self.records}
        out: dict[str, list[Bin]] = {}
        for each in load_bins(self.calibration_path):
            run = runs.get(each.run)
            if run is None or not 1 <= each.epoch <= len(run.epochs):
                continue
            model = model_of(run.spec.recipe)
            if model and run.epochs[each.epoch - 1].weights_sha256 == each.weights_sha256:
                out.setdefault(model, []).append(each)
        return out

    def kept(self, model: str) -> tuple[RunRecord, int] | None:
        """The model's first run with a kept checkpoint of one of the tables' rows, and the last
        such epoch."""
        for run in self.runs(model):
            kept = self.store.checkpoint_epochs(run.spec)
            # After a kill a checkpoint may be ahead of the record.
            epochs = [e for e in kept if e in READING_EPOCHS and e <= len(run.epochs)]
            if epochs:
                return run, epochs[-1]
        return None

    @property
    def models(self) -> list[str]:
        """The report's models that have a run."""
        return [model for model in REPORT_RECIPES if self.runs(model)]


def evidence_of(
    store: Store,
    records: Iterable[RunRecord],
    device: DeviceChoice = "auto",
    engine: EngineChoice = "auto",
) -> Evidence:
    """Those of `records`, which are in `store`, of the models that cells and claims name, in one
    place."""
    found = runs_of_models(
        records,
        CLAIM_RECIPES,
        seeds=choose_seeds(0, None),
        device=device,
        engine=engine,
        dataset="cifar10",
        recipes=CLAIM_RECIPES,
    )
    return Evidence(store, found)
