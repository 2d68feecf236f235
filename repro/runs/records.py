"""What a run leaves behind: value objects, and their JSON.

Shared by both halves of the package: training makes records, tables read them.
"""

from __future__ import annotations

import hashlib
import html
import json
import math
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Annotated, Any

import msgspec

from repro.errors import EvidenceError, Sentence, sentence
from repro.runs.environments import Environment
from repro.spec import Recipe, RunSpec

SCHEMA_VERSION = 3

Share = Annotated[float, msgspec.Meta(ge=0, le=1)]
Count = Annotated[int, msgspec.Meta(ge=1)]
NonNegative = Annotated[float, msgspec.Meta(ge=0)]
Sha256 = Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]


@dataclass(frozen=True, slots=True, kw_only=True)
class EpochRecord:
    """One pass over the training images and the validation after it.

    Raises:
        ValueError: a loss that is no finite number.
    """

    epoch: Count
    train_loss: NonNegative
    """Mean cross-entropy over the epoch's batches, in nats, weighted by their sizes."""
    last_batch_loss: NonNegative
    """Cross-entropy of the epoch's last batch, which the report records (section 3.2.3)."""
    validation_loss: NonNegative
    validation_accuracy: Share
    weights_sha256: Sha256
    """Digest of every parameter and buffer after the epoch."""
    duration_s: NonNegative

    def __post_init__(self) -> None:
        losses = (self.train_loss, self.last_batch_loss, self.validation_loss)
        if not all(map(math.isfinite, losses)):
            raise ValueError(sentence(
                "epoch {epoch}: expected finite losses; got {losses}",
                epoch=self.epoch, losses=losses,
            ))  # fmt: skip

    def differs_in(self, other: EpochRecord) -> str | None:
        """The first field, the weights before all others, in which another training of the same
        epoch came out otherwise; its time may."""
        names = ["weights_sha256", *(field.name for field in fields(self))]
        names = [name for name in names if name != "duration_s"]
        return next((n for n in names if getattr(self, n) != getattr(other, n)), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Switched:
    """What a reading would have been with dropout on instead of off, or off instead of on."""

    accuracy: Share
    predictions_sha256: Sha256


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """The test set, read once after `epoch` epochs."""

    epoch: Count
    accuracy: Share
    """With dropout on or off at prediction, as the recipe says."""
    predictions_sha256: Sha256
    """Digest of the predicted classes, uint8 (10,000,), in the official order."""
    switched: Switched | None = None
    """None for a network without dropout."""

    def accuracy_with(self, recipe: Recipe, *, dropout_on: bool) -> float:
        """The accuracy of a run of `recipe` with dropout on or off at prediction; of a network
        without dropout its only one."""
        if self.switched is None or dropout_on == recipe.dropout_at_prediction:
            return self.accuracy
        return self.switched.accuracy

    @property
    def digests(self) -> dict[str, str]:
        """The digests of the reading's predictions, by the names under which they are kept."""
        return {name: digest for name, (_, digest) in self._both.items()}

    @property
    def accuracies(self) -> dict[str, float]:
        """Their accuracies, by the same names."""
        return {name: accuracy for name, (accuracy, _) in self._both.items()}

    @property
    def _both(self) -> dict[str, tuple[float, str]]:
        out = {str(self.epoch): (self.accuracy, self.predictions_sha256)}
        if self.switched:
            other = self.switched.accuracy, self.switched.predictions_sha256
            out[f"{self.epoch}-switched"] = other
        return out


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRecord:
    """A run as far as it has got. Accuracies are in [0, 1].

    Raises:
        ValueError: epochs that do not count 1, 2, 3, ..., readings out of order or of epochs that
            were not trained, or an environment of another engine.
    """

    spec: RunSpec
    environment: Environment
    epochs: tuple[EpochRecord, ...] = ()
    readings: tuple[Reading, ...] = ()

    def __post_init__(self) -> None:
        of_kernels = self.spec.engine == "kernels"
        named = self.environment.torch, self.environment.torchvision, self.environment.kernels
        if [name is not None for name in named] != [not of_kernels, not of_kernels, of_kernels]:
            raise ValueError(sentence(
                "environment: expected one of the {engine} engine, as the run's; "
                "got torch, torchvision, kernels = {named}",
                engine="kernels" if of_kernels else "torch", named=named,
            ))  # fmt: skip
        for number, each in enumerate(self.epochs, 1):
            if each.epoch != number:
                raise ValueError(sentence(
                    "epochs: expected epoch {number} in its place; got {epoch}",
                    number=number, epoch=each.epoch,
                ))  # fmt: skip
        read = [each.epoch for each in self.readings]
        if read != sorted(set(read)) or (read and read[-1] > len(self.epochs)):
            raise ValueError(sentence(
                "readings: expected rising epochs up to {count}; got {read}",
                count=len(self.epochs), read=read,
            ))  # fmt: skip
        dropout = self.spec.recipe.has_dropout
        for reading in self.readings:
            if (reading.switched is not None) != dropout:
                raise ValueError(sentence(
                    "readings: epoch {epoch}: expected one with dropout switched if "
                    "the network has dropout; {network} {has_it}",
                    epoch=reading.epoch, network=self.spec.recipe.architecture,
                    has_it=sentence("has it") if dropout else sentence("has none"),
                ))  # fmt: skip

    def accuracies(self, *, dropout_on: bool) -> dict[int, float]:
        """Test accuracies by epoch; of a network with dropout, those with dropout on or off."""
        recipe = self.spec.recipe
        return {e.epoch: e.accuracy_with(recipe, dropout_on=dropout_on) for e in self.readings}

    @property
    def prediction_digests(self) -> dict[str, str]:
        """The digests of all kept predictions, by name."""
        return {name: digest for each in self.readings for name, digest in each.digests.items()}

    @property
    def duration_s(self) -> float:
        """Seconds spent in training and validation, over every process that worked on the run."""
        return sum(each.duration_s for each in self.epochs)

    @property
    def best(self) -> EpochRecord | None:
        """The epoch of the highest validation accuracy, the first of equals; None without one."""
        return max(self.epochs, key=lambda each: each.validation_accuracy, default=None)

    def accuracy_at(self, epoch: int) -> float | None:
        """Test accuracy after `epoch` epochs, or None where the test set was not read."""
        return next((each.accuracy for each in self.readings if each.epoch == epoch), None)

    def _repr_html_(self) -> str:
        """For a notebook: the name, the epochs and the test accuracies."""
        rows = {
            "run": html.escape(self.spec.name),
            "epochs": f"{len(self.epochs)}, in {self.duration_s:.0f} s",
            **{
                f"test accuracy after {each.epoch} epochs": f"{each.accuracy:.4f}"
                for each in self.readings
            },
        }
        cells = (f"<tr><th>{name}</th><td>{value}</td></tr>" for name, value in rows.items())
        return f"<table>{''.join(cells)}</table>"

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready: the schema's version, the run's name and digest, all fields, and a seal.

        The seal, `sha256`, is the digest of the canonical JSON of all the rest.
        """
        head = {
            "schema_version": SCHEMA_VERSION, "run": self.spec.name, "digest": self.spec.digest,
        }  # fmt: skip
        fields = {**head, **msgspec.json.decode(msgspec.json.encode(self))}
        fields["spec"] = msgspec.json.decode(msgspec.json.encode(self.spec.to_dict()))
        fields["environment"] = self.environment.to_dict()
        text = json.dumps(fields, sort_keys=True, separators=(",", ":"), allow_nan=False)
        return {**fields, "sha256": hashlib.sha256(text.encode()).hexdigest()}


def is_complete(record: RunRecord, epochs: int) -> bool:
    """Whether a run needs no more training to serve every reading up to `epochs`."""
    read = {reading.epoch for reading in record.readings}
    due = {epoch for epoch in record.spec.recipe.reading_epochs if epoch <= epochs}
    return len(record.epochs) >= epochs and read >= due


def dump(record: RunRecord) -> bytes:
    """A record as indented JSON."""
    return _to_json(record.to_dict())


def _to_json(fields: dict[str, Any]) -> bytes:
    return (json.dumps(fields, indent=1, allow_nan=False) + "\n").encode()


def parse(data: bytes, source: Path | str) -> RunRecord:
    """A record from the JSON of :func:`dump`; nothing but exactly that, byte for byte, is believed.

    Raises:
        EvidenceError: not JSON, a newer schema, a missing, extra or impossible field, a digest that
            is not the spec's, or a seal that is not the content's; it names `source`.
    """
    try:
        fields = msgspec.json.decode(data, type=dict[str, Any])
        version = fields.get("schema_version")
        if isinstance(version, int) and version > SCHEMA_VERSION:
            raise EvidenceError(sentence(
                "{source}: written by a newer version (schema {version}; this one "
                "reads up to {known}); update repro to read it",
                source=source, version=version, known=SCHEMA_VERSION,
            ))  # fmt: skip
        record = msgspec.convert(_of_today(fields), RunRecord)
        meant = record.to_dict()
        if data == _to_json(meant):
            return record
        difference = _first_difference(fields, meant)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise EvidenceError(
            sentence("{source}: not a run record: {error}", source=source, error=error)
        ) from None
    if difference is None:
        difference = sentence("the same values, but other bytes than were written")
    elif difference.startswith("sha256:"):
        difference = sentence("changed after it was written: {difference}", difference=difference)
    raise EvidenceError(
        sentence("{source}: not a run record: {difference}", source=source, difference=difference)
    )


def _of_today(fields: dict[str, Any]) -> dict[str, Any]:
    """A record of version 0.1, which had a profile where the engine is now, as one of today."""
    spec = fields.get("spec")
    if not isinstance(spec, dict) or "profile" not in spec or "engine" in spec:
        return fields
    renamed = {"engine" if name == "profile" else name: each for name, each in spec.items()}
    return {**fields, "spec": renamed}


def _first_difference(given: Any, meant: Any, place: str = "") -> str | None:
    """Where JSON holds more, less or something else than the record that was read from it."""
    if type(given) is not type(meant):
        return _expected(place or "all", meant, given)
    if isinstance(meant, dict):
        inner = place and f"{place}."
        for key in {**meant, **given}:
            if key not in given:
                return sentence("field {field} is missing", field=inner + key)
            if key not in meant:
                return sentence("unknown field {field}", field=_short(inner + key))
        pairs = [(given[key], meant[key], f"{inner}{key}") for key in meant]
    elif isinstance(meant, list) and len(given) == len(meant):
        pairs = [
            (one, other, f"{place}[{n}]")
            for n, (one, other) in enumerate(zip(given, meant, strict=True))
        ]
    else:
        return None if given == meant else _expected(place, meant, given)
    found = (_first_difference(one, other, where) for one, other, where in pairs)
    return next((each for each in found if each), None)


def _expected(place: str, meant: object, given: object) -> Sentence:
    return sentence(
        "{place}: expected {expected}; got {given}",
        place=place, expected=_short(meant), given=_short(given),
    )  # fmt: skip


def _short(value: object) -> str:
    text = json.dumps(value)
    return text if len(text) <= 100 else text[:97] + "..."
