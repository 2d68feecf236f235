"""`repro figure`: drawings, and what some of them need computed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal

import numpy as np
from rich.console import RenderableType

from repro.commands.context import Session
from repro.errors import DataError, sentence
from repro.execution.processes import predict
from repro.files import write_atomically
from repro.paths import home
from repro.reporting.figures.registry import FIGURES, FigureSpec, lacks, render_picture
from repro.reporting.figures.style import Format, Style
from repro.reporting.language import Language, choose
from repro.reporting.terminal import plain_table
from repro.verdicts.calibration import bin_up, save_bins
from repro.verdicts.evidence import Evidence


def list_figures(lang: Language) -> RenderableType:
    """Every figure's name and title."""
    grid = plain_table("", "", left=("",))
    grid.show_header = False
    for picture in FIGURES.values():
        grid.add_row(picture.name, picture.title_zh if lang == "zh" else picture.title)
    return grid


def calibrate(session: Session, found: Evidence) -> None:
    """Compute how sure each model's network is, where a checkpoint is kept, and keep it.

    Raises:
        ReproError: the data set is missing, or a checkpoint cannot be used.
    """
    bins = []
    for model in found.models:
        if kept := found.kept(model):
            run, epoch = kept
            session.say(
                choose(
                    session.lang,
                    en=f"{model}: predicting with the weights of epoch {epoch}",
                    zh=f"{model}：用第 {epoch} 轮的权重预测",
                )
            )
            told = predict(run.spec, store=found.store.root, home=home(), epoch=epoch)
            right = np.equal(told.classes[str(epoch)], found.dataset.test_labels)
            digest = run.epochs[epoch - 1].weights_sha256
            bins += bin_up(run.spec.name, epoch, digest, told.confidences, right)
    if not bins:
        raise DataError(
            sentence("{root}: expected a run with a checkpoint of a reading", root=found.store.root)
        )
    save_bins(found.calibration_path, bins)


def draw_figure(picture: FigureSpec, found: Evidence, look: Style, form: Format) -> bytes:
    """The bytes of one figure.

    Raises:
        DataError: the data set or runs are missing or damaged.
    """
    if missing := lacks(picture, found):
        raise type(missing)(sentence("{figure}: {missing}", figure=picture.name, missing=missing))
    return render_picture(picture, look, found, form)


def draw_figures(
    session: Session,
    pictures: Sequence[FigureSpec],
    found: Evidence,
    folder: Path,
    look: Style,
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
        if skip and (missing := lacks(picture, found)):
            session.say(
                sentence("{figure}: left out: {missing}", figure=picture.name, missing=missing)
            )
            continue
        path = folder / f"{picture.name}.{form}"
        write_atomically(path, draw_figure(picture, found, look, form))
        yield path
