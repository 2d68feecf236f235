"""`repro predict`: what a run says of the 10,000 test images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from repro.errors import UsageError, listed, sentence
from repro.execution.processes import predict
from repro.paths import home
from repro.runs.records import RunRecord
from repro.runs.store import Store

DropoutChoice = Literal["on", "off"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Predictions:
    """The classes that a run predicts for the test images, and how it was asked."""

    classes: Sequence[int]
    """One of 0 to 9 for each test image, in the official order."""
    epoch: int
    dropout: DropoutChoice | None
    """None for a network without dropout."""


def predict_classes(
    store: Store,
    record: RunRecord,
    *,
    epoch: int | None,
    dropout: DropoutChoice | None,
    recorded: bool,
) -> Predictions:
    """The predictions of a run of `store`: those stored at `epoch` or, None, those of its weights,
    or of a `recorded` run's last reading.

    Raises:
        UsageError: an epoch without stored predictions, or dropout where there is none.
        DataError: the data set, the predictions or the checkpoint is missing or damaged.
    """
    recipe = record.spec.recipe
    if dropout and not recipe.has_dropout:
        raise UsageError(
            sentence("{run} has no dropout; --dropout does not apply", run=record.spec.name)
        )
    as_recipe: DropoutChoice = "on" if recipe.dropout_at_prediction else "off"
    suffix = "" if dropout in {None, as_recipe} else "-switched"
    how = (dropout or as_recipe) if recipe.has_dropout else None
    if recorded and epoch is None and record.readings:
        epoch = record.readings[-1].epoch
    if epoch is None:
        told = predict(record.spec, store=store.root, home=home())
        return Predictions(
            classes=told.classes[f"{told.epoch}{suffix}"], epoch=told.epoch, dropout=how
        )
    kept = store.predictions(record)
    if str(epoch) not in kept:
        raise UsageError(
            sentence(
                "--epoch {epoch}: expected an epoch with stored predictions; {run} has {names}",
                epoch=epoch,
                run=record.spec.name,
                names=listed(each.epoch for each in record.readings) or sentence("none"),
            )
        )
    return Predictions(classes=kept[f"{epoch}{suffix}"].tolist(), epoch=epoch, dropout=how)
