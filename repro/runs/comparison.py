"""Runs held to the recorded runs of the same spec, epoch by epoch: does this machine reproduce?"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass

from repro.errors import DataError
from repro.runs.records import EpochRecord, RunRecord
from repro.runs.store import Store
from repro.spec import RunSpec


@dataclass(frozen=True, slots=True)
class EpochNews:
    """What a person should hear of an epoch that was just trained."""

    epoch: int
    other: str | None
    """What came out otherwise than recorded, such as "weights"; None where nothing did."""
    recorded_with: tuple[str | None, str] | None = None
    """The torch and the processor that the recorded bits come from, unless those are promised
    everywhere."""


@dataclass(frozen=True, slots=True)
class Agreement:
    """How far runs agree with the recorded ones."""

    compared: int
    """How many runs were compared."""
    epochs: int
    differing: tuple[tuple[str, int], ...]
    """The runs that differ, each with the first epoch that does."""


class Comparison:
    """The runs `specs`, beside what `store` has recorded of them.

    A record that is missing or damaged is not compared with: it is `repro audit` that examines it.
    """

    def __init__(self, store: Store, specs: Iterable[RunSpec]) -> None:
        self._recorded: dict[str, RunRecord] = {}
        for spec in specs:
            with suppress(DataError):
                if record := store.load(spec):
                    self._recorded[spec.name] = record
        self._agreed = False
        self._differing: set[str] = set()

    @property
    def differs(self) -> bool:
        """Whether an epoch was found that came out otherwise."""
        return bool(self._differing)

    def add(self, run: str, epoch: EpochRecord) -> EpochNews | None:
        """The news of an epoch that was just trained: that it agrees, once for all runs; that it
        differs, once a run; else None."""
        recorded = self._recorded.get(run)
        if recorded is None or epoch.epoch > len(recorded.epochs) or run in self._differing:
            return None
        field = recorded.epochs[epoch.epoch - 1].differs_in(epoch)
        if field is None:
            first, self._agreed = not self._agreed, True
            return EpochNews(epoch.epoch, None) if first else None
        self._differing.add(run)
        what = "weights" if field == "weights_sha256" else field
        return EpochNews(epoch.epoch, what, _trained_with(recorded))

    def summary(self, records: Iterable[RunRecord]) -> Agreement | None:
        """How far `records` agree with the recorded runs; None where there are none."""
        epochs = compared = 0
        differing = []
        for record in records:
            recorded = self._recorded.get(record.spec.name)
            if recorded is None:
                continue
            compared += 1
            pairs = list(zip(recorded.epochs, record.epochs, strict=False))
            epochs += len(pairs)
            first = next((one.epoch for one, other in pairs if one.differs_in(other)), None)
            if first is not None:
                self._differing.add(record.spec.name)
                differing.append((record.spec.name, first))
        return Agreement(compared, epochs, tuple(differing)) if compared else None


def _trained_with(recorded: RunRecord) -> tuple[str | None, str] | None:
    there = recorded.environment
    if recorded.spec.engine == "kernels":
        return None
    return there.torch, there.accelerator or there.processor
