"""Runs held to the recorded runs of the same spec, epoch by epoch: does this machine reproduce?"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress

from repro.errors import DataError
from repro.runs.records import EpochRecord, RunRecord
from repro.runs.store import Store
from repro.spec import RunSpec


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

    def add(self, run: str, epoch: EpochRecord) -> str | None:
        """What to say of an epoch that was just trained: that it agrees, once for all runs; that it
        differs, once a run; else None."""
        recorded = self._recorded.get(run)
        if recorded is None or epoch.epoch > len(recorded.epochs) or run in self._differing:
            return None
        field = recorded.epochs[epoch.epoch - 1].differs_in(epoch)
        if field is None:
            first, self._agreed = not self._agreed, True
            said = f"epoch {epoch.epoch}: the weights of the recorded run, bit for bit"
            return said if first else None
        self._differing.add(run)
        what = "weights" if field == "weights_sha256" else field
        return f"epoch {epoch.epoch}: other {what} than the recorded run's{_why(recorded)}"

    def summary(self, records: Iterable[RunRecord]) -> str | None:
        """How far `records` agree with the recorded runs, in a line; None where there are none."""
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
                differing.append(f"{record.spec.name} differs from epoch {first} on")
        if not compared:
            return None
        said = "compared with " + (
            "the recorded run" if compared == 1 else f"{compared} recorded runs"
        )
        if not differing:
            return f"{said}: the same weights after each of {epochs} epochs, bit for bit"
        if rest := compared - len(differing):
            differing.append(f"{rest} run{'s agree' if rest > 1 else ' agrees'}")
        return f"{said}: {', '.join(differing)}"


def _why(recorded: RunRecord) -> str:
    """Where the recorded run's bits come from, unless they are promised everywhere."""
    there = recorded.environment
    if recorded.spec.engine == "kernels":
        return ""
    return f", which was trained with torch {there.torch} on {there.accelerator or there.processor}"
